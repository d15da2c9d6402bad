//! What happened on a ticket, and writing on it.

use axum::Json;
use axum::response::Response;
use portico_proto::tickets::v1 as proto;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::shared::{self, Byline, File, Moment, Page, created, files, filled};
use super::ticket_view::{Channel, Reason, Status};
use crate::call::Api;
use crate::error::{Answer, Problem};
use crate::extract::{Body, PageParams, Params};
use crate::state::AppState;
use crate::{json_body, wire_enum};

wire_enum! {
    /// What a timeline item is.
    pub enum ItemKind : proto::ItemKind {
        /// The ticket was made.
        Created = "created" <=> Created,
        /// A comment or an internal note.
        Comment = "comment" <=> Comment,
        /// The status changed.
        StatusChange = "status_change" <=> StatusChange,
        /// Fields changed.
        Change = "change" <=> Change,
        /// A file came.
        File = "file" <=> File,
        /// Tickets were merged.
        Merge = "merge" <=> Merge,
        /// A follow-up was made.
        FollowUp = "follow_up" <=> FollowUp,
        /// It was rated.
        Satisfaction = "satisfaction" <=> Satisfaction,
        /// Somebody came or went.
        Collaborator = "collaborator" <=> Collaborator,
    }
}

wire_enum! {
    /// Who sees a comment.
    pub enum ItemVisibility : proto::ItemVisibility {
        /// Everybody who sees the ticket.
        Public = "public" <=> Public,
        /// Agents.
        Internal = "internal" <=> Internal,
    }
}

/// A field before and after.
#[derive(Debug, Serialize, ToSchema)]
pub struct Change {
    /// JSON name of the field.
    pub field: String,
    /// Null for none.
    pub before: Option<String>,
    /// Null for none.
    pub after: Option<String>,
}

/// Something that happened on a ticket; members that do not apply are absent.
#[derive(Debug, Serialize, ToSchema)]
pub struct TimelineItem {
    /// Opaque.
    pub id: String,
    /// What it is.
    pub kind: Option<ItemKind>,
    /// When.
    pub at: Option<Moment>,
    /// Who.
    pub actor: Option<Byline>,
    /// Who sees it.
    pub visibility: ItemVisibility,
    /// Markdown as it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Safe HTML.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_html: Option<String>,
    /// How it came in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    /// Files.
    pub attachments: Vec<File>,
    /// The status before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Status>,
    /// The status after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Status>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Whom support waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub_status: Option<String>,
    /// What changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub changes: Vec<Change>,
    /// The other ticket of a follow-up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// The score of a rating.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<i32>,
}

impl From<proto::TimelineItem> for TimelineItem {
    fn from(item: proto::TimelineItem) -> Self {
        Self {
            kind: ItemKind::from_proto(item.kind),
            at: Moment::of(item.at.as_ref()),
            actor: item.actor.map(Byline::from),
            visibility: ItemVisibility::from_proto(item.visibility).unwrap_or(ItemVisibility::Public),
            body: filled(item.body),
            body_html: filled(item.body_html),
            channel: Channel::from_proto(item.channel),
            attachments: files(item.attachments),
            from: Status::from_proto(item.from),
            to: Status::from_proto(item.to),
            reason: Reason::from_proto(item.reason),
            sub_status: filled(item.sub_status),
            changes: item
                .changes
                .into_iter()
                .map(|change| Change { field: change.field, before: filled(change.before), after: filled(change.after) })
                .collect(),
            number: filled(item.related_number),
            score: Some(item.score).filter(|score| *score > 0),
            id: item.id,
        }
    }
}

/// Another ticket.
#[derive(Debug, Serialize, ToSchema)]
pub struct FollowUp {
    /// Its number.
    pub number: String,
}

/// A comment that was added.
#[derive(Debug, Serialize, ToSchema)]
pub struct CommentAdded {
    /// The item.
    #[serde(flatten)]
    pub item: TimelineItem,
    /// The new ticket that a comment on a closed one became.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub follow_up: Option<FollowUp>,
    /// The ticket stays resolved: reopening it is an act of its own, where `actions.reopen` has it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub reopen_hint: bool,
}

json_body! {
    /// A public comment or, for agents, an internal note; an agent's public reply may choose the next status.
    pub struct AddComment {
        /// Markdown.
        #[schema(min_length = 1, max_length = 60000)]
        pub body: String,
        /// `upload_id`s of `POST uploads`.
        #[schema(max_items = 20)]
        pub uploads: Option<Vec<String>>,
        /// Agents only.
        pub visibility: Option<ItemVisibility>,
        /// Agents only: the next status.
        pub status: Option<Status>,
        /// Agents only: whom support waits for.
        #[schema(max_length = 80)]
        pub sub_status: Option<String>,
        /// Agents only: why it is resolved.
        pub reason: Option<Reason>,
    }
}

/// The timeline of a ticket, oldest first. A customer's has no internal item.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/tickets/{number}/timeline", tag = "tickets",
    params(("portal" = String, Path), ("number" = String, Path), PageParams), responses((status = 200, body = Page<TimelineItem>)))]
async fn timeline(Api(call): Api, Params(params): Params<PageParams>) -> Answer<Json<Page<TimelineItem>>> {
    let number = call.path("number");
    let request = proto::GetTimelineRequest { portal: call.portal(), number, page: params.request(), newest_first: false };
    let answer = call.clients().conversation().get_timeline(call.grpc(request)).await?.into_inner();
    Ok(Page::new(answer.items, answer.next_page_token))
}

/// Writes on a ticket.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/tickets/{number}/comments", tag = "tickets",
    params(("portal" = String, Path), ("number" = String, Path)), request_body = AddComment, responses((status = 201, body = CommentAdded)))]
async fn comment(Api(call): Api, Body(body): Body<AddComment>) -> Answer<Response> {
    let number = call.path("number");
    let request = proto::AddCommentRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        etag: call.etag()?,
        number,
        body: body.body,
        uploads: shared::uploads(body.uploads),
        visibility: body.visibility.map_or(0, |visibility| visibility.to_proto().into()),
        status: body.status.map_or(0, |status| status.to_proto().into()),
        sub_status: shared::text(body.sub_status),
        reason: body.reason.map_or(0, |reason| reason.to_proto().into()),
    };
    let answer =
        call.clients().conversation().add_comment(call.grpc(request)).await.map_err(|status| follow_up_url(call.portal(), status))?;
    Ok(created(added(answer.into_inner())?))
}

fn added(answer: proto::AddCommentResponse) -> Answer<CommentAdded> {
    let item = answer.item.ok_or_else(|| chassis::error::Error::internal("tickets answered a comment without its item"))?;
    Ok(CommentAdded {
        item: item.into(),
        follow_up: filled(answer.follow_up_number).map(|number| FollowUp { number }),
        reopen_hint: answer.reopen_hint,
    })
}

/// A closed ticket that may be followed up says where; the address is ours to know, not the tickets service's.
fn follow_up_url(portal: String, status: tonic::Status) -> Problem {
    let mut error = chassis::error::Error::from_status(&status);
    if let chassis::error::Error::Conflict { meta, .. } = &mut error
        && let Some(number) = meta.remove("follow_up_of")
    {
        meta.insert("follow_up_url".into(), format!("/portal/{portal}/requests/new?follow_up_of={number}"));
    }
    error.into()
}

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(timeline)).routes(routes!(comment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeline_item_has_only_the_members_that_apply() {
        let item = proto::TimelineItem {
            id: "i".into(),
            kind: proto::ItemKind::StatusChange.into(),
            to: proto::Status::Resolved.into(),
            ..Default::default()
        };
        let json = serde_json::to_value(TimelineItem::from(item)).unwrap();
        assert_eq!(
            (json["kind"].as_str(), json["to"].as_str(), json["visibility"].as_str()),
            (Some("status_change"), Some("resolved"), Some("public"))
        );
        for absent in ["body", "from", "changes", "score", "number"] {
            assert!(json.get(absent).is_none(), "{absent} is there");
        }
    }

    #[test]
    fn the_refusal_on_a_closed_ticket_tells_where_to_follow_up() {
        let meta = std::collections::BTreeMap::from([("follow_up_of".to_owned(), "DEMO-7".to_owned())]);
        let refusal = chassis::error::Error::Conflict { code: "ticket_closed".into(), detail: "It is closed.".into(), meta };
        let problem = follow_up_url("demo".into(), refusal.into());
        let Problem::Error(chassis::error::Error::Conflict { meta, .. }) = problem else { panic!("not a conflict") };
        assert_eq!(meta["follow_up_url"], "/portal/demo/requests/new?follow_up_of=DEMO-7");
        assert!(!meta.contains_key("follow_up_of"));
    }
}
