//! PortalsService.

use portico_chassis::clock::to_proto;
use portico_chassis::error::Error;
use portico_chassis::grpc::context;
use portico_chassis::page;
use portico_proto::identity::v1 as wire;
use portico_proto::identity::v1::portals_service_server::PortalsService;
use serde_json::Value;
use tonic::{Request, Response, Status};

use super::fields::{Fields, vouched};
use super::{Api, encode};
use crate::app::etag;
use crate::app::portal::NewPortal;
use crate::domain::profile::Profile;

/// Bytes of a patch.
const PATCH_BYTES: usize = 64 * 1024;
/// Documents of one answer.
const SETTINGS_PAGE: i64 = 200;
/// Portals that are read at once for the operator.
const ALL_PORTALS: i64 = 1000;

#[tonic::async_trait]
impl PortalsService for Api {
    async fn create_portal(&self, request: Request<wire::CreatePortalRequest>) -> Result<Response<wire::CreatePortalResponse>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let mut fields = Fields::default();
        let portal = request.portal.parse().ok();
        if portal.is_none() {
            fields.refuse("slug", "invalid", "Use 1 to 40 of a-z, 0-9 and -, beginning with a letter or digit.");
        }
        let title = fields.name("title", &request.title);
        let profile = Profile::find(&request.profile);
        if profile.is_none() {
            fields.refuse("profile", "invalid", "Use product-help, client-cases, service-desk, helpdesk or agency-support.");
        }
        let admin = fields.email("admin_email", &request.admin_email);
        fields.locale("locale", &request.locale);
        fields.done()?;
        let portal = vouched(portal)?;
        let key = context.request_key("CreatePortal", &request.request_id, &request)?;
        let ask = self.app.ask(&context, portal, key);
        let new = NewPortal { title, profile: vouched(profile)?, admin: vouched(admin)?, locale: request.locale };
        let (created, token) = self.app.create_portal(&ask, new).await?;
        Ok(Response::new(wire::CreatePortalResponse {
            inbound_secret: self.app.inbound_secret(ask.portal.as_str()),
            slug: ask.portal.to_string(),
            title: created.title,
            profile: created.profile,
            invitation_path: format!("/invite/{token}"),
            invitation_token: token,
            invitation_expires_at: Some(to_proto(created.expires_at)),
        }))
    }

    async fn get_portal(&self, request: Request<wire::GetPortalRequest>) -> Result<Response<wire::Portal>, Status> {
        let context = context(&request)?;
        let portal = context.portal(&request.get_ref().portal)?;
        Ok(Response::new(encode::portal(self.app.find_portal(&portal, context.deadline).await?)))
    }

    async fn list_portals(&self, request: Request<wire::ListPortalsRequest>) -> Result<Response<wire::ListPortalsResponse>, Status> {
        let request = request.into_inner();
        let wanted = request.page.unwrap_or_default();
        let size = page::size(wanted.page_size)?;
        let after: String = self.pager.cursor(&["portals"], &wanted.page_token)?.unwrap_or_default();
        let mut portals = self.app.list_portals(&after, size + 1).await?;
        let next_page_token = encode::page(&mut portals, size, |last| self.pager.token(&["portals"], &last.slug))?;
        let portals = portals
            .into_iter()
            .map(|portal| wire::PortalSummary {
                profile: portal.settings.profile().to_owned(),
                slug: portal.slug,
                title: portal.title,
                created_at: Some(to_proto(portal.created_at)),
            })
            .collect();
        Ok(Response::new(wire::ListPortalsResponse { portals, next_page_token }))
    }

    async fn get_settings(&self, request: Request<wire::GetSettingsRequest>) -> Result<Response<wire::Settings>, Status> {
        let context = context(&request)?;
        let portal = context.portal(&request.get_ref().portal)?;
        Ok(Response::new(encode::settings(self.app.find_portal(&portal, context.deadline).await?)))
    }

    async fn patch_settings(&self, request: Request<wire::PatchSettingsRequest>) -> Result<Response<wire::Settings>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let portal = context.portal(&request.portal)?;
        if request.patch_json.len() > PATCH_BYTES {
            return Err(Error::TooLarge { field: "body".into() }.into());
        }
        let patch: Value = serde_json::from_str(&request.patch_json)
            .map_err(|_| Error::Malformed { field: "body".into(), message: "The body is not JSON.".into() })?;
        let key = context.request_key("PatchSettings", &request.request_id, &request)?;
        let ask = self.app.ask(&context, portal, key);
        let (patched, version) = self.app.patch_settings(&ask, patch, request.etag).await?;
        Ok(Response::new(wire::Settings {
            portal: ask.portal.to_string(),
            version,
            title: patched.title,
            settings_json: patched.document.to_string(),
            etag: etag(patched.version),
        }))
    }

    async fn list_settings(&self, request: Request<wire::ListSettingsRequest>) -> Result<Response<wire::ListSettingsResponse>, Status> {
        let portals = self.app.settings_after(request.into_inner().after_version, SETTINGS_PAGE).await?;
        Ok(Response::new(wire::ListSettingsResponse { settings: portals.into_iter().map(encode::settings).collect() }))
    }

    async fn get_inbound_secret(&self, request: Request<wire::GetInboundSecretRequest>) -> Result<Response<wire::InboundSecret>, Status> {
        let context = context(&request)?;
        let portal = context.portal(&request.get_ref().portal)?;
        let portal = self.app.find_portal(&portal, context.deadline).await?;
        Ok(Response::new(wire::InboundSecret { secret: self.app.inbound_secret(&portal.slug), portal: portal.slug }))
    }

    async fn list_inbound_secrets(
        &self,
        _: Request<wire::ListInboundSecretsRequest>,
    ) -> Result<Response<wire::ListInboundSecretsResponse>, Status> {
        let mut secrets = Vec::new();
        let mut after = String::new();
        loop {
            let portals = self.app.list_portals(&after, ALL_PORTALS).await?;
            let Some(last) = portals.last() else { break };
            after = last.slug.clone();
            secrets.extend(
                portals
                    .into_iter()
                    .map(|portal| wire::InboundSecret { secret: self.app.inbound_secret(&portal.slug), portal: portal.slug }),
            );
        }
        Ok(Response::new(wire::ListInboundSecretsResponse { secrets }))
    }
}
