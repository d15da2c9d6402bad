//! What the pages of search, articles, topics and home show, without scripts.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests end at the first surprise")]

use portico_integration_tests::page::{link, text};
use portico_integration_tests::{Client, World, wait};
use serde_json::{Value, json};

async fn article(agent: &Client, title: &str, category: &str) -> Value {
    let body = json!({"title": title, "body": "All about it.", "state": "published", "category": category});
    agent.post("articles", body).await.expect(201)
}

/// AN-5: one's own request is found by a word of a comment, with the place; an old one with the words in its subject comes first.
#[tokio::test]
async fn own_requests_are_on_the_page_of_results_best_first_with_the_place() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let (agent, alice, carol) = (portal.agent("agnes").await, portal.customer("alice").await, portal.customer("carol").await);
    alice.ticket("Quince press").await;
    let second = alice.ticket("Something else").await;
    let comments = format!("tickets/{}/comments", second["number"].as_str().unwrap());
    agent.post(&comments, json!({"body": "Is the <quince> jam, too, in the press?"})).await.expect(201);
    let mut own = portal.browser_of(&alice).await;
    let found = own.main("/search?q=quince").await;
    let (first, later) = (found.find("Quince press").expect("by its subject"), found.find("Something else").expect("by a comment"));
    assert!(first < later, "the subject comes first: {found}");
    assert!(found.contains("Is the &lt;<mark>quince</mark>&gt; jam"), "{found}");
    assert!(found.contains("All about: <mark>Quince</mark> press."), "{found}");
    assert!(own.main("/search?q=quince&type=tickets").await.contains("Something else"));
    assert!(!portal.browser_of(&carol).await.main("/search?q=quince").await.contains("Something else"));
    let answer = alice.get("search?q=quince&in=tickets").await.expect(200);
    let group = &answer["groups"][0];
    assert_eq!((group["total"].as_i64(), group["items"][0]["title"].as_str()), (Some(2), Some("Quince press")), "{answer}");
    assert!(group["items"][1]["snippet"].as_str().unwrap().contains("<mark>quince</mark>"), "{answer}");
}

/// KB-4: a kind, "Show all" and a better spelling keep the category; a kind with more than a page says so.
#[tokio::test]
async fn what_results_are_narrowed_to_stays() {
    use futures_util::StreamExt;
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let agent = portal.agent("agnes").await;
    article(&agent, "Marmalade paint", "Paint").await;
    let make = async |at: u32| article(&agent, &format!("Marmalade {at}"), "Heating").await;
    futures_util::stream::iter(0..51).map(make).buffer_unordered(8).for_each(async |_| {}).await;
    let mut guest = portal.browser();
    wait::until("all are found", async || guest.main("/search?q=marmalade&type=articles").await.contains(">52</span>").then_some(())).await;
    let narrowed = guest.main("/search?q=marmalade&category=Heating").await;
    for label in ["All", "Show all"] {
        assert!(link(&narrowed, label).contains("category=Heating"), "{label}: {narrowed}");
    }
    assert!(narrowed.replace("&#38;", "&").contains("q=marmalade&type=faqs&category=Heating"), "{narrowed}");
    let all = guest.main(&link(&narrowed, "Show all")).await;
    assert!(!all.contains("Marmalade paint") && all.contains("The best 50 are shown"), "{all}");
    assert!(!guest.main("/search?q=marmalade%20paint&category=Paint&type=articles").await.contains("are shown"));
    let misspelt = guest.main("/search?q=marmelade&category=Heating&type=articles").await;
    assert!(link(&misspelt, "<strong>marmalade</strong>").contains("category=Heating"), "{misspelt}");
}

/// KB-6: an article's page has its files and the newest comments; whoever writes one is led to where it stands.
#[tokio::test]
async fn an_article_shows_files_and_the_newest_comments() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let (agent, alice) = (portal.agent("agnes").await, portal.customer("alice").await);
    let file = agent.upload("valve plan.txt", "text/plain", b"lines".to_vec()).await;
    let body = json!({"title": "Valves", "body": "Turn them.", "state": "published", "uploads": [file]});
    let slug = agent.post("articles", body).await.expect(201)["slug"].as_str().unwrap().to_owned();
    for at in 1..=100 {
        agent.post(&format!("articles/{slug}/comments"), json!({"body": format!("Comment-{at}.")})).await.expect(201);
    }
    let mut own = portal.browser_of(&alice).await;
    let path = format!("/kb/articles/{slug}");
    let before = own.main(&path).await;
    assert!(before.contains("valve plan.txt") && before.contains("Comment-1.") && !before.contains("Show earlier comments"), "{before}");
    let sent = own.submit(&path, &format!("{path}/comments"), &[("body", "Comment of Alice.")]).await;
    assert_eq!(sent.status, 303, "{}", text(&sent));
    let (place, anchor) = sent.header("location").split_once('#').unwrap();
    let landed = own.main(&format!("/{place}")).await;
    assert!(landed.contains(&format!("id=\"{anchor}\"")) && landed.contains("Comment of Alice."), "{landed}");
    assert!(!landed.contains("Comment-1."), "the oldest is on a page of its own");
    assert!(landed.find("Comment-2.") < landed.find("Comment of Alice."), "read from above");
    let earlier = own.main(&link(&landed, "Show earlier comments")).await;
    assert!(earlier.contains("Comment-1.") && !earlier.contains("Comment of Alice."), "{earlier}");
    assert!(own.main(&link(&earlier, "Show the newest comments")).await.contains("Comment of Alice."));
}

/// A long topic shows its newest replies; whoever replies is led there, and a link to an old reply to its page.
#[tokio::test]
async fn a_long_topic_shows_its_newest_replies_and_leads_to_each() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let (agent, alice) = (portal.agent("agnes").await, portal.customer("alice").await);
    let forum = agent.post("forums", json!({"name": "Pumps"})).await.expect(201);
    let topic = json!({"type": "question", "title": "Which pump?", "body": "Any.", "forum": forum["id"]});
    let id = alice.post("topics", topic).await.expect(201)["id"].as_str().unwrap().to_owned();
    let mut first = Value::Null;
    for at in 1..=50 {
        let made = agent.post(&format!("topics/{id}/posts"), json!({"body": format!("Reply-{at}.")})).await.expect(201);
        first = if at == 1 { made } else { first };
    }
    alice.post(&format!("topics/{id}/accept"), json!({"post": first["id"]})).await.expect(204);
    let mut own = portal.browser_of(&alice).await;
    let path = format!("/community/t/{id}-which-pump");
    let sent = own.submit(&path, &format!("/community/t/{id}/posts"), &[("body", "Reply of Alice.")]).await;
    assert_eq!(sent.status, 303, "{}", text(&sent));
    let (place, anchor) = sent.header("location").split_once('#').unwrap();
    let moved = own.get(&format!("/{place}")).await;
    let landed = own.main(&format!("/{}", moved.header("location"))).await;
    assert!(landed.contains(&format!("id=\"{anchor}\"")) && landed.contains("Reply of Alice."), "{landed}");
    assert!(!landed.contains("id=\"post-1\"") && landed.contains("Accepted answer"), "the accepted one stands above, its place elsewhere");
    let (there, _) = link(&landed, "See it in its place").split_once('#').map(|(there, at)| (there.to_owned(), at.to_owned())).unwrap();
    for earlier in [there, link(&landed, "Show earlier replies"), format!("/community/t/{id}?post=1")] {
        let mut answer = own.get(&earlier).await;
        if answer.status == 308 {
            answer = own.get(&format!("/{}", answer.header("location"))).await;
        }
        let shown = text(&answer);
        assert!(shown.contains("id=\"post-1\"") && !shown.contains("Reply of Alice."), "{earlier}: {shown}");
        assert!(own.main(&link(&shown, "Show the newest replies")).await.contains("Reply of Alice."));
    }
}

/// CM-9, VL-1, AN-6: home and the community have the most discussed topic first; one's requests wait on top, a resolved one is there too.
#[tokio::test]
async fn home_shows_what_waits_and_what_is_discussed() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let (agent, alice) = (portal.agent("agnes").await, portal.customer("alice").await);
    let forum = agent.post("forums", json!({"name": "Pumps"})).await.expect(201);
    for (title, replies) in [("Quiet topic", 0), ("Lively topic", 2)] {
        let body = json!({"type": "question", "title": title, "body": "Any.", "forum": forum["id"]});
        let topic = alice.post("topics", body).await.expect(201);
        for _ in 0..replies {
            let path = format!("topics/{}/posts", topic["id"].as_str().unwrap());
            agent.post(&path, json!({"body": "Hear, hear."})).await.expect(201);
        }
    }
    for (subject, status) in [("Waits for her", "waiting_customer"), ("Is resolved", "resolved"), ("Is new", "")] {
        let path = format!("tickets/{}/comments", alice.ticket(subject).await["number"].as_str().unwrap());
        if !status.is_empty() {
            agent.post(&path, json!({"body": "And now?", "status": status})).await.expect(201);
        }
    }
    let mut own = portal.browser_of(&alice).await;
    wait::until("the replies are counted", async || own.main("/").await.contains("2 replies").then_some(())).await;
    for path in ["/", "/community"] {
        let html = own.main(path).await;
        let block = html.split_once("Most discussed").expect(path).1.split_once("</section>").unwrap().0;
        assert!(block.find("Lively topic").unwrap() < block.find("Quiet topic").unwrap_or(usize::MAX), "{path}: {block}");
    }
    let home = own.main("/").await;
    let at = |subject: &str| home.find(subject).unwrap_or_else(|| panic!("{subject} is missing: {home}"));
    assert!(at("Waits for her") < at("Is new") && at("Is new") < at("Is resolved"), "{home}");
    assert!(own.main(&link(&home, "View all tickets")).await.contains("Waits for her"));
}

/// CM-1: a forum whose name is that of a page is read under an address of its own.
#[tokio::test]
async fn a_forum_called_new_has_a_page() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let agent = portal.agent("agnes").await;
    let forum = agent.post("forums", json!({"name": "New", "description": "Just arrived"})).await.expect(201);
    let topic = json!({"type": "question", "title": "Which relay?", "body": "Any.", "forum": forum["id"]});
    agent.post("topics", topic).await.expect(201);
    let mut guest = portal.browser();
    let community = guest.main("/community").await;
    assert!(guest.main(&link(&community, "New")).await.contains("Which relay?"));
}

/// Unknown parameters are named, and whole lists take the parameters of every list.
#[tokio::test]
async fn whole_lists_take_a_limit_and_refuse_what_they_do_not_know() {
    let world = World::shared().await;
    let portal = world.portal("helpdesk").await;
    let guest = portal.guest();
    for list in ["forums", "article-categories"] {
        guest.get(&format!("{list}?limit=5&cursor=")).await.expect(200);
        guest.get(&format!("{list}?sort=name")).await.refused_field("sort");
        guest.get(&format!("{list}?limit=0")).await.refused_field("limit");
        assert_eq!(guest.get(&format!("{list}?cursor=abc")).await.status, 400);
    }
    for status in [
        portal.admin.get("users?role=system").await,
        portal.admin.post("invitations", json!({"email": "a@b.test", "role": "system"})).await,
    ] {
        status.refused_field("role");
    }
}
