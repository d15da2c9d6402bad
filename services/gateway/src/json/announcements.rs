//! Announcements.

use axum::Json;
use axum::response::{IntoResponse, Response};
use portico_proto::knowledge::v1 as proto;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::articles::Audience;
use super::shared::{Moment, Nothing, Page, created, nothing, tagged, text};
use crate::call::Api;
use crate::error::Answer;
use crate::extract::{Body, Limit, MaybeBody, Params, page};
use crate::input::Patch;
use crate::state::AppState;
use crate::{json_body, query_params, wire_enum};

wire_enum! {
    /// How urgent it is.
    pub enum Severity : proto::Severity {
        /// Good to know.
        Info = "info" <=> Info,
        /// May concern you.
        Warning = "warning" <=> Warning,
        /// Concerns you.
        Critical = "critical" <=> Critical,
    }
}

/// A message to everybody of an audience.
#[derive(Debug, Serialize, ToSchema)]
pub struct Announcement {
    /// Opaque.
    pub id: String,
    /// Title.
    pub title: String,
    /// Markdown.
    pub body: String,
    /// Safe HTML.
    pub body_html: String,
    /// How urgent.
    pub severity: Option<Severity>,
    /// Who sees it.
    pub audience: Option<Audience>,
    /// From when on.
    pub valid_from: Option<Moment>,
    /// Until when; null: until it is deleted.
    pub valid_until: Option<Moment>,
    /// Whether the caller has dismissed it.
    pub dismissed: bool,
    /// Counts changes.
    pub version: i64,
}

impl From<proto::Announcement> for Announcement {
    fn from(one: proto::Announcement) -> Self {
        Self {
            severity: Severity::from_proto(one.severity),
            audience: Audience::from_proto(one.audience),
            valid_from: Moment::of(one.valid_from.as_ref()),
            valid_until: Moment::of(one.valid_until.as_ref()),
            id: one.id,
            title: one.title,
            body: one.body,
            body_html: one.body_html,
            dismissed: one.dismissed,
            version: one.version,
        }
    }
}

query_params! {
    /// Which announcements.
    pub struct ListAnnouncements {
        /// Agents: the scheduled and the expired too.
        pub all: Option<bool>,
        /// Rows wanted, 1 to 100; 25 when left out.
        #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 25)]
        pub limit: Option<Limit>,
        /// `next_cursor` of the page before.
        pub cursor: Option<String>,
    }
}

json_body! {
    /// A new announcement.
    pub struct CreateAnnouncement {
        /// Title.
        #[schema(min_length = 1, max_length = 200)]
        pub title: String,
        /// Markdown.
        #[schema(max_length = 20000)]
        pub body: Option<String>,
        /// `info` when left out.
        pub severity: Option<Severity>,
        /// `public` when left out.
        pub audience: Option<Audience>,
        /// Ids, with the audience `organizations`.
        #[schema(max_items = 100)]
        pub organizations: Option<Vec<String>>,
        /// Now when left out.
        pub valid_from: Option<Moment>,
        /// No end when left out.
        pub valid_until: Option<Moment>,
    }
}

json_body! {
    /// Changes; what is left out stays.
    pub struct PatchAnnouncement {
        /// Title.
        #[schema(min_length = 1, max_length = 200)]
        pub title: Option<String>,
        /// Markdown.
        #[schema(max_length = 20000)]
        pub body: Option<String>,
        /// How urgent.
        pub severity: Option<Severity>,
        /// Who sees it.
        pub audience: Option<Audience>,
        /// Ids, with the audience `organizations`.
        #[schema(max_items = 100)]
        pub organizations: Option<Vec<String>>,
        /// From when on.
        pub valid_from: Option<Moment>,
        /// Null takes the end away.
        #[schema(value_type = Option<Moment>)]
        pub valid_until: Patch<Moment>,
    }
}

/// Those valid now and meant for the caller, newest first.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/announcements", tag = "announcements",
    params(("portal" = String, Path), ListAnnouncements), responses((status = 200, body = Page<Announcement>)))]
async fn list(Api(call): Api, Params(params): Params<ListAnnouncements>) -> Answer<Json<Page<Announcement>>> {
    let request = call.grpc(proto::ListAnnouncementsRequest {
        portal: call.portal(),
        page: page(params.limit, params.cursor),
        include_all: params.all.unwrap_or(false),
        undismissed_only: false,
    });
    let answer = call.clients().announcements().list_announcements(request).await?.into_inner();
    Ok(Page::new(answer.announcements, answer.next_page_token))
}

/// One announcement.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/announcements/{id}", tag = "announcements",
    params(("portal" = String, Path), ("id" = String, Path)), responses((status = 200, body = Announcement)))]
async fn read(Api(call): Api) -> Answer<Response> {
    let request = call.grpc(proto::GetAnnouncementRequest { portal: call.portal(), announcement_id: call.path("id") });
    let one = call.clients().announcements().get_announcement(request).await?.into_inner();
    let etag = one.etag.clone();
    // `dismissed` is the caller's own and moves no version: "you have this already" would hide its change.
    Ok(tagged(&etag, Json(Announcement::from(one)).into_response()))
}

/// Announces; agents only.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/announcements", tag = "announcements", params(("portal" = String, Path)),
    request_body = CreateAnnouncement, responses((status = 201, body = Announcement)))]
async fn create(Api(call): Api, Body(body): Body<CreateAnnouncement>) -> Answer<Response> {
    let request = call.grpc(proto::CreateAnnouncementRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        title: body.title,
        body: text(body.body),
        severity: body.severity.map_or(0, |severity| severity.to_proto().into()),
        audience: body.audience.map_or(0, |audience| audience.to_proto().into()),
        organizations: body.organizations.unwrap_or_default(),
        valid_from: body.valid_from.map(Moment::to_proto),
        valid_until: body.valid_until.map(Moment::to_proto),
    });
    let one = call.clients().announcements().create_announcement(request).await?.into_inner();
    let etag = one.etag.clone();
    Ok(tagged(&etag, created(Announcement::from(one))))
}

/// Changes an announcement; agents only.
#[utoipa::path(patch, path = "/api/v1/portals/{portal}/announcements/{id}", tag = "announcements",
    params(("portal" = String, Path), ("id" = String, Path)), request_body = PatchAnnouncement, responses((status = 200, body = Announcement)))]
async fn patch(Api(call): Api, Body(body): Body<PatchAnnouncement>) -> Answer<Response> {
    let until = body.valid_until.into_option();
    let request = call.grpc(proto::UpdateAnnouncementRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        etag: call.etag()?,
        announcement_id: call.path("id"),
        title: body.title,
        body: body.body,
        severity: body.severity.map(|severity| severity.to_proto().into()),
        audience: body.audience.map(|audience| audience.to_proto().into()),
        organizations: body.organizations.map(|ids| proto::OrganizationIds { ids }),
        valid_from: body.valid_from.map(Moment::to_proto),
        clear_valid_until: matches!(until, Some(None)),
        valid_until: until.flatten().map(Moment::to_proto),
    });
    let one = call.clients().announcements().update_announcement(request).await?.into_inner();
    let etag = one.etag.clone();
    Ok(tagged(&etag, Json(Announcement::from(one)).into_response()))
}

/// Removes an announcement; agents only.
#[utoipa::path(delete, path = "/api/v1/portals/{portal}/announcements/{id}", tag = "announcements",
    params(("portal" = String, Path), ("id" = String, Path)), responses((status = 204)))]
async fn remove(Api(call): Api) -> Answer<Response> {
    let request = call.grpc(proto::DeleteAnnouncementRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        etag: call.etag()?,
        announcement_id: call.path("id"),
    });
    call.clients().announcements().delete_announcement(request).await?;
    Ok(nothing())
}

/// Hides it for the caller.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/announcements/{id}/dismiss", tag = "announcements",
    params(("portal" = String, Path), ("id" = String, Path)), request_body = Option<Nothing>, responses((status = 204)))]
async fn dismiss(Api(call): Api, _body: MaybeBody<Nothing>) -> Answer<Response> {
    let request = call.grpc(proto::DismissAnnouncementRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        announcement_id: call.path("id"),
    });
    call.clients().announcements().dismiss_announcement(request).await?;
    Ok(nothing())
}

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(read, patch, remove)).routes(routes!(dismiss))
}
