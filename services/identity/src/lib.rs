//! Portico's identity service: portals and their settings, people and organisations, sessions, one-time links, the human check.
//!
//! Four rooms: [`domain`] decides, [`store`] keeps, [`app`] does, [`api`] speaks gRPC. The README says what the service owns.

pub mod api;
pub mod app;
pub mod config;
pub mod domain;
pub mod store;

use std::sync::Arc;
use std::time::Duration;

use portico_chassis::foundation::Foundation;
use portico_chassis::run::{Boot, Phase, Running};
use portico_chassis::{chore, events, inbox, operations, timers};

use api::inbox::Tickets;
use app::clients::Clients;
use app::hasher::Hasher;
use app::intake::Fulfiller;
use app::{App, Parts};
use config::Config;
use domain::secrets::Secrets;
use store::Write;

/// How often rows of no use are removed.
const SWEEP: Duration = Duration::from_secs(600);

/// Starts the service: schema, journal, relay, inbox, timers, gRPC.
pub async fn start(boot: Boot<Config>) -> anyhow::Result<Running> {
    let foundation: Foundation<Write> = Foundation::lay(&boot, &store::MIGRATIONS).await?;
    let app = App::new(Parts {
        db: foundation.db.clone(),
        journal: foundation.journal.clone(),
        clock: boot.clock.clone(),
        random: boot.random.clone(),
        secrets: Secrets::new(boot.common.secret()?.expose().as_bytes()),
        hasher: Hasher::new()?,
        tokens: boot.tokens.clone(),
        clients: Clients::new(&foundation.peers)?,
        development: boot.common.development,
        limit_factor: i64::try_from(boot.common.limit_factor).unwrap_or(i64::MAX),
    });
    let armed = foundation.journal.signals().armed.clone();
    let tickets = Arc::new(Tickets { clock: boot.clock.clone(), armed: armed.clone() });
    inbox::start(&boot, &foundation.db, &foundation.peers, foundation.nats.clone(), tickets)?;
    timers::start(&boot, &foundation.db, armed, Arc::new(Fulfiller(app.clone())));
    let follower = app.clone();
    boot.tasks.spawn_vital(Phase::Serve, "revocations", move |stop| follower.follow_revocations(stop));
    let sweeper = app.clone();
    chore::start(&boot, &foundation.db, "sweeper", SWEEP, move |_| {
        let (db, now) = (sweeper.db.clone(), sweeper.clock.now());
        async move { store::sweep::sweep(db.system(), now).await.map(drop) }
    });
    let operations = operations::serve(&boot).await?;
    let grpc = api::server(app, foundation.pager.clone())
        .permit(events::PERMISSIONS)
        .add(events::service("identity", &foundation.db))
        .add(inbox::service(&boot, &foundation.db))
        .serve(&boot)
        .await?;
    Ok(Running { grpc: Some(grpc), http: None, operations: Some(operations), tasks: boot.tasks.clone(), readiness: boot.readiness.clone() })
}
