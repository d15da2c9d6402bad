//! Story 4: finding and talking. Search, articles, announcements and the community.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests end at the first surprise")]

use portico_integration_tests::{Client, World, wait};
use serde_json::{Value, json};

async fn titles(client: &Client, path: &str) -> Vec<String> {
    let list = client.get(path).await.expect(200);
    list["items"].as_array().unwrap().iter().map(|item| item["title"].as_str().unwrap_or_default().to_owned()).collect()
}

async fn found(client: &Client, query: &str) -> Vec<(String, String)> {
    let answer = client.get(&format!("search?q={query}")).await.expect(200);
    let groups = answer["groups"].as_array().unwrap();
    let hit =
        |group: &Value, item: &Value| (group["kind"].as_str().unwrap().to_owned(), item["title"].as_str().unwrap_or_default().to_owned());
    groups.iter().flat_map(|group| group["items"].as_array().unwrap().iter().map(|item| hit(group, item))).collect()
}

/// KB-1, KB-3 to KB-5, KB-8 to KB-10: a guest finds an article in spite of a typo; views are counted.
#[tokio::test]
async fn a_guest_finds_an_article_with_a_typo_and_the_view_is_counted() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let agent = portal.agent("agnes").await;
    let draft =
        agent.post("articles", json!({"title": "Calibrate the humidity sensor", "body": "Use the *salt* method."})).await.expect(201);
    assert_eq!(
        (draft["state"].as_str().unwrap(), draft["audience"].as_str().unwrap(), draft["kind"].as_str().unwrap()),
        ("draft", "public", "article")
    );
    let slug = draft["slug"].as_str().unwrap();
    let guest = portal.guest();
    assert_eq!(guest.get(&format!("articles/{slug}")).await.status, 404, "a draft does not exist for others");
    agent.post("articles", json!({"title": "Reset the controller", "body": "Hold reset.", "state": "published"})).await.expect(201);
    agent.patch(&format!("articles/{slug}"), json!({"state": "published"})).await.expect(200);

    wait::until("found with a typo", async || {
        found(&guest, "humidty%20sensr").await.first().is_some_and(|(_, title)| title == "Calibrate the humidity sensor").then_some(())
    })
    .await;
    let search = guest.get("search?q=salt&in=articles").await.expect(200);
    assert!(search["groups"][0]["items"][0]["snippet"].as_str().unwrap().contains("<mark>"), "{search}");
    assert_eq!(search["groups"].as_array().unwrap().len(), 1, "only the kinds that were asked for");

    let article = guest.get(&format!("articles/{slug}")).await.expect(200);
    assert!(article["body_html"].as_str().unwrap().contains("<em>salt</em>"));
    wait::until("the view is counted", async || {
        (guest.get(&format!("articles/{slug}")).await.expect(200)["views"].as_u64().unwrap() > 0).then_some(())
    })
    .await;
    wait::until("the most viewed is first", async || {
        (titles(&guest, "articles?sort=most_viewed").await.first().map(String::as_str) == Some("Calibrate the humidity sensor"))
            .then_some(())
    })
    .await;
    assert_eq!(titles(&guest, "articles?sort=recent").await.len(), 2);
    agent.patch(&format!("articles/{slug}"), json!({"state": "archived"})).await.expect(200);
    assert_eq!(guest.get(&format!("articles/{slug}")).await.status, 404);
    wait::until("an archived article is not found", async || {
        (!found(&guest, "humidity").await.iter().any(|(_, title)| title.contains("humidity"))).then_some(())
    })
    .await;
}

/// KB-2, KB-6, KB-7: FAQs, comments after signing in, feedback, audiences.
#[tokio::test]
async fn articles_have_comments_feedback_and_audiences() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let (agent, alice, guest) = (portal.agent("agnes").await, portal.customer("alice").await, portal.guest());
    let make = async |title: &str, audience: &str, kind: &str| {
        let body =
            json!({"title": title, "body": "Text.", "state": "published", "audience": audience, "kind": kind, "category": "General"});
        agent.post("articles", body).await.expect(201)["slug"].as_str().unwrap().to_owned()
    };
    let open = make("Open to all", "public", "faq").await;
    let customers = make("For customers", "customers", "article").await;
    let team = make("For the team", "agents", "article").await;
    for (client, slug, status) in
        [(&guest, &open, 200), (&guest, &customers, 404), (&alice, &customers, 200), (&alice, &team, 404), (&agent, &team, 200)]
    {
        assert_eq!(client.get(&format!("articles/{slug}")).await.status, status, "{slug}");
    }
    assert_eq!(titles(&guest, "articles?kind=faq").await, ["Open to all"]);
    assert_eq!(titles(&guest, "articles?kind=article").await.len(), 0);
    guest.post(&format!("articles/{open}/comments"), json!({"body": "Hi"})).await.expect(401);
    alice.post(&format!("articles/{open}/comments"), json!({"body": "Thank you <script>alert(1)</script>"})).await.expect(201);
    let comments = guest.get(&format!("articles/{open}/comments")).await.expect(200);
    assert_eq!(comments["items"].as_array().unwrap().len(), 1);
    assert!(!comments["items"][0]["body_html"].as_str().unwrap_or_default().contains("<script"), "S33");
    wait::until("the count follows", async || {
        (guest.get(&format!("articles/{open}")).await.expect(200)["comment_count"] == 1).then_some(())
    })
    .await;
    let feedback = alice.post(&format!("articles/{open}/feedback"), json!({"helpful": true})).await.status;
    assert!((200..300).contains(&feedback), "{feedback}");
    alice.post("articles", json!({"title": "x", "body": "y"})).await.expect(403);
}

/// AN-1: announcements, their audience and validity, dismissed by person.
#[tokio::test]
async fn an_announcement_is_shown_until_dismissed() {
    let world = World::shared().await;
    let portal = world.portal("agency-support").await;
    let (agent, alice) = (portal.agent("agnes").await, portal.customer("alice").await);
    let made = agent
        .post("announcements", json!({"title": "Maintenance on Sunday", "body": "From 6 to 8.", "severity": "warning"}))
        .await
        .expect(201);
    let over = json!({"title": "Long over", "body": "x", "severity": "info", "valid_until": "2020-01-01T00:00:00Z"});
    agent.post("announcements", over).await;
    assert_eq!(titles(&portal.guest(), "announcements").await, ["Maintenance on Sunday"]);
    let id = made["id"].as_str().unwrap();
    let dismissed = alice.post(&format!("announcements/{id}/dismiss"), json!({})).await.status;
    assert!((200..300).contains(&dismissed), "{dismissed}");
    let list = alice.get("announcements").await.expect(200);
    assert!(list["items"].as_array().unwrap().iter().all(|item| item["dismissed"] == true), "{list}");
    alice.post("announcements", json!({"title": "x", "body": "y"})).await.expect(403);
}

/// CM-2 to CM-11, S63: draft, preview, publish with copies, answer, accept.
#[tokio::test]
async fn a_topic_goes_from_draft_to_accepted_answer() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let (agent, alice, carol) = (portal.agent("agnes").await, portal.customer("alice").await, portal.customer("carol").await);
    let forum = agent.post("forums", json!({"name": "Controllers", "description": "All about controllers"})).await.expect(201);
    let forum_id = forum["id"].as_str().unwrap();
    let sub = agent.post("forums", json!({"name": "Wiring", "parent": forum_id})).await.expect(201);
    portal.guest().post("topics", json!({"type": "question", "title": "t", "body": "b", "forum": forum_id})).await.expect(401);

    let preview = alice.post("topics/preview", json!({"body": "Is it **safe**?"})).await.expect(200);
    assert!(preview["html"].as_str().unwrap().contains("<strong>safe</strong>"));
    let body = json!({"type": "question", "title": "Which cable for long runs?", "body": "Is it **safe** over 80 metres?", "forum": sub["id"],
                      "tags": ["wiring", "rs485"], "notify_emails": [carol.email()], "draft": true});
    let topic = alice.post("topics", body).await.expect(201);
    let id = topic["id"].as_str().unwrap().to_owned();
    assert_eq!(topic["draft"], true);
    assert_eq!(carol.get(&format!("topics/{id}")).await.status, 404, "a draft exists for its writer alone");
    assert_eq!(titles(&alice, "drafts").await, ["Which cable for long runs?"]);
    assert!(titles(&carol, "drafts").await.is_empty());
    assert!(portal.mailbox().of_kind(carol.email(), "topic_copy").is_empty());

    alice.patch(&format!("topics/{id}"), json!({"draft": false})).await.expect(200);
    carol.get(&format!("topics/{id}")).await.expect(200);
    portal.mailbox().first(carol.email(), "topic_copy").await;
    let post = carol.post(&format!("topics/{id}/posts"), json!({"body": "Use shielded twisted pair."})).await.expect(201);
    let post_id = post["id"].as_str().unwrap();
    carol.post(&format!("topics/{id}/accept"), json!({"post": post_id})).await.expect(403);
    assert_eq!(alice.post(&format!("topics/{id}/accept"), json!({"post": post_id})).await.status, 204);
    assert_eq!(carol.post(&format!("topics/{id}/vote"), json!({"value": 1})).await.status, 204);
    assert_eq!(carol.post(&format!("topics/{id}/vote"), json!({"value": 1})).await.status, 204, "a vote counts once");
    let read = wait::until("the topic shows what happened", async || {
        let topic = portal.guest().get(&format!("topics/{id}")).await.expect(200);
        (topic["votes"] == 1 && topic["accepted_post"] == post_id).then_some(topic)
    })
    .await;
    assert_eq!(read["posts"], 1);
    assert_eq!(titles(&portal.guest(), "topics?tag=rs485").await.len(), 1);
    assert_eq!(titles(&portal.guest(), "topics?sort=most_discussed").await.len(), 1);
    wait::until("the topic is found", async || {
        found(&portal.guest(), "cable%20long%20runs")
            .await
            .contains(&("topics".to_owned(), "Which cable for long runs?".to_owned()))
            .then_some(())
    })
    .await;
    let tree = portal.guest().get("forums").await.expect(200);
    assert!(tree.to_string().contains("Wiring"));
}

/// AN-5, S02 in small: search shows only what the caller may see, one's own requests too.
#[tokio::test]
async fn search_shows_only_what_the_caller_may_see() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let (agent, alice, carol) = (portal.agent("agnes").await, portal.customer("alice").await, portal.customer("carol").await);
    agent
        .post("articles", json!({"title": "Zebrafish for the team", "body": "internal", "state": "published", "audience": "agents"}))
        .await
        .expect(201);
    agent.post("articles", json!({"title": "Zebrafish for all", "body": "public", "state": "published"})).await.expect(201);
    alice.ticket("Zebrafish in the tank").await;
    let wanted = [("articles".to_owned(), "Zebrafish for all".to_owned())];
    wait::until("the guest finds the public article", async || (found(&portal.guest(), "zebrafish").await == wanted).then_some(())).await;
    wait::until("alice finds her request too", async || {
        let hits = found(&alice, "zebrafish").await;
        (hits.len() == 2 && hits.iter().any(|(kind, _)| kind == "tickets")).then_some(())
    })
    .await;
    assert_eq!(found(&carol, "zebrafish").await, wanted);
    wait::until("the agent finds all", async || (found(&agent, "zebrafish").await.len() == 3).then_some(())).await;
    assert_eq!(alice.get(&format!("search?q={}", "a".repeat(3_000))).await.status, 422);
}

/// CM-12, IA-18: the community can be switched off.
#[tokio::test]
async fn a_portal_without_community_has_none() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let alice = portal.customer("alice").await;
    alice.get("forums").await.expect(200);
    portal.settings(json!({"features": {"community": false}})).await;
    wait::until("the community is gone", async || (alice.get("forums").await.status == 404).then_some(())).await;
    assert_eq!(portal.guest().get(&format!("/portal/{}/community", portal.slug)).await.status, 404);
}
