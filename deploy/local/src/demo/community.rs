//! The demo's forums, topics and announcements.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use portico_proto::community::v1::import_service_client::ImportServiceClient;
use portico_proto::community::v1::{ImportTopicRequest, ImportedPost, TopicType};
use serde_json::json;
use time::format_description::well_known::Rfc3339;
use tonic::transport::Channel;

use super::data::{Announcement, Community, Topic};
use super::{PORTAL, Scene, text};
use crate::operator;

/// Writes them; topics and announcements with the dates that they would have.
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
        announce(scene, one, &format!("demo-announcement-{index}")).await.with_context(|| one.title.clone())?;
    }
    Ok(())
}

async fn write(scene: &Scene<'_>, client: &mut ImportServiceClient<Channel>, topic: &Topic, forum: &str, key: &str) -> Result<()> {
    let mut posts = Vec::new();
    for post in &topic.posts {
        let created_at = Some(scene.calendar.stamp(&post.when)?);
        posts.push(ImportedPost { author_id: scene.id(&post.by)?, body: post.body.clone(), created_at, accepted: post.accepted });
    }
    let message = ImportTopicRequest {
        portal: PORTAL.to_owned(),
        request_id: key.to_owned(),
        r#type: kind(&topic.kind)?.into(),
        title: topic.title.clone(),
        body: topic.body.clone(),
        forum: forum.to_owned(),
        tags: topic.tags.clone(),
        author_id: scene.id(&topic.by)?,
        created_at: Some(scene.calendar.stamp(&topic.when)?),
        posts,
        voter_ids: topic.votes.iter().map(|voter| scene.id(voter)).collect::<Result<_>>()?,
        views: topic.views,
    };
    let answer = client.import_topic(operator::request(scene.status, message)?).await;
    answer.map_err(|status| operator::refusal("community", &status))?;
    Ok(())
}

fn kind(name: &str) -> Result<TopicType> {
    TopicType::from_str_name(&format!("TOPIC_TYPE_{}", name.to_ascii_uppercase())).with_context(|| format!("no type {name}"))
}

async fn announce(scene: &Scene<'_>, one: &Announcement, key: &str) -> Result<()> {
    let until = match (one.until_sunday, one.until_days_ago) {
        (Some(hour), _) => Some(scene.calendar.sunday(hour)),
        (None, Some(days)) => Some(scene.calendar.day(days)),
        (None, None) => None,
    };
    let mut body = json!({"title": one.title, "body": one.body, "severity": one.severity});
    body["valid_from"] = json!(scene.calendar.time(&one.when)?.format(&Rfc3339)?);
    if let Some(until) = until {
        body["valid_until"] = json!(until.format(&Rfc3339)?);
    }
    scene.agent()?.post("announcements", key, &body).await?;
    Ok(())
}
