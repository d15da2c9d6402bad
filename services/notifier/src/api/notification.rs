//! `NotificationsService`.

use portico_chassis::clock::to_proto;
use portico_chassis::error::Error;
use portico_chassis::grpc::{Context, context};
use portico_chassis::ids::parse_uuid;
use portico_chassis::page;
use portico_proto::notifier::v1::notifications_service_server::NotificationsService;
use portico_proto::notifier::v1::{
    GetUnreadCountRequest, GetUnreadCountResponse, ListNotificationsRequest, ListNotificationsResponse, MarkNotificationsReadRequest,
    MarkNotificationsReadResponse, Notification,
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{Api, reader};
use crate::app::notification::Shown;

/// Ids in one request.
const MAX_IDS: usize = 100;

#[tonic::async_trait]
impl NotificationsService for Api {
    async fn list_notifications(&self, request: Request<ListNotificationsRequest>) -> Result<Response<ListNotificationsResponse>, Status> {
        let context = context(&request)?;
        Ok(Response::new(self.list(&context, request.into_inner()).await?))
    }

    async fn get_unread_count(&self, request: Request<GetUnreadCountRequest>) -> Result<Response<GetUnreadCountResponse>, Status> {
        let context = context(&request)?;
        let reader = reader(&context, &request.into_inner().portal)?;
        Ok(Response::new(GetUnreadCountResponse { unread_count: self.app.unread_notifications(&reader).await? }))
    }

    async fn mark_notifications_read(
        &self,
        request: Request<MarkNotificationsReadRequest>,
    ) -> Result<Response<MarkNotificationsReadResponse>, Status> {
        let context = context(&request)?;
        Ok(Response::new(self.mark(&context, request.into_inner()).await?))
    }
}

impl Api {
    async fn list(&self, context: &Context, request: ListNotificationsRequest) -> Result<ListNotificationsResponse, Error> {
        let reader = reader(context, &request.portal)?;
        let wanted = request.page.unwrap_or_default();
        let limit = page::size(wanted.page_size)?;
        let scope = ["notifications", reader.portal.as_str(), &reader.person, if request.unread { "unread" } else { "all" }];
        let after = self.pager.cursor(&scope, &wanted.page_token)?;
        let found = self.app.notifications(&reader, request.unread, after, limit).await?;
        let next_page_token = found.next.map(|place| self.pager.token(&scope, &place)).transpose()?.unwrap_or_default();
        Ok(ListNotificationsResponse { items: found.items.into_iter().map(encode).collect(), next_page_token, unread_count: found.unread })
    }

    async fn mark(&self, context: &Context, request: MarkNotificationsReadRequest) -> Result<MarkNotificationsReadResponse, Error> {
        let reader = reader(context, &request.portal)?;
        let key = context.request_key("MarkNotificationsRead", &request.request_id, &request)?;
        let ids = match (request.all, request.ids.is_empty()) {
            (true, true) => None,
            (false, false) => Some(parse_ids(&request.ids)?),
            _ => return Err(Error::invalid("ids", "required", "Give either ids or all.")),
        };
        Ok(MarkNotificationsReadResponse { unread_count: self.app.read_notifications(&reader, ids, key).await? })
    }
}

fn parse_ids(ids: &[String]) -> Result<Vec<Uuid>, Error> {
    if ids.len() > MAX_IDS {
        return Err(Error::invalid("ids", "too_long", format!("At most {MAX_IDS} ids.")));
    }
    ids.iter().map(|id| parse_uuid(id).map_err(|_| Error::invalid("ids", "invalid", "An id is not one of a notification."))).collect()
}

fn encode(shown: Shown) -> Notification {
    Notification {
        id: shown.id.to_string(),
        kind: shown.kind,
        title: shown.title,
        ticket_number: shown.ticket_number,
        url: shown.url,
        read: shown.read,
        created_at: Some(to_proto(shown.created_at)),
    }
}
