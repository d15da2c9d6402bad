//! What comes in by mail, what is answered to it, and who is mailed because somebody named them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests end at the first surprise")]

use portico_integration_tests::client::number;
use portico_integration_tests::portal::proven_mail;
use portico_integration_tests::{Portal, World, wait};
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

/// lifecycle.md, `first_contact`: in a portal of single sign-on nobody gets an account with a password because of a mail.
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

/// ux.md: whatever was wrong with a link, one page with a button that asks for a new one. S11
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
