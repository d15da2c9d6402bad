//! RPCs of announcements.

use portico_chassis::clock::from_proto;
use portico_chassis::error::Error;
use portico_proto::knowledge::v1 as wire;
use portico_proto::knowledge::v1::announcements_service_server::AnnouncementsService;
use time::OffsetDateTime;
use tonic::{Request, Response, Status};

use super::fields::Fields;
use super::{Api, encode, etag, open};
use crate::app::announcement::ListAnnouncements;
use crate::app::asker::Asker;
use crate::domain::announcement::{AnnouncementChange, Severity};
use crate::domain::ids::AnnouncementId;

#[tonic::async_trait]
impl AnnouncementsService for Api {
    async fn list_announcements(
        &self,
        request: Request<wire::ListAnnouncementsRequest>,
    ) -> Result<Response<wire::ListAnnouncementsResponse>, Status> {
        let (context, request) = open(request)?;
        let asker = Asker::new(&context, &request.portal)?;
        let page = request.page.unwrap_or_default();
        let list = ListAnnouncements {
            page_size: page.page_size,
            page_token: page.page_token,
            include_all: request.include_all,
            undismissed_only: request.undismissed_only,
        };
        let page = self.0.list_announcements(&asker, &list).await?;
        let announcements = page.items.into_iter().map(|view| encode::announcement(view, &asker.viewer)).collect();
        Ok(Response::new(wire::ListAnnouncementsResponse { announcements, next_page_token: page.next_page_token }))
    }

    async fn get_announcement(&self, request: Request<wire::GetAnnouncementRequest>) -> Result<Response<wire::Announcement>, Status> {
        let (context, request) = open(request)?;
        let asker = Asker::new(&context, &request.portal)?;
        let view = self.0.announcement(&asker, id(&request.announcement_id)?).await?;
        Ok(Response::new(encode::announcement(view, &asker.viewer)))
    }

    async fn create_announcement(&self, request: Request<wire::CreateAnnouncementRequest>) -> Result<Response<wire::Announcement>, Status> {
        let (context, request) = open(request)?;
        let asker = Asker::new(&context, &request.portal)?;
        let key = context.request_key("CreateAnnouncement", &request.request_id, &request)?;
        let mut fields = Fields::default();
        let change = AnnouncementChange {
            title: Some(request.title.clone()),
            body: Some(request.body.clone()),
            severity: severity(&mut fields, request.severity),
            audience: fields.audience(request.audience, Some(&request.organizations)),
            valid_from: time(&mut fields, "valid_from", request.valid_from.as_ref()),
            valid_until: time(&mut fields, "valid_until", request.valid_until.as_ref()).map(Some),
        };
        let view = self.0.create_announcement(&asker, key, fields.done(change)?).await?;
        Ok(Response::new(encode::announcement(view, &asker.viewer)))
    }

    async fn update_announcement(&self, request: Request<wire::UpdateAnnouncementRequest>) -> Result<Response<wire::Announcement>, Status> {
        let (context, request) = open(request)?;
        let asker = Asker::new(&context, &request.portal)?;
        let key = context.request_key("UpdateAnnouncement", &request.request_id, &request)?;
        let id = id(&request.announcement_id)?;
        let change = change(&request)?;
        let view = self.0.update_announcement(&asker, key, id, etag(&request.etag)?, change).await?;
        Ok(Response::new(encode::announcement(view, &asker.viewer)))
    }

    async fn delete_announcement(
        &self,
        request: Request<wire::DeleteAnnouncementRequest>,
    ) -> Result<Response<wire::DeleteAnnouncementResponse>, Status> {
        let (context, request) = open(request)?;
        let asker = Asker::new(&context, &request.portal)?;
        let key = context.request_key("DeleteAnnouncement", &request.request_id, &request)?;
        let id = id(&request.announcement_id)?;
        self.0.delete_announcement(&asker, key, id, etag(&request.etag)?).await?;
        Ok(Response::new(wire::DeleteAnnouncementResponse {}))
    }

    async fn dismiss_announcement(
        &self,
        request: Request<wire::DismissAnnouncementRequest>,
    ) -> Result<Response<wire::DismissAnnouncementResponse>, Status> {
        let (context, request) = open(request)?;
        let asker = Asker::new(&context, &request.portal)?;
        let key = context.request_key("DismissAnnouncement", &request.request_id, &request)?;
        self.0.dismiss_announcement(&asker, key, id(&request.announcement_id)?).await?;
        Ok(Response::new(wire::DismissAnnouncementResponse {}))
    }
}

fn id(text: &str) -> Result<AnnouncementId, Error> {
    text.parse().map_err(|_| Error::NOT_FOUND)
}

fn change(request: &wire::UpdateAnnouncementRequest) -> Result<AnnouncementChange, Error> {
    let mut fields = Fields::default();
    let organizations = request.organizations.as_ref().map(|set| set.ids.as_slice());
    let until = time(&mut fields, "valid_until", request.valid_until.as_ref());
    if until.is_some() && request.clear_valid_until {
        fields.push("valid_until", "invalid", "Set the end or remove it, not both.");
    }
    let change = AnnouncementChange {
        title: request.title.clone(),
        body: request.body.clone(),
        severity: request.severity.and_then(|number| severity(&mut fields, number)),
        audience: fields.audience(request.audience.unwrap_or_default(), organizations),
        valid_from: time(&mut fields, "valid_from", request.valid_from.as_ref()),
        valid_until: if request.clear_valid_until { Some(None) } else { until.map(Some) },
    };
    fields.done(change)
}

fn severity(fields: &mut Fields, number: i32) -> Option<Severity> {
    match wire::Severity::try_from(number) {
        Ok(wire::Severity::Info) => Some(Severity::Info),
        Ok(wire::Severity::Warning) => Some(Severity::Warning),
        Ok(wire::Severity::Critical) => Some(Severity::Critical),
        Ok(wire::Severity::Unspecified) => None,
        Err(_) => {
            fields.push("severity", "invalid", "Choose info, warning or critical.");
            None
        }
    }
}

/// A time within what a calendar and the database can show.
fn time(fields: &mut Fields, field: &'static str, time: Option<&prost_types::Timestamp>) -> Option<OffsetDateTime> {
    let time = time?;
    let read = from_proto(time).filter(|at| (1970..=9999).contains(&at.year()));
    if read.is_none() {
        fields.push(field, "invalid", "This is no time.");
    }
    read
}
