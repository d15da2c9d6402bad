//! Story 1: getting in. Invitation, sign-up, auto-invite, forgotten and changed passwords, and what is refused without telling who exists.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests end at the first surprise")]

use portico_integration_tests::portal::{As, PASSWORD};
use portico_integration_tests::{World, wait};
use reqwest::Method;
use serde_json::{Value, json};

const OTHER_PASSWORD: &str = "seven slow herons turn";

/// IA-5, PP-5, S08, S09, S11
#[tokio::test]
async fn an_invited_person_registers_once_and_is_signed_in() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let email = portal.address("alice@acme");
    let invitation = portal.admin.post("invitations", json!({"email": email, "name": "Alice"})).await.expect(201);
    assert_eq!(invitation["status"], "pending");
    assert_eq!(invitation["role"], "customer");
    assert!(invitation.get("token").is_none(), "the token goes to the mail alone");

    let mail = portal.mailbox().first(&email, "invite").await;
    let guest = portal.guest();
    let page = guest.get(&format!("/portal/{}/invite/{}", portal.slug, mail.token())).await;
    assert_eq!(page.status, 200, "looking at the link consumes nothing");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert!(page.header("cache-control").contains("no-store"));

    let alice = portal.register(&mail, "Alice Adler").await;
    let me = alice.get("me").await.expect(200);
    assert_eq!(me["email"], email.as_str());
    assert_eq!(me["role"], "customer");
    assert_eq!(me["status"], "active");
    assert_eq!(me["origin"], "internal");
    assert!(alice.session["expires_in"].as_u64().unwrap() <= 900);

    let again = json!({"token": mail.token(), "password": PASSWORD});
    guest.post("auth/register", again).await.refused(404, "link_invalid");
}

/// S11: used, revoked, replaced, unknown and blank links are all alike.
#[tokio::test]
async fn links_that_do_not_work_are_all_alike() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let other = world.portal("helpdesk").await;
    let guest = portal.guest();
    let email = portal.address("vera");
    let invitation = portal.admin.post("invitations", json!({"email": email})).await.expect(201);
    let first = portal.mailbox().first(&email, "invite").await;
    let id = invitation["id"].as_str().unwrap();
    portal.admin.post(&format!("invitations/{id}/resend"), json!({})).await;
    let second = portal.mailbox().nth(&email, "invite", 2).await;
    assert_ne!(first.token(), second.token(), "a re-send makes another link");

    let mut answers = Vec::new();
    let texts = [first.token().as_str(), "", " ", "%20", "nonsense", &second.token().to_uppercase(), "a\u{0}b"].map(|token| json!(token));
    let odd = [Value::Null, json!([]), json!([second.token()]), json!({"token": second.token()}), json!(7), json!(true)];
    for token in texts.iter().chain(&odd) {
        for (path, field) in [("auth/register", "password"), ("auth/password-reset/confirm", "password"), ("auth/confirm", "")] {
            let mut body = json!({"token": token});
            if !field.is_empty() {
                body[field] = PASSWORD.into();
            }
            let mut body = guest.post(path, body).await.refused(404, "link_invalid");
            body["trace_id"] = Value::Null;
            answers.push(body);
        }
    }
    guest.post("auth/register", json!({"password": PASSWORD})).await.refused(404, "link_invalid");
    let mut foreign =
        other.guest().post("auth/register", json!({"token": second.token(), "password": PASSWORD})).await.refused(404, "link_invalid");
    foreign["trace_id"] = Value::Null;
    answers.push(foreign);
    assert!(answers.windows(2).all(|pair| pair[0]["detail"] == pair[1]["detail"] && pair[0]["title"] == pair[1]["title"]), "{answers:?}");

    let status = portal.admin.delete(&format!("invitations/{id}")).await.status;
    assert!((200..300).contains(&status), "an administrator revokes the invitation: {status}");
    guest.post("auth/register", json!({"token": second.token(), "password": PASSWORD})).await.refused(404, "link_invalid");
}

/// IA-6, IA-7, S03, S18
#[tokio::test]
async fn a_visitor_signs_up_and_the_answer_does_not_tell_who_exists() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let guest = portal.guest();
    let email = portal.address("sam");
    let body = json!({"name": "Sam Sign-up", "email": email, "captcha": guest.captcha("signup").await});
    let unknown = guest.post("auth/signup", body.clone()).await;
    assert_eq!(unknown.status, 202);
    guest.post("auth/signup", body).await.refused_field("captcha");

    let mail = portal.mailbox().first(&email, "sign_up").await;
    let sam = portal.register(&mail, "Sam Sign-up").await;
    assert_eq!(sam.get("me").await.expect(200)["name"], "Sam Sign-up");

    let again = json!({"name": "Sam again", "email": email, "captcha": guest.captcha("signup").await});
    let known = guest.post("auth/signup", again).await;
    assert_eq!((known.status, &known.body), (unknown.status, &unknown.body), "known and unknown look the same");
}

/// S18: a captcha belongs to its purpose and its portal, and counts once.
#[tokio::test]
async fn a_captcha_of_another_purpose_or_portal_is_refused() {
    let world = World::shared().await;
    let (portal, other) = (world.portal("helpdesk").await, world.portal("helpdesk").await);
    let guest = portal.guest();
    let email = portal.address("nobody");
    let for_reset = guest.captcha("password_reset").await;
    guest.post("auth/signup", json!({"name": "N", "email": email, "captcha": for_reset})).await.refused_field("captcha");
    let foreign = other.guest().captcha("signup").await;
    guest.post("auth/signup", json!({"name": "N", "email": email, "captcha": foreign})).await.refused_field("captcha");
    guest.post("auth/signup", json!({"name": "N", "email": email})).await.refused_field("captcha");
    let mut wrong = guest.captcha("signup").await;
    wrong["number"] = json!(0);
    guest.post("auth/signup", json!({"name": "N", "email": email, "captcha": wrong})).await.refused_field("captcha");
    for broken in [
        json!(7),
        json!({"token": 1, "number": 1}),
        json!({"token": "t", "number": -1}),
        json!({"token": "t", "more": 1}),
        json!({"number": 1}),
    ] {
        let refusal = guest.post("auth/signup", json!({"name": "N", "email": email, "captcha": broken})).await.refused_field("captcha");
        assert_eq!(refusal["errors"].as_array().unwrap().len(), 1, "{broken}: {refusal}");
    }

    let challenge = guest.post("captcha", json!({"purpose": "signup"})).await.expect(200)["challenge"].clone();
    let token = challenge["token"].as_str().unwrap();
    let image = guest.get(&format!("captcha/{token}/image")).await;
    assert_eq!(image.status, 200);
    assert!(image.header("content-type").starts_with("image/"), "{}", image.header("content-type"));
    let audio = guest.get(&format!("captcha/{token}/audio")).await;
    assert_eq!(audio.status, 200);
    assert!(audio.header("content-type").starts_with("audio/"), "{}", audio.header("content-type"));
}

/// IA-12, PP-5, S03, S05, S06, S10
#[tokio::test]
async fn a_forgotten_password_is_replaced_and_every_session_ends() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let alice = portal.customer("alice").await;
    let guest = portal.guest();
    let known = guest.post("auth/password-reset", json!({"email": alice.email(), "captcha": guest.captcha("password_reset").await})).await;
    let stranger = portal.address("stranger");
    let unknown = guest.post("auth/password-reset", json!({"email": stranger, "captcha": guest.captcha("password_reset").await})).await;
    assert_eq!((known.status, &known.body), (202, &unknown.body));
    assert_eq!(unknown.status, 202);

    let mail = portal.mailbox().first(alice.email(), "password_reset").await;
    let body = json!({"token": mail.token(), "password": OTHER_PASSWORD});
    assert_eq!(guest.post("auth/password-reset/confirm", body.clone()).await.status, 204);
    guest.post("auth/password-reset/confirm", body).await.refused(404, "link_invalid");
    portal.mailbox().first(alice.email(), "password_changed").await;
    wait::within(std::time::Duration::from_secs(5), "the old session ends everywhere", async || {
        (alice.get("me").await.status == 401).then_some(())
    })
    .await;
    assert_eq!(guest.login(alice.email(), PASSWORD).await.status, 401);
    guest.login(alice.email(), OTHER_PASSWORD).await.expect(200);
    assert!(portal.mailbox().to(&stranger).is_empty(), "a stranger gets no mail");
}

/// PP-4, S14, S23
#[tokio::test]
async fn a_password_is_changed_with_the_old_one() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let alice = portal.customer("alice").await;
    let wrong = alice.post("me/password", json!({"current": "not my old password", "new": OTHER_PASSWORD})).await;
    assert!((400..500).contains(&wrong.status), "a wrong old password: {}", wrong.status);
    alice.post("me/password", json!({"current": PASSWORD, "new": "short"})).await.refused_field("new");
    assert_eq!(alice.post("me/password", json!({"current": PASSWORD, "new": OTHER_PASSWORD})).await.status, 204);
    portal.mailbox().first(alice.email(), "password_changed").await;
    let guest = portal.guest();
    assert_eq!(guest.login(alice.email(), PASSWORD).await.status, 401);
    guest.login(alice.email(), OTHER_PASSWORD).await.expect(200);
}

/// S03, S17: guessing is slowed down, and a wrong password tells nothing.
#[tokio::test]
async fn guessing_a_password_is_refused_after_a_few_tries() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let alice = portal.customer("alice").await;
    portal.settings(json!({"limits": {"login_failures_per_account": 3}})).await;
    let guest = portal.guest();
    let mut wrong = guest.login(alice.email(), "wrong wrong wrong wrong").await.expect(401);
    let mut unknown = guest.login(&portal.address("nobody"), "wrong wrong wrong wrong").await.expect(401);
    (wrong["trace_id"], unknown["trace_id"]) = (Value::Null, Value::Null);
    assert_eq!(wrong, unknown, "a wrong password and an unknown address look the same");
    let guarded = guest.get("me").await.expect(401);
    assert_ne!(wrong["detail"], guarded["detail"], "who just tried to sign in is not told to sign in");
    let refused = wait::until("guessing is refused", async || {
        let answer = guest.login(alice.email(), "wrong wrong wrong wrong").await;
        (answer.status == 429).then_some(answer)
    })
    .await;
    assert!(!refused.header("retry-after").is_empty());
    refused.refused(429, "rate_limited");
}

/// S14: rules for passwords. Their bound in bytes is tested with the pages (S15).
#[tokio::test]
async fn a_weak_or_endless_password_is_refused_before_it_is_hashed() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let email = portal.address("weak");
    portal.admin.post("invitations", json!({"email": email})).await.expect(201);
    let mail = portal.mailbox().first(&email, "invite").await;
    let guest = portal.guest();
    let endless = "a".repeat(2_000);
    for password in ["short", "", endless.as_str()] {
        guest.post("auth/register", json!({"token": mail.token(), "password": password})).await.refused_field("password");
    }
    portal.register(&mail, "Weak no more").await;
}

/// IA-8, IA-9, IA-13, S63: a guest's request brings one neutral invitation; whoever proves the address sees the request.
#[tokio::test]
async fn a_guests_first_request_brings_an_invitation_and_is_theirs_after_registering() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let guest = portal.guest();
    let email = portal.address("gus");
    let body = json!({"subject": "Bananas in the boiler room", "description": "Pineapples too.", "email": email, "name": "Win Mangoes", "captcha": guest.captcha("guest_ticket").await});
    let made = guest.post("tickets", body).await.expect(201);
    assert_eq!(made["verified"], false);
    assert_eq!(made.as_object().unwrap().len(), 2, "a guest learns the number and no more: {made}");
    guest.get("tickets").await.expect(401);

    let mail = portal.mailbox().first(&email, "auto_invite").await;
    for word in ["Banana", "Pineapple", "Mangoes"] {
        assert!(!mail.raw.contains(word), "none of the writer's text is in the mail");
    }
    let second =
        json!({"subject": "Again", "description": "Still.", "email": email, "name": "Gus", "captcha": guest.captcha("guest_ticket").await});
    guest.post("tickets", second).await.expect(201);

    let gus = portal.register(&mail, "Gus Guest").await;
    wait::until("the guest's requests are theirs", async || {
        let list = gus.get("tickets").await.expect(200);
        (list["items"].as_array().unwrap().len() == 2).then_some(())
    })
    .await;
    let ticket = wait::until("the request counts as verified", async || {
        let ticket = gus.get(&format!("tickets/{}", made["number"].as_str().unwrap())).await.expect(200);
        (ticket["verified"] == true).then_some(ticket)
    })
    .await;
    assert_eq!(ticket["subject"], "Bananas in the boiler room");
    portal.mailbox().about(&email, "receipt", made["number"].as_str().unwrap()).await;
    assert_eq!(portal.mailbox().of_kind(&email, "auto_invite").len(), 1, "at most one such mail an address a day");
}

/// A used refresh token ends the family; logout ends the session everywhere. (S21)
#[tokio::test]
async fn sessions_refresh_once_and_end_everywhere() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let alice = portal.customer("alice").await;
    let guest = portal.guest();
    let first = alice.session["refresh_token"].clone();
    let renewed = guest.post("auth/refresh", json!({"refresh_token": first})).await.expect(200);
    assert_ne!(renewed["refresh_token"], first);
    let reused = guest.post("auth/refresh", json!({"refresh_token": first})).await;
    assert_eq!(reused.status, 401, "a used refresh token is refused");
    let ended = guest.post("auth/refresh", json!({"refresh_token": renewed["refresh_token"]})).await;
    assert_eq!(ended.status, 401, "and ends its family");

    let again = guest.with_session(guest.login(alice.email(), PASSWORD).await.expect(200));
    let status = again.post("auth/logout", json!({})).await.status;
    assert!((200..300).contains(&status), "logout: {status}");
    wait::within(std::time::Duration::from_secs(5), "a logged-out token dies within 5 s", async || {
        (again.get("me").await.status == 401).then_some(())
    })
    .await;
}

/// S21: suspending somebody ends their sessions within 5 s.
#[tokio::test]
async fn a_suspended_person_is_out_within_five_seconds() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let alice = portal.customer("alice").await;
    portal.admin.patch(&format!("users/{}", alice.id()), json!({"status": "suspended"})).await.expect(200);
    wait::within(std::time::Duration::from_secs(5), "the token dies", async || (alice.get("tickets").await.status == 401).then_some(()))
        .await;
    assert_eq!(portal.guest().login(alice.email(), PASSWORD).await.status, 401);
}

/// S19, S20, S28: the cookie of a browser session and its CSRF token.
#[tokio::test]
async fn a_cookie_needs_its_csrf_token_and_is_marked_well() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let alice = portal.customer("alice").await;
    let guest = portal.guest();
    let page = guest.get(&format!("/portal/{}/sign-in", portal.slug)).await;
    let before = cookie(page.header("set-cookie"));
    let html = String::from_utf8_lossy(&page.bytes).into_owned();
    let csrf = attribute(&html, "name=\"_csrf\"", "value=\"");
    let form = [("email", alice.email()), ("password", PASSWORD), ("_csrf", csrf.as_str())];
    let sign_in = guest
        .request(Method::POST, &format!("/portal/{}/sign-in", portal.slug))
        .header("cookie", &before)
        .header("sec-fetch-site", "same-origin")
        .form(&form);
    let signed_in = guest.send(sign_in).await;
    assert_eq!(signed_in.status, 303, "{}", String::from_utf8_lossy(&signed_in.bytes));
    let set = signed_in.header("set-cookie").to_owned();
    for mark in ["__Host-portico=", "Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(set.contains(mark), "{mark} in {set}");
    }
    assert!(!set.contains("Domain"));
    let session = cookie(&set);
    assert_ne!(before, session, "signing in gives another session id");

    let me = guest.send(guest.request(Method::GET, "me").header("cookie", &session)).await.expect(200);
    assert_eq!(me["email"], alice.email());
    let write = |csrf: Option<&str>, site: &str| {
        let request = guest
            .request(Method::POST, "tickets")
            .header("cookie", &session)
            .header("sec-fetch-site", site)
            .json(&json!({"subject": "By cookie", "description": "Text."}));
        match csrf {
            Some(csrf) => request.header("x-csrf-token", csrf),
            None => request,
        }
    };
    let token = me["csrf_token"].as_str().unwrap();
    guest.send(write(None, "same-origin")).await.refused(403, "csrf");
    guest.send(write(Some("wrong"), "same-origin")).await.refused(403, "csrf");
    guest.send(write(Some(token), "cross-site")).await.refused(403, "csrf");
    guest.send(write(Some(token), "same-origin")).await.expect(201);
    assert!(!html.contains(&session), "the cookie's value is in no page");
}

/// The roles of inviting.
#[tokio::test]
async fn agents_invite_customers_and_only_administrators_invite_staff() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let agent = portal.agent("agnes").await;
    let acme = portal.organization("ACME").await;
    let power = portal.person("bob@acme", As { organization: Some(&acme), visibility: Some("organization"), ..As::default() }).await;
    let alice = portal.customer("alice").await;
    agent.post("invitations", json!({"email": portal.address("c1")})).await.expect(201);
    agent.post("invitations", json!({"email": portal.address("a1"), "role": "agent"})).await.expect(403);
    let colleague = power.post("invitations", json!({"email": portal.address("c2@acme")})).await.expect(201);
    assert_eq!(colleague["organization"]["id"], acme.as_str(), "a power user invites into the own organisation");
    alice.post("invitations", json!({"email": portal.address("c3")})).await.expect(403);
    portal.guest().post("invitations", json!({"email": portal.address("c4")})).await.expect(401);
}

fn cookie(header: &str) -> String {
    header.split(';').next().unwrap_or_default().to_owned()
}

fn attribute(html: &str, near: &str, start: &str) -> String {
    let (before, after) = html.split_once(near).unwrap_or_else(|| panic!("{near} in the page"));
    // The attribute stands after the name or before it.
    let tag_end = after.find('>').unwrap_or(after.len());
    let text =
        after[..tag_end].split_once(start).map_or_else(|| before.rsplit_once(start).map(|(_, value)| value), |(_, value)| Some(value));
    text.and_then(|value| value.split('"').next()).unwrap_or_default().to_owned()
}
