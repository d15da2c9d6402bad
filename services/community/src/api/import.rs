//! ImportService.

use portico_chassis::clock::from_proto;
use portico_proto::community::v1 as wire;
use portico_proto::community::v1::import_service_server::ImportService;
use time::OffsetDateTime;
use tonic::{Request, Response, Status};

use super::fields::Fields;
use super::{Api, answer, encode, opened};
use crate::app::import::{Imported, ImportedPost};
use crate::domain::ids::PersonId;
use crate::domain::text::{BODY_MAX, TITLE_MAX};

/// Posts of one imported topic.
const POSTS: usize = 200;
/// Voters of one imported topic.
const VOTERS: usize = 500;

#[tonic::async_trait]
impl ImportService for Api {
    async fn import_topic(&self, request: Request<wire::ImportTopicRequest>) -> Result<Response<wire::Topic>, Status> {
        let (asker, context, message) = opened(request, |message| &message.portal)?;
        let key = context.request_key("ImportTopic", &message.request_id, &message)?;
        let imported = read(message);
        answer(&self.community.import_topic(&asker, key, imported, encode::topic_answer).await?)
    }
}

fn read(message: wire::ImportTopicRequest) -> Imported {
    let mut fields = Fields::default();
    if message.posts.len() > POSTS {
        fields.push("posts", "too_many", "At most 200 posts.");
    }
    if message.voter_ids.len() > VOTERS {
        fields.push("voter_ids", "too_many", "At most 500 voters.");
    }
    Imported {
        kind: fields.required_type(message.r#type),
        title: fields.line("title", &message.title, TITLE_MAX),
        body: fields.text("body", &message.body, BODY_MAX),
        forum: message.forum,
        tags: fields.tags(&message.tags),
        author: person(&mut fields, "author_id", &message.author_id),
        created_at: time(&mut fields, "created_at", message.created_at.as_ref()),
        posts: message.posts.iter().take(POSTS).map(|imported| post(&mut fields, imported)).collect(),
        voters: message.voter_ids.iter().take(VOTERS).map(|id| person(&mut fields, "voter_ids", id)).collect(),
        views: message.views.max(0),
        problems: fields.problems(),
    }
}

fn post(fields: &mut Fields, imported: &wire::ImportedPost) -> ImportedPost {
    ImportedPost {
        author: person(fields, "posts", &imported.author_id),
        body: fields.text("posts", &imported.body, BODY_MAX),
        created_at: time(fields, "posts", imported.created_at.as_ref()),
        accepted: imported.accepted,
    }
}

fn person(fields: &mut Fields, field: &'static str, id: &str) -> PersonId {
    id.parse().unwrap_or_else(|_| {
        fields.push(field, "unknown", "There is no such person.");
        PersonId::new(portico_chassis::uuid::Uuid::nil())
    })
}

fn time(fields: &mut Fields, field: &'static str, at: Option<&prost_types::Timestamp>) -> OffsetDateTime {
    at.and_then(from_proto).unwrap_or_else(|| {
        fields.push(field, "required", "Give a time.");
        OffsetDateTime::UNIX_EPOCH
    })
}
