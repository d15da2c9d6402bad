//! Portals: what anybody may know of one, and making one.

use std::collections::BTreeMap;

use axum::response::Response;
use portico_proto::identity::v1 as proto;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::shared::{Moment, created, resource_by_content, text};
use crate::call::{Api, Operator};
use crate::error::Answer;
use crate::extract::Body;
use crate::json_body;
use crate::state::AppState;

/// A portal's public settings.
#[derive(Debug, Serialize, ToSchema)]
pub struct Portal {
    /// Names the portal everywhere.
    pub slug: String,
    /// Display name.
    pub name: String,
    /// The shipped profile it was made from.
    pub profile: String,
    /// Colours.
    pub branding: Branding,
    /// Which areas are on.
    pub features: Features,
    /// BCP 47 tags, the default first.
    pub locales: Vec<String>,
    /// How somebody may sign in or get an account.
    pub sign_in_methods: Vec<String>,
    /// The portal's own words.
    pub words: BTreeMap<String, String>,
    /// Whether a guest may submit a request.
    pub guest_requests: bool,
    /// The word for each status.
    pub status_labels: BTreeMap<String, String>,
    /// What each status means.
    pub status_definitions: BTreeMap<String, String>,
}

/// Colours.
#[derive(Debug, Serialize, ToSchema)]
pub struct Branding {
    /// `#rrggbb`.
    pub accent: String,
}

/// Which areas are on.
#[derive(Debug, Serialize, ToSchema)]
pub struct Features {
    /// Forums and topics.
    pub community: bool,
    /// Self sign-up.
    pub signup: bool,
    /// Announcements.
    pub announcements: bool,
}

impl From<proto::Portal> for Portal {
    fn from(portal: proto::Portal) -> Self {
        let features = portal.features.unwrap_or_default();
        Self {
            slug: portal.slug,
            name: portal.title,
            profile: portal.profile,
            branding: Branding { accent: portal.branding.unwrap_or_default().accent },
            features: Features { community: features.community, signup: features.signup, announcements: features.announcements },
            locales: portal.locales,
            sign_in_methods: portal.sign_in_methods,
            words: portal.words.into_iter().collect(),
            guest_requests: portal.guest_requests,
            status_labels: portal.status_labels.into_iter().collect(),
            status_definitions: portal.status_definitions.into_iter().collect(),
        }
    }
}

json_body! {
    /// A new portal.
    pub struct NewPortal {
        /// `[a-z0-9][a-z0-9-]{0,39}`; never changes.
        #[schema(pattern = "^[a-z0-9][a-z0-9-]{0,39}$")]
        pub slug: String,
        /// Display name.
        #[schema(min_length = 1, max_length = 120)]
        pub title: String,
        /// `product-help`, `client-cases`, `service-desk`, `helpdesk` or `agency-support`.
        pub profile: String,
        /// Where the first administrator's invitation goes.
        #[schema(max_length = 254)]
        pub admin_email: String,
        /// BCP 47 tag; `en` when left out.
        pub locale: Option<String>,
    }
}

/// A portal that was made.
#[derive(Debug, Serialize, ToSchema)]
pub struct PortalCreated {
    /// Names the portal everywhere.
    pub slug: String,
    /// Display name.
    pub title: String,
    /// The shipped profile.
    pub profile: String,
    /// The first administrator's.
    pub invitation: OneTimeLink,
    /// Signs mail for `POST inbound-email`.
    pub inbound_secret: String,
}

/// A link that works once.
#[derive(Debug, Serialize, ToSchema)]
pub struct OneTimeLink {
    /// Where it leads.
    pub url: String,
    /// When it ends.
    pub expires_at: Option<Moment>,
}

/// The portal's public settings: name, branding, features, locales, sign-in methods, words.
#[utoipa::path(get, path = "/api/v1/portals/{portal}", tag = "portals", params(("portal" = String, Path)), responses((status = 200, body = Portal)))]
async fn read(Api(call): Api) -> Answer<Response> {
    let request = call.grpc(proto::GetPortalRequest { portal: call.portal() });
    let portal = call.clients().portals().get_portal(request).await?.into_inner();
    Ok(resource_by_content(&call.headers, Portal::from(portal)))
}

/// Makes a portal from a shipped profile and invites its first administrator; operator only.
#[utoipa::path(post, path = "/api/v1/portals", tag = "portals", request_body = NewPortal, responses((status = 201, body = PortalCreated)))]
async fn create(operator: Operator, Body(body): Body<NewPortal>) -> Answer<Response> {
    let call = operator.0;
    let request = call.grpc(proto::CreatePortalRequest {
        portal: body.slug,
        request_id: call.request_id(),
        title: body.title,
        profile: body.profile,
        admin_email: body.admin_email,
        locale: text(body.locale),
    });
    let made = call.clients().portals().create_portal(request).await.map_err(slug_not_portal)?.into_inner();
    let url = format!("{}/portal/{}{}", call.state.public_url(), made.slug, made.invitation_path);
    Ok(created(PortalCreated {
        invitation: OneTimeLink { url, expires_at: Moment::of(made.invitation_expires_at.as_ref()) },
        slug: made.slug,
        title: made.title,
        profile: made.profile,
        inbound_secret: made.inbound_secret,
    }))
}

/// The contract calls the slug `portal`; the client called it `slug`.
fn slug_not_portal(status: tonic::Status) -> crate::error::Problem {
    let mut error = chassis::error::Error::from_status(&status);
    if let chassis::error::Error::Invalid(fields) = &mut error {
        fields.iter_mut().filter(|field| field.field == "portal").for_each(|field| "slug".clone_into(&mut field.field));
    }
    error.into()
}

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(read)).routes(routes!(create))
}
