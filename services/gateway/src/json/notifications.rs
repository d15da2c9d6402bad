//! The bell, and what a person wants to be told.

use std::collections::BTreeMap;

use axum::Json;
use axum::response::{IntoResponse, Response};
use portico_proto::notifier::v1 as proto;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::shared::{Moment, filled, nothing, resource, tagged};
use crate::call::Api;
use crate::error::Answer;
use crate::extract::{Body, Limit, Params, next_cursor, page};
use crate::input::{FromJson, Object};
use crate::state::AppState;
use crate::{json_body, query_params};

/// One mark of the bell.
#[derive(Debug, Serialize, ToSchema)]
pub struct Notification {
    /// Opaque.
    pub id: String,
    /// What happened.
    pub kind: String,
    /// One line, as of now.
    pub title: String,
    /// The ticket's number, when it is about one.
    pub ticket: Option<String>,
    /// Where a click leads.
    pub url: String,
    /// Whether it was seen.
    pub read: bool,
    /// When.
    pub created_at: Option<Moment>,
}

impl From<proto::Notification> for Notification {
    fn from(one: proto::Notification) -> Self {
        Self {
            ticket: filled(one.ticket_number),
            created_at: Moment::of(one.created_at.as_ref()),
            id: one.id,
            kind: one.kind,
            title: one.title,
            url: one.url,
            read: one.read,
        }
    }
}

/// A page of the bell.
#[derive(Debug, Serialize, ToSchema)]
pub struct Bell {
    /// The rows.
    pub items: Vec<Notification>,
    /// For the next page; null on the last one.
    pub next_cursor: Option<String>,
    /// All unread ones, not only this page's; counted up to 1,000.
    pub unread_count: i32,
}

query_params! {
    /// Which marks.
    pub struct ListNotifications {
        /// Only unread ones.
        pub unread: Option<bool>,
        /// Rows wanted, 1 to 100; 25 when left out.
        #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 25)]
        pub limit: Option<Limit>,
        /// `next_cursor` of the page before.
        pub cursor: Option<String>,
    }
}

json_body! {
    /// Exactly one of the two.
    pub struct MarkRead {
        /// These.
        #[schema(max_items = 100)]
        pub ids: Option<Vec<String>>,
        /// All.
        pub all: Option<bool>,
    }
}

/// What a person is told, by kind.
#[derive(Debug, Serialize, ToSchema)]
pub struct Preferences {
    /// By mail.
    pub mail: BTreeMap<String, bool>,
    /// By bell.
    pub bell: BTreeMap<String, bool>,
}

impl From<proto::Preferences> for Preferences {
    fn from(preferences: proto::Preferences) -> Self {
        Self { mail: preferences.mail.into_iter().collect(), bell: preferences.bell.into_iter().collect() }
    }
}

/// Kinds and whether they are told.
#[derive(Debug, Clone)]
pub struct Switches(Vec<(String, bool)>);

impl FromJson for Switches {
    fn from_json(value: Value, path: &str, errors: &mut Vec<chassis::error::FieldError>) -> Option<Self> {
        let object = Object::from_json(value, path, errors)?;
        let count = object.len();
        let read: Vec<_> = object
            .into_iter()
            .filter_map(|(kind, on)| bool::from_json(on, &format!("{path}.{kind}"), errors).map(|on| (kind, on)))
            .collect();
        (read.len() == count).then_some(Self(read))
    }
}

json_body! {
    /// Replaces the choice; kinds that are left out go back to their default.
    pub struct PutPreferences {
        /// By mail.
        #[schema(value_type = Option<BTreeMap<String, bool>>)]
        pub mail: Option<Switches>,
        /// By bell.
        #[schema(value_type = Option<BTreeMap<String, bool>>)]
        pub bell: Option<Switches>,
    }
}

/// One's own notifications, newest first.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/notifications", tag = "notifications",
    params(("portal" = String, Path), ListNotifications), responses((status = 200, body = Bell)))]
async fn list(Api(call): Api, Params(params): Params<ListNotifications>) -> Answer<Json<Bell>> {
    let request = call.grpc(proto::ListNotificationsRequest {
        portal: call.portal(),
        unread: params.unread.unwrap_or(false),
        page: page(params.limit, params.cursor),
    });
    let answer = call.clients().notifications().list_notifications(request).await?.into_inner();
    Ok(Json(Bell {
        items: answer.items.into_iter().map(Notification::from).collect(),
        next_cursor: next_cursor(answer.next_page_token),
        unread_count: answer.unread_count,
    }))
}

/// Marks some or all as read.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/notifications/read", tag = "notifications", params(("portal" = String, Path)),
    request_body = MarkRead, responses((status = 204)))]
async fn read(Api(call): Api, Body(body): Body<MarkRead>) -> Answer<Response> {
    let request = call.grpc(proto::MarkNotificationsReadRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        ids: body.ids.unwrap_or_default(),
        all: body.all.unwrap_or(false),
    });
    call.clients().notifications().mark_notifications_read(request).await?;
    Ok(nothing())
}

/// What one is told, every kind with its present value.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/me/preferences", tag = "me", params(("portal" = String, Path)),
    responses((status = 200, body = Preferences)))]
async fn preferences(Api(call): Api) -> Answer<Response> {
    let request = call.grpc(proto::GetPreferencesRequest { portal: call.portal() });
    let preferences = call.clients().preferences().get_preferences(request).await?.into_inner();
    let etag = preferences.etag.clone();
    Ok(resource(&call.headers, &etag, Preferences::from(preferences)))
}

/// Chooses what one is told.
#[utoipa::path(put, path = "/api/v1/portals/{portal}/me/preferences", tag = "me", params(("portal" = String, Path)),
    request_body = PutPreferences, responses((status = 200, body = Preferences)))]
async fn put_preferences(Api(call): Api, Body(body): Body<PutPreferences>) -> Answer<Response> {
    let switches = |switches: Option<Switches>| switches.map(|switches| switches.0.into_iter().collect()).unwrap_or_default();
    let request = call.grpc(proto::PutPreferencesRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        etag: call.etag()?,
        mail: switches(body.mail),
        bell: switches(body.bell),
    });
    let preferences = call.clients().preferences().put_preferences(request).await?.into_inner();
    let etag = preferences.etag.clone();
    Ok(tagged(&etag, Json(Preferences::from(preferences)).into_response()))
}

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(read)).routes(routes!(preferences, put_preferences))
}
