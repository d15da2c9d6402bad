//! The edge: gRPC requests and incoming events are read and checked here, and answers are encoded.

mod delivery;
mod inbound;
pub mod inbox;
mod notification;
mod preference;

use portico_chassis::auth::Caller;
use portico_chassis::error::Error;
use portico_chassis::grpc::{Context, Permission, Server};
use portico_chassis::page::Pager;
use portico_proto::notifier::v1::deliveries_service_server::DeliveriesServiceServer;
use portico_proto::notifier::v1::inbound_service_server::InboundServiceServer;
use portico_proto::notifier::v1::notifications_service_server::NotificationsServiceServer;
use portico_proto::notifier::v1::preferences_service_server::PreferencesServiceServer;

use crate::app::App;
use crate::app::inbound::MAX_BYTES;
use crate::app::notification::Reader;

/// Who may call what; a method without a row is closed.
pub const PERMISSIONS: &[(&str, Permission)] = &[
    ("/portico.notifier.v1.NotificationsService/ListNotifications", Permission::SignedIn),
    ("/portico.notifier.v1.NotificationsService/GetUnreadCount", Permission::SignedIn),
    ("/portico.notifier.v1.NotificationsService/MarkNotificationsRead", Permission::SignedIn),
    ("/portico.notifier.v1.PreferencesService/GetPreferences", Permission::SignedIn),
    ("/portico.notifier.v1.PreferencesService/PutPreferences", Permission::SignedIn),
    ("/portico.notifier.v1.InboundService/IngestMail", Permission::Public),
    ("/portico.notifier.v1.InboundService/GetInboundMail", Permission::Staff),
    ("/portico.notifier.v1.InboundService/ListInboundMails", Permission::Staff),
    ("/portico.notifier.v1.InboundService/CountInboundMails", Permission::Staff),
    ("/portico.notifier.v1.InboundService/AcceptInboundMail", Permission::Staff),
    ("/portico.notifier.v1.InboundService/DropInboundMail", Permission::Staff),
    ("/portico.notifier.v1.DeliveriesService/GetDeliveryCounters", Permission::Operator),
    ("/portico.notifier.v1.DeliveriesService/ListFailedDeliveries", Permission::Operator),
    ("/portico.notifier.v1.DeliveriesService/RetryDelivery", Permission::Operator),
];

/// Room for a message of the largest size and its envelope.
const MESSAGE_BYTES: usize = MAX_BYTES + 1024 * 1024;

/// What every method works with.
#[derive(Clone)]
struct Api {
    app: App,
    pager: Pager,
}

/// Adds the notifier's services to a server.
pub fn services(server: Server, app: &App, pager: &Pager) -> Server {
    let api = Api { app: app.clone(), pager: pager.clone() };
    server
        .add(NotificationsServiceServer::new(api.clone()))
        .add(PreferencesServiceServer::new(api.clone()))
        .add(InboundServiceServer::new(api.clone()).max_decoding_message_size(MESSAGE_BYTES))
        .add(DeliveriesServiceServer::new(api))
}

/// The signed-in person of a request, in the portal that it names.
fn reader(context: &Context, portal: &str) -> Result<Reader, Error> {
    let portal = context.portal(portal)?;
    let person = match &context.caller {
        Caller::Person(person) => person.id.to_string(),
        _ => return Err(Error::sign_in_required()),
    };
    Ok(Reader { portal, person, deadline: context.deadline })
}

/// 1 to 128 visible ASCII characters.
fn check_request_id(request_id: &str) -> Result<(), Error> {
    if (1..=128).contains(&request_id.len()) && request_id.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(())
    } else {
        Err(Error::invalid("request_id", "invalid", "The request id must be 1 to 128 visible ASCII characters."))
    }
}
