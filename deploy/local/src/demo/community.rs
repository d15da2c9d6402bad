//! The demo's forums, topics and announcements.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use portico_proto::community::v1::import_service_client::ImportServiceClient;
use portico_proto::community::v1::{ImportTopicRequest, ImportedPost, TopicType};
use prost_types::Timestamp;
use serde_json::json;
use time::{Duration, OffsetDateTime};
use tonic::transport::Channel;

use super::data::{Community, Topic};
use super::{PORTAL, Scene, text};
use crate::operator;

/// How long after a topic, and after each other, its answers came.
const ANSWER_AFTER: Duration = Duration::hours(5);

/// Writes them; topics with the dates that they would have.
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
    let mut client = ImportServiceClient::new(operator::channel(scene.status, "community").await?);
    for (index, topic) in community.topics.iter().enumerate() {
        let forum = forums.get(&topic.forum).with_context(|| format!("no forum {}", topic.forum))?;
        write(scene, &mut client, topic, forum, &format!("demo-topic-{index}")).await.with_context(|| topic.title.clone())?;
        scene.bar.inc(1);
    }
    for (index, one) in community.announcements.iter().enumerate() {
        let body = json!({"title": one.title, "body": one.body, "severity": one.severity});
        scene.agent()?.post("announcements", &format!("demo-announcement-{index}"), &body).await?;
    }
    Ok(())
}

async fn write(scene: &Scene<'_>, client: &mut ImportServiceClient<Channel>, topic: &Topic, forum: &str, key: &str) -> Result<()> {
    let written = scene.now - Duration::days(topic.days);
    let mut posts = Vec::new();
    let mut said = written;
    for post in &topic.posts {
        said += ANSWER_AFTER;
        let author_id = scene.of(&post.by)?.id.clone();
        posts.push(ImportedPost { author_id, body: post.body.clone(), created_at: Some(stamp(said)), accepted: post.accepted });
    }
    let message = ImportTopicRequest {
        portal: PORTAL.to_owned(),
        request_id: key.to_owned(),
        r#type: kind(&topic.kind)?.into(),
        title: topic.title.clone(),
        body: topic.body.clone(),
        forum: forum.to_owned(),
        tags: topic.tags.clone(),
        author_id: scene.of(&topic.by)?.id.clone(),
        created_at: Some(stamp(written)),
        posts,
        voter_ids: topic.votes.iter().map(|voter| Ok(scene.of(voter)?.id.clone())).collect::<Result<_>>()?,
        views: topic.views,
    };
    client
        .import_topic(operator::request(scene.status, message)?)
        .await
        .map_err(|status| anyhow::anyhow!("community refuses: {status}"))?;
    Ok(())
}

fn kind(name: &str) -> Result<TopicType> {
    TopicType::from_str_name(&format!("TOPIC_TYPE_{}", name.to_ascii_uppercase())).with_context(|| format!("no type {name}"))
}

fn stamp(at: OffsetDateTime) -> Timestamp {
    Timestamp { seconds: at.unix_timestamp(), nanos: 0 }
}
