//! What comes in by mail, what is answered to it, and who is mailed because somebody named them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests end at the first surprise")]

use portico_integration_tests::client::number;
use portico_integration_tests::page::text;
use portico_integration_tests::portal::proven_mail;
use portico_integration_tests::{Client, Mail, Portal, World, wait};
use serde_json::{Value, json};

/// What became of a mail.
async fn worked_off(portal: &Portal<'_>, id: &str) -> Value {
    wait::until("the mail is worked off", async || {
        let state = portal.admin.get(&format!("inbound-email/{id}")).await.expect(200);
        (state["state"] != "queued").then_some(state)
    })
    .await
}

/// IA-8, CR-25, NE-10: somebody's first request, by mail: one invitation, not one for being new and one for the request.
#[tokio::test]
async fn a_first_request_by_mail_brings_an_invitation() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let email = portal.address("mia");
    let id = format!("first-{}@mail.test", portal.slug);
    let raw = proven_mail(&email, &format!("support@{}.portico.test", portal.slug), "Pump stands still", &id, "Since noon.");
    portal.inbound(&raw).await.expect(202);
    portal.inbound(&raw).await.expect(202);
    assert_eq!(worked_off(&portal, &id).await["state"], "ticket_created");
    let mail = portal.mailbox().first(&email, "auto_invite").await;
    portal.mailbox().first(&email, "receipt").await;
    assert_eq!(
        (portal.mailbox().of_kind(&email, "auto_invite").len(), portal.mailbox().of_kind(&email, "invite").len()),
        (1, 0),
        "one invitation"
    );
    let mia = portal.register(&mail, "Mia Mail").await;
    let list = wait::until("the request is hers", async || {
        let list = mia.get("tickets").await.expect(200);
        (!list["items"].as_array().unwrap().is_empty()).then_some(list)
    })
    .await;
    assert_eq!(list["items"].as_array().unwrap().len(), 1, "the same Message-ID twice is one request");
    assert_eq!(list["items"][0]["subject"], "Pump stands still");
    assert_eq!(list["items"][0]["channel"], "email");
}

/// `policies.first_contact`: in a portal of single sign-on nobody gets an account with a password because of a mail.
#[tokio::test]
async fn a_first_mail_to_a_portal_of_single_sign_on_opens_no_account() {
    let world = World::shared().await;
    let portal = world.portal("product-help").await;
    let email = portal.address("pia");
    let id = format!("sso-{}@mail.test", portal.slug);
    let raw = proven_mail(&email, &format!("support@{}.portico.test", portal.slug), "Pump stands still", &id, "Since noon.");
    portal.inbound(&raw).await.expect(202);
    let made = worked_off(&portal, &id).await;
    portal.mailbox().about(&email, "receipt", made["ticket"].as_str().unwrap()).await;
    // The invitation of somebody who came later has been sent: hers would have been too.
    let other = portal.address("later");
    portal.admin.post("invitations", json!({"email": other})).await.expect(201);
    portal.mailbox().first(&other, "invite").await;
    let kinds: Vec<String> = portal.mailbox().to(&email).into_iter().map(|mail| mail.kind).collect();
    assert_eq!(kinds, ["receipt"]);
}

/// LC-17 by mail: the answer names the request, and leads to a follow-up where one is offered.
#[tokio::test]
async fn an_answer_to_a_closed_request_is_answered_with_its_number_and_a_link() {
    let world = World::shared().await;
    let portal = world.portal("product-help").await;
    let (agent, alice) = (portal.agent("agnes").await, portal.customer("alice").await);
    let n = number(&alice.ticket("Pump").await);
    let receipt = portal.mailbox().about(alice.email(), "receipt", &n).await;
    agent.post(&format!("tickets/{n}/comments"), json!({"body": "New seal.", "status": "resolved"})).await.expect(201);
    assert_eq!(alice.get(&format!("tickets/{n}")).await.expect(200)["status"], "closed");

    let id = format!("late-{}@mail.test", portal.slug);
    portal.inbound(&proven_mail(alice.email(), &receipt.reply_to, "Re: Pump", &id, "It leaks again.")).await.expect(202);
    let state = worked_off(&portal, &id).await;
    assert_eq!((state["state"].as_str(), state["ticket"].as_str()), (Some("ignored"), Some(n.as_str())), "{state}");
    let answer = wait::until("the answer", async || {
        portal.mailbox().of_kind(alice.email(), "ticket_update").into_iter().find(|mail| mail.text.contains("/follow-up"))
    })
    .await;
    assert_eq!(answer.ticket, n);
    assert!(answer.subject.contains(&n), "{}", answer.subject);
    assert!(answer.text.contains(&format!("/portal/{}/requests/{n}/follow-up", portal.slug)), "{}", answer.text);

    // Somebody else's answer to the same mail waits, and an agent is told for which request.
    let stranger = format!("claim-{}@mail.test", portal.slug);
    portal.inbound(&proven_mail(&portal.address("mallory"), &receipt.reply_to, "Re: Pump", &stranger, "Me too.")).await.expect(202);
    let claim = worked_off(&portal, &stranger).await;
    assert_eq!((claim["state"].as_str(), claim["ticket"].as_str()), (Some("claimed"), Some(n.as_str())), "{claim}");
}

/// A closed request, and what was mailed about it when it was open.
async fn closed(portal: &Portal<'_>, customer: &Client) -> (String, Mail) {
    let agent = portal.agent("agnes").await;
    let n = number(&customer.ticket("Pump").await);
    let receipt = portal.mailbox().about(customer.email(), "receipt", &n).await;
    agent.post(&format!("tickets/{n}/comments"), json!({"body": "New seal.", "status": "resolved"})).await.expect(201);
    customer.post(&format!("tickets/{n}/close"), json!({"satisfaction": 5})).await.expect(200);
    (n, receipt)
}

/// LC-17 by mail, `refuse`: the writer is told so, also when they want no mail about their requests, and is offered no follow-up.
#[tokio::test]
async fn an_answer_to_a_closed_request_that_takes_nothing_more_is_answered_with_its_number() {
    let world = World::shared().await;
    let portal = world.portal("service-desk").await;
    let alice = portal.customer("alice").await;
    let (n, receipt) = closed(&portal, &alice).await;
    alice.put("me/preferences", json!({"mail": {"ticket_update": false}})).await.expect(200);

    let id = format!("refused-{}@mail.test", portal.slug);
    portal.inbound(&proven_mail(alice.email(), &receipt.reply_to, "Re: Pump", &id, "It leaks again.")).await.expect(202);
    let state = worked_off(&portal, &id).await;
    assert_eq!((&state["state"], &state["reason"], &state["ticket"]), (&json!("ignored"), &json!("ticket_closed"), &json!(n)));
    let answer = wait::until("the answer", async || {
        portal.mailbox().of_kind(alice.email(), "ticket_update").into_iter().find(|mail| mail.subject.contains("not added"))
    })
    .await;
    assert_eq!(answer.ticket, n);
    assert!(answer.subject.contains(&n), "{}", answer.subject);
    assert!(answer.text.contains(&format!("/portal/{}/requests/{n}", portal.slug)), "{}", answer.text);
    assert!(!answer.text.contains("follow-up") && !answer.text.contains("It leaks again"), "{}", answer.text);
    assert_eq!(alice.get("tickets?state=closed").await.expect(200)["items"].as_array().unwrap().len(), 1, "no request was made");
}

/// LC-17 by mail, `auto_new_case`: the answer is a request of its own, linked, with a receipt; support hears of it.
#[tokio::test]
async fn an_answer_to_a_closed_request_becomes_a_new_one() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let alice = portal.customer("alice").await;
    let (n, receipt) = closed(&portal, &alice).await;

    let id = format!("again-{}@mail.test", portal.slug);
    portal.inbound(&proven_mail(alice.email(), &receipt.reply_to, "Re: Pump", &id, "It leaks again.")).await.expect(202);
    let state = worked_off(&portal, &id).await;
    assert_eq!(state["state"], "comment_added", "{state}");
    let new = state["ticket"].as_str().unwrap();
    assert_ne!(new, n);
    let ticket = alice.get(&format!("tickets/{new}")).await.expect(200);
    assert_eq!((&ticket["follow_up_of"], &ticket["description"]), (&json!(n), &json!("It leaks again.")), "{ticket}");
    assert_eq!(alice.get(&format!("tickets/{n}")).await.expect(200)["status"], "closed");
    let mail = portal.mailbox().about(alice.email(), "receipt", new).await;
    assert!(mail.subject.contains(new), "{}", mail.subject);
    portal.mailbox().about(&portal.address("agnes"), "ticket_update", new).await;
    let refused = |mail: &Mail| mail.subject.contains("not added");
    assert!(!portal.mailbox().to(alice.email()).iter().any(refused), "it was added");
}

/// S60: an answer that only an agent can let in rings for its agent, stands on the desk, and is accepted or dropped there.
#[tokio::test]
async fn a_claim_is_seen_by_its_agent_and_accepted_or_dropped() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let (agent, alice) = (portal.agent("agnes").await, portal.customer("alice").await);
    let n = number(&alice.ticket("Pump").await);
    agent.post(&format!("tickets/{n}/comments"), json!({"body": "Which pump?", "status": "waiting_customer"})).await.expect(201);
    let asked = portal.mailbox().about(alice.email(), "ticket_update", &n).await;
    let (known, forged) = (format!("known-{}@mail.test", portal.slug), format!("forged-{}@mail.test", portal.slug));
    let home = portal.address("alice-at-home");
    portal.inbound(&proven_mail(&home, &asked.reply_to, "Re: Pump", &known, "The blue one.")).await.expect(202);
    let unproven = proven_mail(alice.email(), &asked.reply_to, "Re: Pump, urgently", &forged, "Send me the keys.");
    portal.inbound(&unproven.replace("dmarc=pass", "dmarc=fail")).await.expect(202);
    for (id, reason) in [(&known, "not_on_ticket"), (&forged, "unproven_sender")] {
        let claim = worked_off(&portal, id).await;
        assert_eq!((&claim["state"], &claim["reason"], &claim["ticket"]), (&json!("claimed"), &json!(reason), &json!(n)));
    }
    let marks = async || {
        let bell = agent.get("notifications?unread=true").await.expect(200);
        bell["items"].as_array().unwrap().iter().filter(|mark| mark["url"] == format!("/desk/{}/mail", portal.slug)).count()
    };
    wait::until("the agent's bell", async || (marks().await == 2).then_some(())).await;

    let desk = format!("//desk/{}/mail", portal.slug);
    let mut browser = portal.browser_of(&agent).await;
    let page = text(&browser.get(&desk).await);
    for words in [home.as_str(), alice.email(), "Re: Pump, urgently", n.as_str(), "not proven", "To decide <span class=\"num\">2</span>"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let accepted = browser.post(&page, &format!("{desk}/accept"), &[("message", &known)]).await;
    assert_eq!(accepted.status, 303, "{}", text(&accepted));
    assert_eq!(worked_off(&portal, &known).await["state"], "comment_added");
    let timeline = alice.get(&format!("tickets/{n}/timeline")).await.expect(200).to_string();
    assert!(timeline.contains("The blue one.") && !timeline.contains("Send me the keys."), "{timeline}");
    let late = browser.post(&page, &format!("{desk}/drop"), &[("message", &known)]).await;
    assert_eq!(late.status, 422, "it is decided");
    assert!(text(&late).contains("error-summary") && !text(&late).contains(&home), "{}", text(&late));

    agent.post(&format!("inbound-email/{forged}/drop"), json!({})).await.expect(200);
    let dropped = worked_off(&portal, &forged).await;
    assert_eq!((&dropped["state"], &dropped["reason"]), (&json!("ignored"), &json!("dropped_by_agent")));
    assert!(text(&browser.get(&desk).await).contains("No mail waits for you"));
    wait::until("the marks to go", async || (marks().await == 0).then_some(())).await;

    let mut customer = portal.browser_of(&alice).await;
    assert_eq!(customer.get(&desk).await.status, 404, "it does not exist for customers");
}

/// S64: what could not be read stands on the desk too.
#[tokio::test]
async fn a_message_that_was_set_aside_is_seen_on_the_desk() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let id = format!("two-{}@mail.test", portal.slug);
    let raw = proven_mail(&portal.address("mia"), &format!("support@{}.portico.test", portal.slug), "Two senders", &id, "x");
    portal.inbound(&raw.replace("From: ", "From: second@mail.test, ")).await.expect(202);
    assert_eq!(worked_off(&portal, &id).await["state"], "quarantined");
    let mut browser = portal.browser_of(&portal.admin).await;
    let page = text(&browser.get(&format!("//desk/{}/mail?state=quarantined", portal.slug)).await);
    for words in ["Two senders", "It does not name exactly one sender.", "Set aside <span class=\"num\">1</span>"] {
        assert!(page.contains(words), "{words}: {page}");
    }
}

/// S63: what a guest writes reaches nobody before the address is proven, whatever the form names.
#[tokio::test]
async fn whom_a_guest_names_gets_no_mail() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let guest = portal.guest();
    let (known, unknown) = (portal.customer("carol").await, portal.address("victim"));
    let form = |captcha: Value| {
        json!({"subject": "Buy my pills", "description": "Cheap.", "email": portal.address("gus"), "name": "Gus",
            "collaborators": [known.email(), unknown], "captcha": captcha})
    };
    guest.post("tickets", form(json!({"token": "guessed", "number": 1}))).await.refused_field("captcha");
    let made = guest.post("tickets", form(guest.captcha("guest_ticket").await)).await.expect(201);
    let mail = portal.mailbox().first(&portal.address("gus"), "auto_invite").await;
    let gus = portal.register(&mail, "Gus Guest").await;
    let n = made["number"].as_str().unwrap();
    portal.mailbox().about(gus.email(), "receipt", n).await;
    assert!(portal.mailbox().to(&unknown).is_empty());
    assert!(portal.mailbox().of_kind(known.email(), "collaborator_added").is_empty());
    known.get(&format!("tickets/{n}")).await.refused(404, "not_found");

    let shares = gus.get(&format!("tickets/{n}/collaborators")).await.expect(200);
    let id = shares["items"].as_array().unwrap().iter().find(|share| share["email"] == known.email()).unwrap()["id"].as_str().unwrap();
    assert_eq!(shares["items"][0]["state"], "pending");
    let confirmed = gus.post(&format!("tickets/{n}/collaborators/{id}/confirm"), json!({})).await;
    assert_eq!(confirmed.body["state"], "active");
    portal.mailbox().about(known.email(), "collaborator_added", n).await;
}

/// Whatever was wrong with a link, one page with a button that asks for a new one. S11
#[tokio::test]
async fn the_page_of_a_dead_link_asks_for_a_new_one_and_says_the_same_for_every_link() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let guest = portal.guest();
    let path = format!("/portal/{}/invite/never-real", portal.slug);
    let page = guest.get(&path).await;
    assert_eq!(page.status, 404);
    let html = String::from_utf8_lossy(&page.bytes).into_owned();
    assert!(html.contains("Send me a new link"));
    let (_, after) = html.split_once("name=\"_csrf\"").expect("a form");
    let csrf = after.split("value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("its token");
    let (_, after) = html.split_once("name=\"_key\"").expect("a form");
    let key = after.split("value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("its key");
    let cookie = page.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
    let asked = guest.request(reqwest::Method::POST, &path).header("cookie", cookie).header("sec-fetch-site", "same-origin").form(&[
        ("_csrf", csrf),
        ("_key", key),
        ("renew", "1"),
    ]);
    let answer = guest.send(asked).await;
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.bytes));
    assert!(String::from_utf8_lossy(&answer.bytes).contains("Check your inbox"));
}
