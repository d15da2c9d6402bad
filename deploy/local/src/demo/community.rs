//! The demo's forums, topics and announcements.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::json;

use super::data::{Community, Topic};
use super::{Scene, text};

/// Writes them as the people who say them.
pub async fn seed(scene: &Scene<'_>, community: &Community) -> Result<()> {
    let mut forums = BTreeMap::new();
    for (index, forum) in community.forums.iter().enumerate() {
        let mut body = json!({"name": forum.name, "description": forum.description});
        if let Some(parent) = &forum.parent {
            body["parent"] = json!(forums.get(parent).with_context(|| format!("no forum {parent}"))?);
        }
        let made = scene.agent()?.post("forums", &format!("demo-forum-{index}"), &body).await?;
        forums.insert(forum.name.clone(), text(&made, "id")?);
    }
    for (index, topic) in community.topics.iter().enumerate() {
        let forum = forums.get(&topic.forum).with_context(|| format!("no forum {}", topic.forum))?;
        write(scene, topic, forum, &format!("demo-topic-{index}")).await.with_context(|| topic.title.clone())?;
        scene.bar.inc(1);
    }
    for (index, one) in community.announcements.iter().enumerate() {
        let body = json!({"title": one.title, "body": one.body, "severity": one.severity});
        scene.agent()?.post("announcements", &format!("demo-announcement-{index}"), &body).await?;
    }
    Ok(())
}

async fn write(scene: &Scene<'_>, topic: &Topic, forum: &str, key: &str) -> Result<()> {
    let body = json!({"type": topic.kind, "title": topic.title, "body": topic.body, "forum": forum, "tags": topic.tags});
    let writer = scene.of(&topic.by)?;
    let made = writer.post("topics", key, &body).await?;
    let path = format!("topics/{}", text(&made, "id")?);
    for (index, post) in topic.posts.iter().enumerate() {
        let said = scene.of(&post.by)?.post(&format!("{path}/posts"), &format!("{key}-{index}"), &json!({"body": post.body})).await?;
        if post.accepted {
            writer.post(&format!("{path}/accept"), &format!("{key}-accept"), &json!({"post": text(&said, "id")?})).await?;
        }
    }
    for voter in &topic.votes {
        scene.of(voter)?.post(&format!("{path}/vote"), &format!("{key}-vote"), &json!({"value": 1})).await?;
    }
    Ok(())
}
