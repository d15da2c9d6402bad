//! Portico's notifier service: deliveries by mail and bell, preferences, mail templates, and the inbound mail door.
//!
//! It owns no business data: at the moment of sending, the owner of an event gives the words and says whether the recipient may still
//! read them. The README lists its RPCs, events, tables and settings.

pub mod api;
pub mod app;
pub mod config;
pub mod domain;
pub mod store;

use std::sync::Arc;

use portico_chassis::blobs::Blobs;
use portico_chassis::foundation::Foundation;
use portico_chassis::grpc::Server;
use portico_chassis::page::Pager;
use portico_chassis::run::{Boot, Running};
use portico_chassis::settings::{self, Settings};
use portico_chassis::{events, inbox, operations};

use crate::app::clients::{Clients, PRODUCERS};
use crate::app::compose::Frame;
use crate::app::digest::MailKey;
use crate::app::transport::Smarthost;
use crate::app::{App, inbound, notification};
use crate::config::Config;
use crate::store::events::Write;

/// The service's migrations.
pub static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// Starts the service.
pub async fn start(boot: Boot<Config>) -> anyhow::Result<Running> {
    let smarthost = Arc::new(Smarthost::from_config(&boot.config)?);
    let blobs = Blobs::open(&boot.common)?;
    let foundation: Foundation<Write> = Foundation::lay(&boot, &MIGRATIONS).await?;
    let frame = Frame {
        public_url: boot.common.public_url.trim_end_matches('/').to_owned(),
        mail_domain: boot.config.mail_domain.clone(),
        key: MailKey::derive(&boot.common.secret()?),
    };
    let hourly = u64::from(boot.config.inbound_per_sender_per_hour).saturating_mul(boot.common.limit_factor);
    let app = App {
        db: foundation.db.clone(),
        journal: foundation.journal.clone(),
        clients: Clients::new(&foundation.peers)?,
        settings: Settings::follow(&boot, Some(&foundation.db), &foundation.peers).await?,
        blobs,
        keys: boot.keys.clone(),
        clock: boot.clock.clone(),
        random: boot.random.clone(),
        tasks: boot.tasks.clone(),
        wakes: app::wake::Wakes::default(),
        smarthost,
        frame: Arc::new(frame),
        unmarked: app::Unmarked::default(),
        measures: app::measures::Measures::default(),
        secrets: inbound::Secrets::default(),
        titles: notification::Titles::default(),
        inbound_hourly: i64::try_from(hourly).unwrap_or(i64::MAX),
    };
    serve(&boot, &foundation, app).await
}

async fn serve(boot: &Boot<Config>, foundation: &Foundation<Write>, app: App) -> anyhow::Result<Running> {
    for producer in PRODUCERS {
        if foundation.peers.knows(producer) {
            let consumer = api::inbox::Deliveries::of(producer, boot.clock.clone(), app.wakes.clone(), app.measures.clone());
            inbox::start(boot, &foundation.db, &foundation.peers, foundation.nats.clone(), consumer)?;
        }
    }
    app.start_workers();
    let server = Server::new(api::PERMISSIONS)
        .permit(events::PERMISSIONS)
        .add(events::service(boot.service, &foundation.db))
        .add(inbox::service(boot, &foundation.db))
        .permit(settings::PERMISSIONS)
        .add(settings::service::<app::portal::MailSettings>());
    let pager: &Pager = &foundation.pager;
    let grpc = api::services(server, &app, pager).serve(boot).await?;
    let operations = operations::serve(boot).await?;
    Ok(Running { grpc: Some(grpc), http: None, operations: Some(operations), tasks: boot.tasks.clone(), readiness: boot.readiness.clone() })
}
