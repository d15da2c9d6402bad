//! The pages' doors: forms, cookies and one-time links as a browser without scripts uses them, and what somebody tries who means harm.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests end at the first surprise")]

use std::time::{Duration, Instant};

use portico_integration_tests::page::{link, text};
use portico_integration_tests::portal::PASSWORD;
use portico_integration_tests::{Answer, World, wait};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const OTHER_PASSWORD: &str = "seven slow herons turn";

/// What a stranger can tell answers apart by: status, place, headers and text, without what is new each time.
fn face(answer: &Answer) -> (u16, String, Vec<String>, String) {
    let names = answer.headers.keys().map(ToString::to_string).collect();
    let body: String =
        text(answer).lines().filter(|line| !["csrf", "_key", "captcha", "salt"].iter().any(|new| line.contains(new))).collect();
    (answer.status, answer.header("location").to_owned(), names, body)
}

/// S03: the pages' forms answer alike for known, suspended and unknown addresses.
#[tokio::test]
async fn forms_do_not_tell_who_exists() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let (alice, sue) = (portal.customer("alice").await, portal.customer("sue").await);
    portal.admin.patch(&format!("users/{}", sue.id()), json!({"status": "suspended"})).await.expect(200);
    let stranger = portal.address("stranger");
    for (path, purpose) in [("/sign-up", "signup"), ("/forgot", "password_reset")] {
        let mut faces = Vec::new();
        for email in [alice.email(), sue.email(), stranger.as_str()] {
            let mut visitor = portal.browser();
            let proof = portal.guest().captcha(purpose).await;
            let (token, number) = (proof["token"].as_str().unwrap().to_owned(), proof["number"].to_string());
            let fields = [("name", "Somebody"), ("email", email), ("captcha_token", &token), ("captcha_number", &number)];
            faces.push(face(&visitor.submit(path, path, &fields).await));
        }
        assert_eq!(faces[0].0, 303, "{path}: {:?}", faces[0]);
        assert!(faces.windows(2).all(|pair| pair[0] == pair[1]), "{path}: {faces:?}");
    }
    let mut faces = Vec::new();
    for email in [alice.email(), sue.email(), stranger.as_str()] {
        let answer = portal.browser().sign_in(email, "wrong wrong wrong wrong").await;
        let (status, place, names, body) = face(&answer);
        faces.push((status, place, names, body.replace(email, "")));
    }
    assert!(faces.windows(2).all(|pair| pair[0] == pair[1]), "sign-in: {faces:?}");
}

/// S28: no form is taken without its token, with another browser's, or from another site; a method in disguise changes nothing.
#[tokio::test]
async fn a_form_of_another_site_or_browser_is_refused() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let alice = portal.customer("alice").await;
    let (mut own, mut other) = (portal.browser(), portal.browser());
    let foreign = text(&other.get("/sign-in").await);
    own.get("/sign-in").await;
    let fields = [("email", alice.email()), ("password", PASSWORD)];
    let bare = own.send(own.request(Method::POST, "/sign-in").form(&fields)).await;
    assert_eq!(bare.status, 403, "without a token");
    assert_eq!(own.post(&foreign, "/sign-in", &fields).await.status, 403, "with the token of another browser");
    let page = text(&own.get("/sign-in").await);
    let token = portico_integration_tests::page::attribute(page.split_once("name=\"_csrf\"").unwrap().1, "value");
    for (name, value) in [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "https://evil.test")] {
        let request = portal.guest().request(Method::POST, &format!("/portal/{}/sign-in", portal.slug)).header("cookie", own.cookie());
        let answer = own.send(request.header(name, value).form(&[&fields[..], &[("_csrf", token.as_str())]].concat())).await;
        assert_eq!(answer.status, 403, "{name}: {value}");
    }
    assert_eq!(own.sign_in(alice.email(), PASSWORD).await.status, 303);

    let sneaky = own.request(Method::POST, "/sign-out").header("sec-fetch-site", "cross-site").form(&[("_csrf", "x")]);
    assert_eq!(own.send(sneaky).await.status, 403, "nobody signs somebody else out");
    let ticket = alice.ticket("Stays").await;
    let number = ticket["number"].as_str().unwrap();
    let disguised = own.request(Method::GET, &format!("/requests/{number}/close?_method=POST")).header("x-http-method-override", "POST");
    own.send(disguised).await;
    assert_eq!(alice.get(&format!("tickets/{number}")).await.expect(200)["status_category"], "open", "a GET closes nothing");
}

/// S17: guessing on the page is slowed down as in the API, and says so humanely.
#[tokio::test]
async fn guessing_on_the_page_is_429_with_a_page_that_says_when_to_come_back() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let alice = portal.customer("alice").await;
    portal.settings(json!({"limits": {"login_failures_per_account": 3}})).await;
    let mut visitor = portal.browser();
    let refused = wait::until("guessing is refused", async || {
        let answer = visitor.sign_in(alice.email(), "wrong wrong wrong wrong").await;
        (answer.status == 429).then_some(answer)
    })
    .await;
    assert!(refused.header("retry-after").parse::<u64>().unwrap() > 0);
    let page = text(&refused);
    assert!(page.contains("error-summary") && page.contains("Wait"), "{page}");
    assert!(page.contains(alice.email()), "the address stays");
}

/// S07: the links in mails begin with the configured address, whatever a request calls the host.
#[tokio::test]
async fn a_spoofed_host_or_absolute_target_never_reaches_the_reset_link() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let alice = portal.customer("alice").await;
    let address = world.public().strip_prefix("http://").unwrap().to_owned();
    for (at, (target, host)) in
        [("", "evil.test"), ("http://evil.test", "evil.test"), ("http://evil.test", address.as_str())].into_iter().enumerate()
    {
        let body = json!({"email": alice.email(), "captcha": portal.guest().captcha("password_reset").await}).to_string();
        let path = format!("/api/v1/portals/{}/auth/password-reset", portal.slug);
        let head = format!(
            "POST {target}{path} HTTP/1.1\r\nhost: {host}\r\nx-forwarded-host: evil.test\r\nforwarded: host=evil.test\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 202"), "{target} {host}: {answer}");
        let mail = portal.mailbox().nth(alice.email(), "password_reset", at + 1).await;
        assert!(!mail.raw.contains("evil.test"), "{target} {host}");
        assert!(mail.text.contains(world.public()), "the link begins with the public URL");
    }
}

/// S15: ten megabytes of password are refused at once, by the page and by the API.
#[tokio::test]
async fn an_endless_password_is_refused_before_it_is_read() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let mut visitor = portal.browser();
    visitor.get("/sign-in").await;
    let address = world.public().strip_prefix("http://").unwrap().to_owned();
    let of_a_page = format!("cookie: {}\r\nsec-fetch-site: same-origin\r\n", visitor.cookie());
    for (path, kind, more) in [
        (format!("/api/v1/portals/{}/auth/login", portal.slug), "application/json", ""),
        (format!("/portal/{}/sign-in", portal.slug), "application/x-www-form-urlencoded", of_a_page.as_str()),
    ] {
        let mut quickest = Duration::MAX;
        for _ in 0..5 {
            let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
            let head = format!(
                "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: {kind}\r\ncontent-length: 10000000\r\n{more}expect: 100-continue\r\n\r\n"
            );
            let begun = Instant::now();
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut answer = vec![0; 32];
            let read = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut answer)).await.unwrap().unwrap();
            let line = String::from_utf8_lossy(&answer[..read]).into_owned();
            assert!(line.starts_with("HTTP/1.1 413"), "{path}: {line}");
            quickest = quickest.min(begun.elapsed());
        }
        assert!(quickest < Duration::from_millis(100), "{path} took {quickest:?}");
    }
    let answer = visitor.sign_in(&portal.address("nobody"), &"a".repeat(10_000)).await;
    assert!((400..500).contains(&answer.status), "10 kB of password: {}", answer.status);
}

/// PP-4, S19: after a new password the cookie from before is dead, here and in the other portals of the browser; by the page and by the API.
#[tokio::test]
async fn a_new_password_gives_the_browser_a_new_secret() {
    let world = World::shared().await;
    let (portal, second) = (world.portal("helpdesk").await, world.portal("helpdesk").await);
    let (alice, elsewhere) = (portal.customer("alice").await, second.customer("alice").await);
    let own = portal.browser_of(&alice).await;
    let mut at_second = own.at(&second.slug);
    assert_eq!(at_second.sign_in(elsewhere.email(), PASSWORD).await.status, 303);
    let mut own = at_second.at(&portal.slug);
    assert_eq!(own.get("/requests").await.status, 200, "one browser is signed in at both");
    let mut thief = own.clone();
    assert_eq!(thief.at(&second.slug).get("/requests").await.status, 200);

    let wrong = own.submit("/me/security", "/me/security", &[("current", "not my password at all"), ("new", OTHER_PASSWORD)]).await;
    assert_eq!(wrong.status, 422, "a wrong present password");
    assert!(text(&wrong).contains("error-summary"));
    let changed = own.submit("/me/security", "/me/security", &[("current", PASSWORD), ("new", OTHER_PASSWORD)]).await;
    assert_eq!(changed.status, 303, "{}", text(&changed));
    assert_eq!(own.get("/requests").await.status, 200, "who changed it stays in");
    assert_eq!(own.at(&second.slug).get("/requests").await.status, 200, "and stays in elsewhere");
    assert_eq!(thief.get("/requests").await.status, 303, "the cookie from before opens nothing");
    assert_eq!(thief.at(&second.slug).get("/requests").await.status, 303, "in no portal");
    assert_eq!(portal.browser().sign_in(alice.email(), OTHER_PASSWORD).await.status, 303, "the new password opens");

    let mut thief = own.clone();
    let me: Value = own.get(&format!("//api/v1/portals/{}/me", portal.slug)).await.expect(200);
    let request = own
        .request(Method::POST, &format!("//api/v1/portals/{}/me/password", portal.slug))
        .header("x-csrf-token", me["csrf_token"].as_str().unwrap())
        .json(&json!({"current": OTHER_PASSWORD, "new": PASSWORD}));
    let changed = own.send(request).await;
    assert_eq!(changed.status, 204);
    assert!(changed.header("set-cookie").contains("__Host-portico="), "the API sets the new cookie");
    assert_eq!(own.get("/requests").await.status, 200);
    assert_eq!(thief.get("/requests").await.status, 303);
}

/// A refused form keeps its text and its files without scripts; sending it again makes one request with the file.
#[tokio::test]
async fn a_refused_form_keeps_its_files_and_their_names() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let alice = portal.customer("alice").await;
    let mut own = portal.browser_of(&alice).await;
    let page = own.new_request().await;
    assert!(page.contains("up to 25 MB each"), "the limit is told in the unit of the refusal");
    let refused =
        own.post_file(&page, "/requests/new", &[("subject", "Lamp"), ("description", "")], "photo of lamp.txt", b"blink".to_vec()).await;
    assert_eq!(refused.status, 422);
    let again = text(&refused);
    assert!(again.contains("photo of lamp.txt") && again.contains("5 bytes") && again.contains("value=\"Lamp\""), "{again}");
    let sent = own.post(&again, "/requests/new", &[("subject", "Lamp"), ("description", "It blinks.")]).await;
    assert_eq!(sent.status, 303, "{}", text(&sent));
    let list = alice.get("tickets").await.expect(200);
    let number = list["items"][0]["number"].as_str().unwrap().to_owned();
    let timeline = alice.get(&format!("tickets/{number}/timeline")).await.expect(200);
    assert_eq!(timeline["items"][0]["attachments"][0]["name"], "photo of lamp.txt");
    let files = text(&own.get(&format!("/requests/{number}/files")).await);
    assert!(files.contains("photo of lamp.txt"), "CF-6: the list of all files");

    portal.settings(json!({"limits": {"upload_bytes": 1024}})).await;
    wait::until("the portal's own limit holds for forms", async || {
        let page = own.new_request().await;
        if !page.contains("up to 1 KB each") {
            return None;
        }
        let answer =
            own.post_file(&page, "/requests/new", &[("subject", "Big"), ("description", "Kept text")], "big.txt", vec![b'x'; 2048]).await;
        assert_eq!(answer.status, 422);
        let shown = text(&answer);
        assert!(shown.contains("big.txt: The selected file must be smaller than 1 KB") && shown.contains("Kept text"), "{shown}");
        Some(())
    })
    .await;
}

/// A form that was sent before with another text keeps the text and is a request of its own when it is sent again.
#[tokio::test]
async fn back_and_another_text_is_another_request() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let alice = portal.customer("alice").await;
    let mut own = portal.browser_of(&alice).await;
    let page = own.new_request().await;
    let first = [("subject", "First"), ("description", "One.")];
    assert_eq!(own.post(&page, "/requests/new", &first).await.status, 303);
    assert_eq!(own.post(&page, "/requests/new", &first).await.status, 303, "the same again is the same");
    let second = [("subject", "Second"), ("description", "Two.")];
    let refused = own.post(&page, "/requests/new", &second).await;
    assert_eq!(refused.status, 422);
    let again = text(&refused);
    assert!(again.contains("value=\"Second\"") && again.contains("Two."), "the text is kept: {again}");
    assert_eq!(own.post(&again, "/requests/new", &second).await.status, 303);
    assert_eq!(alice.get("tickets").await.expect(200)["items"].as_array().unwrap().len(), 2);
}

/// The limit of guests' requests covers the page as well as the API (quality: a limiter that covers one of them is a hole).
#[tokio::test]
async fn guests_are_slowed_down_on_the_page_too() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    portal.settings(json!({"limits": {"guest_requests_per_hour_per_source": 1}})).await;
    let mut guest = portal.browser();
    let page = guest.new_request().await;
    let email = portal.address("gus");
    let fields = [("name", "Gus"), ("email", email.as_str()), ("subject", "Again"), ("description", "And again."), ("captcha_number", "0")];
    // On a development start a limit is 100 times as wide; the setting arrives within two seconds.
    let mut last = 0;
    for _ in 0..400 {
        let answer = guest.post(&page, "/requests/new", &fields).await;
        last = answer.status;
        if last == 429 {
            assert!(!answer.header("retry-after").is_empty());
            assert!(text(&answer).contains("And again."), "the text is kept");
            break;
        }
    }
    assert_eq!(last, 429);
}

/// S09: a one-time token, a password or a cookie is in no link of its page, in no log and in no metric; also where the page is a refusal.
#[tokio::test]
async fn secrets_stay_out_of_links_logs_and_metrics() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let alice = portal.customer("alice").await;
    portal
        .guest()
        .post("auth/password-reset", json!({"email": alice.email(), "captcha": portal.guest().captcha("password_reset").await}))
        .await;
    let mail = portal.mailbox().first(alice.email(), "password_reset").await;
    let mut visitor = portal.browser();
    let path = format!("/reset/{}", mail.token());
    let page = visitor.get(&path).await;
    let refused = visitor.post(&text(&page), &path, &[("password", "short")]).await;
    let dead = visitor.get("/reset/this-link-was-never-made").await;
    for (answer, status) in [(&page, 200), (&refused, 422), (&dead, 404)] {
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{status}");
        assert!(answer.header("cache-control").contains("no-store"), "{status}");
        let html = text(answer);
        let main = html.split_once("<main").unwrap();
        let links = format!("{}{}", main.0, main.1.split_once("</main>").unwrap().1);
        for token in [mail.token(), "this-link-was-never-made".to_owned()] {
            assert!(!links.contains(&token), "a link around the {status} page repeats the token");
        }
    }
    let secret = "a Password that only this test knows";
    let done = visitor.post(&text(&refused), &path, &[("password", secret)]).await;
    assert_eq!(done.status, 200, "{}", text(&done));
    let mut own = portal.browser();
    assert_eq!(own.sign_in(alice.email(), secret).await.status, 303);
    let cookie = own.cookie().split_once("__Host-portico=").unwrap().1.split(';').next().unwrap().to_owned();
    let login = portal.guest().login(alice.email(), secret).await.expect(200);
    let (access, refresh) = (login["access_token"].as_str().unwrap().to_owned(), login["refresh_token"].as_str().unwrap().to_owned());
    own.get("/requests").await;

    let secrets = [mail.token(), secret.to_owned(), cookie, access, refresh];
    let mut read = 0;
    for file in logs(world.data()) {
        let log = String::from_utf8_lossy(&std::fs::read(&file).unwrap_or_default()).into_owned();
        read += usize::from(!log.is_empty());
        for secret in &secrets {
            assert!(!log.contains(secret.as_str()), "{} holds {secret}", file.display());
        }
    }
    assert!(read >= 6, "the logs of all services were read: {read}");
    for url in world.status()["operations"].as_object().unwrap().values() {
        let metrics = portal.guest().http().get(format!("{}/metrics", url.as_str().unwrap())).send().await.unwrap().text().await.unwrap();
        assert!(secrets.iter().all(|secret| !metrics.contains(secret.as_str())), "{url}");
    }
}

/// All files that logs are written to.
fn logs(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("postgres") && !path.ends_with("blobs") {
            found.extend(logs(&path));
        } else if path.extension().is_some_and(|extension| extension == "log") {
            found.push(path);
        }
    }
    found
}

/// CF-4: a long conversation shows its end, with a way to what was before, at the desk and to the customer.
#[tokio::test]
async fn a_long_conversation_shows_its_newest_messages_and_leads_to_earlier_ones() {
    use futures_util::StreamExt;
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let (agent, alice) = (portal.agent("agnes").await, portal.customer("alice").await);
    let quiet = json!({"mail": {"ticket_update": false}, "bell": {"ticket_update": false}});
    alice.put("me/preferences", quiet).await.expect(200);
    let number = alice.ticket("Long").await["number"].as_str().unwrap().to_owned();
    let path = format!("tickets/{number}/comments");
    let reply = async |at: u32| agent.post(&path, json!({"body": format!("Reply-{at}.")})).await.expect(201);
    reply(1).await;
    futures_util::stream::iter(2..505).map(reply).buffer_unordered(16).for_each(async |_| {}).await;
    reply(505).await;
    for (who, path) in [(&agent, format!("//desk/{}/tickets/{number}", portal.slug)), (&alice, format!("/requests/{number}"))] {
        let mut own = portal.browser_of(who).await;
        let page = text(&own.get(&path).await);
        assert!(page.contains("Reply-505.") && !page.contains("Reply-1."), "{path}: the end is shown");
        let earlier = text(&own.get(&link(&page, "Show earlier messages")).await);
        assert!(earlier.contains("Reply-1.") && !earlier.contains("Reply-505.") && !earlier.contains("rel=\"prev\""), "{path}");
    }
}
