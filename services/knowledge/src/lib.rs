//! Portico's knowledge service: articles, FAQs, announcements and the public search.
//!
//! Four rooms: [`domain`] decides, [`store`] keeps, [`app`] does, [`api`] speaks gRPC. The README says what the service owns.

use portico_chassis::events;
use portico_chassis::foundation::Foundation;
use portico_chassis::grpc::Server;
use portico_chassis::inbox;
use portico_chassis::operations;
use portico_chassis::run::{Boot, Running};
use portico_chassis::settings;

pub mod api;
pub mod app;
pub mod config;
pub mod domain;
pub mod store;

pub use config::Config;

/// Starts the service; returns when it listens.
///
/// # Errors
/// When the configuration, the database or the index folder can't be used.
pub async fn start(boot: Boot<Config>) -> anyhow::Result<Running> {
    let foundation = Foundation::lay(&boot, &store::MIGRATIONS).await?;
    let knowledge = app::Knowledge::start(&boot, &foundation).await?;
    api::inbox::start(&boot, &foundation, &knowledge)?;
    let server = Server::new(api::PERMISSIONS)
        .permit(events::PERMISSIONS)
        .add(events::service("knowledge", &foundation.db))
        .add(inbox::service(&boot, &foundation.db))
        .permit(settings::PERMISSIONS)
        .add(settings::service::<app::settings::Part>());
    let grpc = api::add(server, &knowledge).serve(&boot).await?;
    let operations = operations::serve(&boot).await?;
    Ok(Running { grpc: Some(grpc), http: None, operations: Some(operations), tasks: boot.tasks, readiness: boot.readiness })
}
