//! Portico's community service: forums, topics, posts, drafts, tags, votes, follows, moderation.
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
use portico_chassis::run::{Boot, Running};
use portico_chassis::settings::{self, Settings};
use portico_chassis::{events, inbox, keeper, operations};
use tokio::sync::Notify;

use api::Api;
use api::inbox::IdentityEvents;
use app::clients::Identity;
use app::entity::TopicAggregate;
use app::person::PersonKeeper;
use app::policy::Policy;
use app::views::Views;
use app::{Community, Parts, housekeeping};
use config::Config;

/// The service's name: of its database, its events and its keys.
pub const NAME: &str = "community";

/// Starts the service; it serves when this returns.
pub async fn start(boot: Boot<Config>) -> anyhow::Result<Running> {
    let Foundation { db, journal, peers, pager, nats } = Foundation::lay(&boot, &store::MIGRATIONS).await?;
    let blobs = Blobs::open(&boot.common)?;
    let identity = Identity::new(&peers)?;
    let aggregate = TopicAggregate { db: db.clone(), clock: boot.clock.clone(), random: boot.random.clone() };
    let community = Community::new(Parts {
        db: db.clone(),
        journal: journal.clone(),
        topics: Directory::new(aggregate, db.clone(), journal, boot.tasks.clone()),
        views: Views::start(db.clone(), &boot.tasks),
        identity: identity.clone(),
        settings: Settings::follow(&boot, Some(&db), &peers).await?,
        blobs: blobs.clone(),
        keys: boot.keys.clone(),
        clock: boot.clock.clone(),
        random: boot.random.clone(),
        limit_factor: boot.common.limit_factor,
    });
    let wake = Arc::new(Notify::new());
    keeper::start(&boot, &db, Arc::new(PersonKeeper { db: db.clone(), identity }), wake.clone());
    inbox::start(&boot, &db, &peers, nats, Arc::new(IdentityEvents { wake }))?;
    housekeeping::start(&boot, &db, &blobs);
    let server = Api::new(community, pager).server().permit(events::PERMISSIONS).permit(settings::PERMISSIONS);
    let server = server.add(events::service(NAME, &db)).add(inbox::service(&boot, &db)).add(settings::service::<Policy>());
    let grpc = server.serve(&boot).await?;
    let operations = operations::serve(&boot).await?;
    Ok(Running { grpc: Some(grpc), http: None, operations: Some(operations), tasks: boot.tasks.clone(), readiness: boot.readiness.clone() })
}
