//! What the pages around a customer's requests show and do, without scripts.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests end at the first surprise")]

use portico_integration_tests::client::number;
use portico_integration_tests::page::{attribute, link, text};
use portico_integration_tests::portal::As;
use portico_integration_tests::{Client, Portal, World, wait};
use serde_json::json;

/// Alice and Bob of one organisation; Bob sees all of it.
async fn colleagues(portal: &Portal<'_>) -> (Client, Client) {
    let acme = portal.organization("ACME").await;
    let of = |visibility| As { organization: Some(&acme), visibility: Some(visibility), ..As::default() };
    (portal.person("alice@acme", of("own")).await, portal.person("bob@acme", of("organization")).await)
}

/// CO-2: the organisation's open requests are the open ones.
#[tokio::test]
async fn closed_requests_are_not_among_the_organisations_open_ones() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let (alice, bob) = colleagues(&portal).await;
    let open = number(&alice.ticket("Still cold").await);
    let closed = number(&alice.ticket("Warm again").await);
    alice.post(&format!("tickets/{closed}/close"), json!({})).await.expect(200);
    let list = bob.get("tickets?scope=organization&state=open").await.expect(200);
    assert_eq!(list["items"].as_array().unwrap().iter().map(number).collect::<Vec<_>>(), [open]);
    let mut own = portal.browser_of(&bob).await;
    let shown = own.main("/requests?view=organization").await;
    assert!(shown.contains("Still cold") && !shown.contains("Warm again"), "{shown}");
    let all = own.main("/requests?view=organization-all").await;
    assert!(all.contains("Still cold") && all.contains("Warm again"), "{all}");
}

/// CO-4: on the page somebody is found, may only read, is not found twice, is removed, and leaves; an agent shares too.
#[tokio::test]
async fn people_are_added_removed_and_leave_on_the_page() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let (agent, alice, carol) = (portal.agent("agnes").await, portal.customer("alice").await, portal.customer("carol").await);
    let n = number(&alice.ticket("Shared boiler").await);
    let people = format!("/requests/{n}/collaborators");
    let (mut hers, mut carols) = (portal.browser_of(&alice).await, portal.browser_of(&carol).await);
    let picked = hers.submit(&people, &people, &[("do", "search"), ("email", carol.email())]).await;
    assert!(text(&picked).contains("Read only"), "{}", text(&picked));
    let share = [("do", "share"), ("email", carol.email()), ("access", "read")];
    assert_eq!(hers.post(&text(&picked), &people, &share).await.status, 303);
    let again = hers.submit(&people, &people, &[("do", "search"), ("email", carol.email())]).await;
    assert_eq!(again.status, 422);
    assert!(text(&again).contains("sees this already"), "{}", text(&again));
    let seen = carols.main(&format!("/requests/{n}")).await;
    assert!(seen.contains("Shared boiler") && !seen.contains("Send reply"), "who may only read has no field: {seen}");
    carol.post(&format!("tickets/{n}/comments"), json!({"body": "x"})).await.expect(403);

    let id = async || alice.get(&format!("tickets/{n}/collaborators")).await.expect(200)["items"][0]["id"].as_str().unwrap().to_owned();
    let shown = hers.main(&people).await;
    assert!(shown.contains("Remove") && !shown.contains(">Leave<"), "{shown}");
    let removed = hers.post(&shown, &format!("{people}/{}/remove", id().await), &[]).await;
    assert_eq!(removed.status, 303, "{}", text(&removed));
    let left = hers.main(&people).await;
    assert!(left.contains("Submitted it") && !left.contains(carol.email()) && !left.contains(">Remove<"), "{left}");
    wait::until("carol sees it no more", async || (carols.get(&format!("/requests/{n}")).await.status == 404).then_some(())).await;

    let mut desk = portal.browser_of(&agent).await;
    let ticket = desk.main(&format!("//desk/{}/tickets/{n}", portal.slug)).await;
    let form = desk.main(&link(&ticket, "Add or remove people")).await;
    let shared = desk.post(&form, &people, &[("do", "share"), ("email", carol.email()), ("access", "write")]).await;
    assert_eq!(shared.status, 303, "{}", text(&shared));
    wait::until("carol sees it again", async || (carols.get(&format!("/requests/{n}")).await.status == 200).then_some(())).await;
    let shown = carols.main(&people).await;
    let left = carols.post(&shown, &format!("{people}/{}/remove", id().await), &[]).await;
    assert_eq!(left.header("location"), format!("/portal/{}/requests", portal.slug));
    assert!(carols.main("/requests").await.contains(&format!("You left {n}.")));
    wait::until("carol sees it no more", async || (carol.get(&format!("tickets/{n}")).await.status == 404).then_some(())).await;
}

/// CO-4, S63: whom a guest's form named waits until the requester confirms, on the page.
#[tokio::test]
async fn a_pending_person_is_confirmed_on_the_page() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let (guest, carol) = (portal.guest(), portal.customer("carol").await);
    let form = json!({"subject": "Boiler", "description": "Cold.", "email": portal.address("gus"), "name": "Gus",
        "collaborators": [carol.email()], "captcha": guest.captcha("guest_ticket").await});
    let n = number(&guest.post("tickets", form).await.expect(201));
    let mail = portal.mailbox().first(&portal.address("gus"), "auto_invite").await;
    let gus = portal.register(&mail, "Gus Guest").await;
    portal.mailbox().about(gus.email(), "receipt", &n).await;
    let mut own = portal.browser_of(&gus).await;
    let people = format!("/requests/{n}/collaborators");
    let shown = own.main(&people).await;
    let action = shown.split("<form").find(|form| form.contains("/confirm\"")).map(|form| attribute(form, "action")).expect("a button");
    assert_eq!(own.post(&shown, &format!("/{action}"), &[]).await.status, 303);
    carol.get(&format!("tickets/{n}")).await.expect(200);
    assert!(!own.main(&people).await.contains("/confirm\""));
}

/// CR-20: without scripts a refused form lists articles for its subject, and so does the page that confirms the request.
#[tokio::test]
async fn fitting_articles_stand_below_the_subject_and_on_the_confirmation() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let (agent, alice) = (portal.agent("agnes").await, portal.customer("alice").await);
    for title in ["Calibrate the humidity sensor", "Order a lamp"] {
        agent.post("articles", json!({"title": title, "body": "Use salt.", "state": "published"})).await.expect(201);
    }
    let mut own = portal.browser_of(&alice).await;
    let fields = [("subject", "Calibrate my humidity sensor"), ("description", "")];
    let empty = own.submit("/requests/new", "/requests", &[("subject", ""), ("description", "")]).await;
    assert!(!text(&empty).contains("This may already be answered"));
    let refused = wait::until("the article is suggested", async || {
        let refused = own.submit("/requests/new", "/requests", &fields).await;
        assert_eq!(refused.status, 422);
        text(&refused).contains("This may already be answered").then_some(text(&refused))
    })
    .await;
    assert!(refused.contains("/kb/articles/calibrate-the-humidity-sensor") && !refused.contains("Order a lamp"), "{refused}");
    let sent = own.post(&refused, "/requests", &[fields[0], ("description", "How?")]).await;
    assert_eq!(sent.status, 303, "{}", text(&sent));
    let confirmed = own.main(&format!("/{}", sent.header("location"))).await;
    assert!(confirmed.contains("this may help") && confirmed.contains("/kb/articles/calibrate-the-humidity-sensor"), "{confirmed}");
}

/// AN-2, AN-3, AN-4: the menus lead to every list and to every kind of help.
#[tokio::test]
async fn the_menus_lead_everywhere() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let (_, bob) = colleagues(&portal).await;
    let mut own = portal.browser_of(&bob).await;
    let html = text(&own.get("/kb").await);
    let (bar, menu) = html.split_once("class=\"menu burger\"").expect("a bar and a menu for narrow screens");
    let common = [
        "/requests",
        "/requests?view=organization",
        "/requests?view=closed",
        "/requests?view=collaborating",
        "/requests?view=shared",
        "/requests/new",
        "/kb",
        "/kb?kind=faq",
        "/announcements",
        "/community",
    ];
    for (part, more) in [(bar, &["/search", "/notifications", "/me", "/me/notifications"][..]), (menu, &[])] {
        for path in common.iter().chain(more) {
            assert!(part.contains(&format!("href=\"/portal/{}{path}\"", portal.slug)), "{path} is in no menu: {part}");
            assert_eq!(own.get(path).await.status, 200, "{path}");
        }
    }
    let guest = text(&portal.browser().get("/kb").await);
    assert!(!guest.contains("view=shared") && guest.contains(">Sign in</a>"));
}
