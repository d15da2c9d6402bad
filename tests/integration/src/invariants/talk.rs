//! Topics, posts and comments on articles are there once and unchanged (I01); articles are found as they are listed (I10).

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};
use serde_json::Value;

use super::{AT_ONCE, PARITY, Scene, all_items};
use crate::client::Client;
use crate::history::{Kind, Operation};
use crate::load::{Camp, SEARCHED};
use crate::wait;

/// Hits of one question, at most what the API gives.
const HITS: usize = 50;

/// I01 for what people talk about.
pub(super) async fn talk_is_there_once(scene: &Scene<'_>) {
    for camp in scene.camps() {
        let mut ids: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for item in all_items(&camp.agent, "topics?").await {
            let text = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
            ids.entry(text("title")).or_default().push(text("id"));
        }
        let of_camp = scene.history.of_op("topic").filter(|topic| topic.portal == camp.slug);
        let looked = stream::iter(of_camp.collect::<Vec<_>>()).for_each_concurrent(AT_ONCE, async |topic| {
            let title = topic.asked["body"]["title"].as_str().unwrap_or_default();
            let found = ids.get(title).map(Vec::as_slice).unwrap_or_default();
            is_there_once(scene, topic, found.len(), title);
            if let Some(id) = found.first() {
                assert!(topic.outcome != Kind::Ok || topic.answer()["id"] == id.as_str(), "{title} was told as another one (I01)");
                is_unchanged(scene, &camp.agent, topic, id).await;
            }
        });
        looked.await;
        let comments = all_items(&camp.agent, &format!("articles/{}/comments?", camp.article)).await;
        for comment in scene.history.of_op("comment").filter(|comment| comment.portal == camp.slug) {
            is_there_once(scene, comment, with_body(&comments, &comment.asked["body"]), "a comment");
        }
    }
}

async fn is_unchanged(scene: &Scene<'_>, reader: &Client, topic: &Operation, id: &str) {
    let found = reader.get(&format!("topics/{id}")).await.expect(200);
    assert_eq!(found["body"], topic.asked["body"]["body"], "topic {id} (I01)");
    let posts = all_items(reader, &format!("topics/{id}/posts?")).await;
    for post in scene.history.of_op("post").filter(|post| post.asked["topic"] == id) {
        is_there_once(scene, post, with_body(&posts, &post.asked["body"]), "a post");
    }
}

fn with_body(items: &[Value], body: &Value) -> usize {
    items.iter().filter(|item| item["body"] == *body).count()
}

fn is_there_once(scene: &Scene<'_>, operation: &Operation, times: usize, what: &str) {
    let must = operation.outcome == Kind::Ok && !scene.tolerance.may_be_lost(operation);
    assert!(times <= 1 && (times == 1 || !must), "{what} is there {times} times (I01): {}", operation.asked);
}

/// I10 and I06 for articles: a customer finds those that are published, and no other.
pub(super) async fn search_finds_what_is_listed(scene: &Scene<'_>) {
    for camp in scene.camps() {
        let what = format!("the search of {} finds what is listed (I10)", camp.slug);
        // Indexes follow the database by moments.
        let (listed, hits) = wait::within(PARITY, &what, async || {
            let (listed, hits) = (listed(camp).await, found(camp).await);
            (hits == listed || hits.len() >= HITS).then_some((listed, hits))
        })
        .await;
        assert!(hits.is_subset(&listed), "{:?} are found and not there (I10)", hits.difference(&listed));
        for article in scene.history.of_op("article").filter(|article| article.portal == camp.slug) {
            let title = article.asked["title"].as_str().unwrap_or_default();
            let withdrawn = |one: &&Operation| one.asked["title"] == title && one.portal == camp.slug;
            let gone = scene.history.of_op("unpublish").find(withdrawn);
            let times = usize::from(listed.contains(title));
            match gone {
                Some(gone) if gone.outcome == Kind::Ok => assert_eq!(times, 0, "{title} was withdrawn and is listed (I01)"),
                Some(_) => {}
                None => is_there_once(scene, article, times, title),
            }
        }
    }
}

/// The titles of the load's articles, as a customer's list has them.
async fn listed(camp: &Camp) -> BTreeSet<String> {
    let mut titles = BTreeSet::new();
    for item in all_items(&camp.customers[0], "articles?").await {
        let title = item["title"].as_str().unwrap_or_default();
        if title.starts_with(SEARCHED) {
            assert!(titles.insert(title.to_owned()), "{title} is there twice (I01)");
        }
    }
    titles
}

/// The same, as the search has them.
async fn found(camp: &Camp) -> BTreeSet<String> {
    let answer = camp.customers[0].get(&format!("search?q={SEARCHED}&in=articles&limit={HITS}")).await.expect(200);
    let hits = answer["groups"][0]["items"].as_array().into_iter().flatten();
    hits.filter_map(|hit| hit["title"].as_str()).filter(|title| title.starts_with(SEARCHED)).map(str::to_owned).collect()
}
