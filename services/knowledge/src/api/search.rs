//! RPCs of the search.

use std::time::Duration;

use portico_chassis::clock::to_proto;
use portico_chassis::error::Error;
use portico_proto::knowledge::v1 as wire;
use portico_proto::knowledge::v1::search_service_server::SearchService;
use tonic::{Request, Response, Status};

use super::fields::Fields;
use super::{Api, open};
use crate::app::asker::Asker;
use crate::app::search::{Group, Item, Search};
use crate::domain::search::document::SearchKind;

/// Characters of a query.
const LONGEST_QUERY: usize = 2_000;
/// Items of a group.
const MOST_ITEMS: i32 = 50;
/// Items of a group when the caller does not say.
const ITEMS: i32 = 10;
/// How long an import waits for the index when the caller does not say, in milliseconds.
const PATIENCE: i32 = 10_000;

#[tonic::async_trait]
impl SearchService for Api {
    async fn search(&self, request: Request<wire::SearchRequest>) -> Result<Response<wire::SearchResponse>, Status> {
        let (context, request) = open(request)?;
        let asker = Asker::new(&context, &request.portal)?;
        let mut fields = Fields::default();
        let text = query(&mut fields, &request.query);
        let kinds = kinds(&mut fields, &request.kinds);
        if !(0..=MOST_ITEMS).contains(&request.limit) {
            fields.push("limit", "out_of_range", "The limit must be from 1 to 50.");
        }
        let limit = if request.limit == 0 { ITEMS } else { request.limit };
        let limit = usize::try_from(limit).unwrap_or_default();
        let search = Search { text, kinds, department: request.department, category: request.category, limit };
        let search = fields.done(search)?;
        let answer = self.0.search(&asker, &search).await?;
        Ok(Response::new(wire::SearchResponse {
            groups: answer.groups.into_iter().map(group).collect(),
            did_you_mean: answer.did_you_mean.unwrap_or_default(),
            topics_missing: answer.topics_missing,
        }))
    }

    async fn suggest(&self, request: Request<wire::SuggestRequest>) -> Result<Response<wire::SuggestResponse>, Status> {
        let (context, request) = open(request)?;
        let asker = Asker::new(&context, &request.portal)?;
        let mut fields = Fields::default();
        let text = query(&mut fields, &request.query);
        let kinds = kinds(&mut fields, &request.kinds);
        fields.done(())?;
        let groups = self.0.suggest(&asker, &text, kinds).await?;
        Ok(Response::new(wire::SuggestResponse { groups: groups.into_iter().map(group).collect() }))
    }

    async fn await_indexed(&self, request: Request<wire::AwaitIndexedRequest>) -> Result<Response<wire::AwaitIndexedResponse>, Status> {
        let (context, request) = open(request)?;
        context.portal(&request.portal)?;
        let millis = if request.timeout_millis == 0 { PATIENCE } else { request.timeout_millis };
        let millis = u64::try_from(millis.min(60_000)).map_err(|_| Error::invalid("timeout_millis", "invalid", "No such time."))?;
        let reached = self.0.await_indexed(request.position, Duration::from_millis(millis), context.deadline).await?;
        Ok(Response::new(wire::AwaitIndexedResponse { reached }))
    }

    async fn get_index_status(
        &self,
        request: Request<wire::GetIndexStatusRequest>,
    ) -> Result<Response<wire::GetIndexStatusResponse>, Status> {
        open(request)?;
        let (epoch, head_position, replicas) = self.0.index_status().await?;
        let replicas = replicas.into_iter().map(|replica| wire::IndexReplica {
            name: replica.name,
            epoch: replica.epoch.to_string(),
            position: replica.position,
            seen_at: Some(to_proto(replica.seen_at)),
        });
        Ok(Response::new(wire::GetIndexStatusResponse { epoch: epoch.to_string(), head_position, replicas: replicas.collect() }))
    }

    async fn rebuild_index(&self, request: Request<wire::RebuildIndexRequest>) -> Result<Response<wire::RebuildIndexResponse>, Status> {
        open(request)?;
        let epoch = self.0.rebuild_index().await?.to_string();
        Ok(Response::new(wire::RebuildIndexResponse { epoch }))
    }
}

fn query(fields: &mut Fields, text: &str) -> String {
    if text.trim().is_empty() {
        fields.push("q", "required", "Say what you look for.");
    }
    if text.chars().count() > LONGEST_QUERY {
        fields.push("q", "too_long", "The query may have at most 2,000 characters.");
    }
    text.to_owned()
}

fn kinds(fields: &mut Fields, numbers: &[i32]) -> Vec<SearchKind> {
    let mut kinds = Vec::new();
    for number in numbers {
        match wire::SearchKind::try_from(*number) {
            Ok(wire::SearchKind::Articles) => kinds.push(SearchKind::Article),
            Ok(wire::SearchKind::Faqs) => kinds.push(SearchKind::Faq),
            Ok(wire::SearchKind::Topics) => kinds.push(SearchKind::Topic),
            Ok(wire::SearchKind::Announcements) => kinds.push(SearchKind::Announcement),
            Ok(wire::SearchKind::Unspecified) | Err(_) => {
                fields.push("in", "invalid", "Choose articles, faqs, topics or announcements.");
            }
        }
    }
    kinds
}

fn kind(kind: SearchKind) -> wire::SearchKind {
    match kind {
        SearchKind::Article => wire::SearchKind::Articles,
        SearchKind::Faq => wire::SearchKind::Faqs,
        SearchKind::Topic => wire::SearchKind::Topics,
        SearchKind::Announcement => wire::SearchKind::Announcements,
    }
}

fn group(group: Group) -> wire::SearchGroup {
    wire::SearchGroup {
        kind: kind(group.kind).into(),
        total: i32::try_from(group.total).unwrap_or(i32::MAX),
        total_capped: group.capped,
        items: group.items.into_iter().map(item).collect(),
    }
}

fn item(item: Item) -> wire::SearchItem {
    wire::SearchItem {
        kind: kind(item.kind).into(),
        id: item.id.to_string(),
        source_id: item.source_id.unwrap_or_default(),
        slug: item.slug,
        title: item.title,
        snippet_html: item.snippet,
        score: item.score,
        updated_at: Some(to_proto(item.updated_at)),
        category: item.category,
    }
}
