//! Portico's tickets service: the catalogue, tickets and their lifecycle, the conversation, files, collaborators.
//!
//! Four rooms: [`domain`] decides, [`store`] keeps, [`app`] does, [`api`] speaks gRPC. The README says what the service owns.

pub mod api;
pub mod app;
pub mod config;
pub mod domain;
pub mod store;

use std::sync::Arc;

use portico_chassis::blobs::Blobs;
use portico_chassis::entity::Directory;
use portico_chassis::foundation::Foundation;
use portico_chassis::grpc::Server;
use portico_chassis::run::{Boot, Running};
use portico_chassis::settings::{self, Settings};
use portico_chassis::{events, inbox, keeper, operations, timers};
use portico_proto::common::v1::render_service_server::RenderServiceServer;
use portico_proto::tickets::v1::attachments_service_server::AttachmentsServiceServer;
use portico_proto::tickets::v1::catalog_service_server::CatalogServiceServer;
use portico_proto::tickets::v1::collaborators_service_server::CollaboratorsServiceServer;
use portico_proto::tickets::v1::conversation_service_server::ConversationServiceServer;
use portico_proto::tickets::v1::guest_service_server::GuestServiceServer;
use portico_proto::tickets::v1::import_service_server::ImportServiceServer;
use portico_proto::tickets::v1::inbound_service_server::InboundServiceServer;
use portico_proto::tickets::v1::tickets_service_server::TicketsServiceServer;
use tokio::sync::Notify;

use api::inbox::IdentityEvents;
use app::clients::Identity;
use app::entity::TicketAggregate;
use app::people::{PeopleKeeper, ProofKeeper, SharedRules};
use app::timer::TicketTimers;
use app::{Parts, Tickets};
use config::Config;
use store::writes::Write;

/// Starts the service and returns where it listens.
///
/// # Errors
/// A configuration that can't be used, or a database that does not come up.
pub async fn start(boot: Boot<Config>) -> anyhow::Result<Running> {
    let base: Foundation<Write> = Foundation::lay(&boot, &store::MIGRATIONS).await?;
    let tickets = put_together(&boot, &base).await?;
    follow_identity(&boot, &base, &tickets)?;
    let server = Server::new(api::PERMISSIONS)
        .permit(events::PERMISSIONS)
        .permit(settings::PERMISSIONS)
        .add(settings::service::<SharedRules>())
        .add(CatalogServiceServer::new(api::catalog::Api(tickets.clone())))
        .add(TicketsServiceServer::new(api::ticket::Api(tickets.clone())))
        .add(ConversationServiceServer::new(api::conversation::Api(tickets.clone())))
        .add(CollaboratorsServiceServer::new(api::collaborators::Api(tickets.clone())))
        .add(AttachmentsServiceServer::new(api::attachments::Api(tickets.clone())))
        .add(GuestServiceServer::new(api::guests::Api(tickets.clone())))
        .add(InboundServiceServer::new(api::inbound::Api(tickets.clone())))
        .add(ImportServiceServer::new(api::import::Api(tickets.clone())))
        .add(RenderServiceServer::new(api::render::Api(tickets.clone())))
        .add(events::service("tickets", &base.db))
        .add(inbox::service(&boot, &base.db));
    app::housekeeping::start(&boot, &base.db, &tickets.blobs);
    timers::start(&boot, &base.db, base.journal.signals().armed.clone(), Arc::new(TicketTimers(tickets)));
    let grpc = server.serve(&boot).await?;
    let operations = operations::serve(&boot).await?;
    Ok(Running { grpc: Some(grpc), http: None, operations: Some(operations), tasks: boot.tasks.clone(), readiness: boot.readiness.clone() })
}

async fn put_together(boot: &Boot<Config>, base: &Foundation<Write>) -> anyhow::Result<Tickets> {
    let aggregate = TicketAggregate { db: base.db.clone(), clock: boot.clock.clone(), random: boot.random.clone() };
    Ok(Tickets::new(Parts {
        db: base.db.clone(),
        journal: base.journal.clone(),
        directory: Directory::new(aggregate, base.db.clone(), base.journal.clone(), boot.tasks.clone()),
        identity: Identity::new(&base.peers)?,
        settings: Settings::follow(boot, Some(&base.db), &base.peers).await?,
        pager: base.pager.clone(),
        blobs: Blobs::open(&boot.common)?,
        keys: boot.keys.clone(),
        clock: boot.clock.clone(),
        random: boot.random.clone(),
        limit_factor: boot.common.limit_factor,
    }))
}

/// Copies of people, and claims of addresses that were proven.
fn follow_identity(boot: &Boot<Config>, base: &Foundation<Write>, tickets: &Tickets) -> anyhow::Result<()> {
    let (people, proofs) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    keeper::start(boot, &base.db, Arc::new(PeopleKeeper(tickets.clone())), people.clone());
    keeper::start(boot, &base.db, Arc::new(ProofKeeper(tickets.clone())), proofs.clone());
    let consumer = Arc::new(IdentityEvents { people, proofs });
    inbox::start(boot, &base.db, &base.peers, base.nats.clone(), consumer)
}
