//! SearchDocumentsService.

use portico_chassis::error::Error;
use portico_chassis::grpc::context;
use portico_chassis::ids::PortalId;
use portico_chassis::markdown;
use portico_chassis::uuid::Uuid;
use portico_proto::community::v1 as wire;
use portico_proto::community::v1::search_documents_service_server::SearchDocumentsService;
use tonic::{Request, Response, Status};

use super::{Api, encode, opened};
use crate::app::search::SNAPSHOT_PAGE;
use crate::domain::ids::TopicId;
use crate::domain::view::SearchableTopic;

/// Ids in one call for documents.
const DOCUMENTS: usize = 100;
/// Ids in one call for visibility.
const CHECKS: usize = 500;
/// Characters of text in one document.
const TEXT: usize = 60_000;
/// Bytes of text in one answer; gRPC's bound is 4 MiB for the whole message.
const ANSWER_BYTES: usize = 3 * 1024 * 1024;
/// What page tokens of a snapshot are bound to: only one service may ask, for all portals.
const SNAPSHOT: &[&str] = &["SnapshotTopics"];

#[tonic::async_trait]
impl SearchDocumentsService for Api {
    async fn batch_get_search_documents(
        &self,
        request: Request<wire::BatchGetSearchDocumentsRequest>,
    ) -> Result<Response<wire::BatchGetSearchDocumentsResponse>, Status> {
        let context = context(&request)?;
        let message = request.into_inner();
        let portal = context.portal(&message.portal)?;
        let ids = topic_ids(&message.ids, DOCUMENTS)?;
        let found = self.community.documents(&portal, &ids, context.deadline).await?;
        let mut response = wire::BatchGetSearchDocumentsResponse::default();
        let mut bytes = 0;
        for topic in found {
            let document = document(&portal, topic);
            bytes += document.text.len();
            if bytes > ANSWER_BYTES && !response.documents.is_empty() {
                response.left_out.push(document.id);
            } else {
                response.documents.push(document);
            }
        }
        Ok(Response::new(response))
    }

    async fn check_visible(&self, request: Request<wire::CheckVisibleRequest>) -> Result<Response<wire::CheckVisibleResponse>, Status> {
        let (asker, _, message) = opened(request, |message| &message.portal)?;
        let ids = topic_ids(&message.ids, CHECKS)?;
        let topics = self.community.visible(&asker, &ids).await?;
        let topics = topics.iter().map(encode::summary).map(|topic| wire::VisibleTopic {
            id: topic.id,
            slug: topic.slug,
            title: topic.title,
            version: topic.version,
        });
        Ok(Response::new(wire::CheckVisibleResponse { topics: topics.collect() }))
    }

    async fn snapshot_topics(
        &self,
        request: Request<wire::SnapshotTopicsRequest>,
    ) -> Result<Response<wire::SnapshotTopicsResponse>, Status> {
        let message = request.into_inner();
        let portal: Option<PortalId> = match message.portal.as_str() {
            "" => None,
            portal => Some(portal.parse().map_err(|_| Error::NOT_FOUND)?),
        };
        let after: Option<Uuid> = self.pager.cursor(SNAPSHOT, &message.page_token)?;
        let rows = self.community.snapshot(portal.as_ref(), after.unwrap_or_default()).await?;
        let is_full = i64::try_from(rows.len()).is_ok_and(|count| count == SNAPSHOT_PAGE);
        let next_page_token = match rows.last() {
            Some((_, id, _)) if is_full => self.pager.token(SNAPSHOT, id)?,
            _ => String::new(),
        };
        let topics = rows.into_iter().map(|(portal, id, version)| wire::TopicVersion { portal, id: id.to_string(), version }).collect();
        Ok(Response::new(wire::SnapshotTopicsResponse { topics, next_page_token }))
    }
}

/// Ids that are none name nothing and are left out.
fn topic_ids(ids: &[String], most: usize) -> Result<Vec<TopicId>, Error> {
    if ids.len() > most {
        return Err(Error::invalid("ids", "too_many", format!("At most {most} ids at once.")));
    }
    Ok(ids.iter().filter_map(|id| id.parse().ok()).collect())
}

fn document(portal: &PortalId, topic: SearchableTopic) -> wire::SearchDocument {
    let mut text = markdown::plain(&topic.body);
    if let Some(answer) = &topic.answer {
        text.push_str("\n\n");
        text.push_str(&markdown::plain(answer));
    }
    if let Some((end, _)) = text.char_indices().nth(TEXT) {
        text.truncate(end);
    }
    let summary = encode::summary(&topic.head);
    let forum = summary.forum.unwrap_or_default();
    wire::SearchDocument {
        portal: portal.to_string(),
        id: summary.id,
        version: summary.version,
        slug: summary.slug,
        r#type: summary.r#type,
        title: summary.title,
        text,
        forum_id: forum.id,
        forum_name: forum.name,
        tags: summary.tags,
        audience: encode::audience(topic.audience).into(),
        created_at: summary.created_at,
        last_activity_at: summary.last_activity_at,
    }
}
