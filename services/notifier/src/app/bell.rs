//! Turns due bell deliveries into marks, exactly once: the mark's id is the delivery's, and both are written in one journal entry.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::StreamExt;
use portico_chassis::deadline::Deadline;
use portico_chassis::error::Error;
use portico_chassis::journal::{Entry, Outcome};
use portico_chassis::run::Phase;
use portico_chassis::telemetry;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::App;
use super::guarded::guarded;
use super::prepare::Prepared;
use super::wake;
use crate::domain::delivery::{Channel, Due};
use crate::store::delivery::{self, Leased, Wish};
use crate::store::events::{self, NOTIFICATION, Write};
use crate::store::notification::{self, NewNotification};

/// Marks leased at once.
const BATCH: usize = 64;
/// Marks that are asked about at once.
const ASKING: usize = 8;
const LEASE: Duration = Duration::from_secs(30);

/// Starts the worker; it ends with the intake.
pub fn start(app: &App) {
    let app = app.clone();
    app.tasks.clone().spawn_vital(Phase::Intake, "bell", move |stop| async move { run(app, stop).await });
}

async fn run(app: App, stop: CancellationToken) {
    while wake::wait(&app.wakes.bell, &stop).await {
        while !stop.is_cancelled() {
            match round(&app).await {
                Ok(leased) if leased == BATCH => {}
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(%error, "due bell marks could not be leased");
                    break;
                }
            }
        }
    }
}

async fn round(app: &App) -> Result<usize, Error> {
    let now = app.clock.now();
    let wish = Wish {
        channel: Channel::Bell,
        blocked_domains: &[],
        blocked_producers: &[],
        until: now + LEASE,
        lease: app.random.uuid(now),
        limit: BATCH as i64,
    };
    let mut conn = app.db.system().acquire().await?;
    let batch = delivery::lease(&mut conn, &wish, now).await?;
    drop(conn);
    let size = batch.len();
    // Marks of one person are made one after another, so that each counts the ones before.
    let mut by_person: HashMap<String, Vec<Leased>> = HashMap::new();
    for leased in batch {
        by_person.entry(leased.due.recipient.clone()).or_default().push(leased);
    }
    futures_util::stream::iter(by_person.into_values())
        .for_each_concurrent(ASKING, |marks| async move {
            for leased in marks {
                let span =
                    tracing::info_span!("deliver bell", portico.delivery.id = %leased.due.id, portico.delivery.kind = %leased.due.kind);
                telemetry::follow_trace(&span, &leased.due.traceparent, app.clock.since(leased.due.event_at));
                let due = leased.due.clone();
                if guarded("a bell mark", ring(app, leased)).instrument(span).await.is_none() {
                    app.try_later(&due, "defect").await;
                }
            }
        })
        .await;
    Ok(size)
}

async fn ring(app: &App, leased: Leased) {
    let due = leased.due;
    if !leased.wanted {
        return app.cancel(&due, "not_wanted").await;
    }
    match app.prepare(&due).await {
        Prepared::Ready(_) => match mark(app, &due).await {
            Ok(()) => app.left(&due),
            Err(error) => {
                tracing::warn!(delivery = %due.id, %error, "a bell mark could not be stored");
                app.release(&due, app.random.jitter(Duration::from_secs(1)), false, None, "waits for the database").await;
            }
        },
        Prepared::Cancel(reason) => app.cancel(&due, reason).await,
        Prepared::Later(delay) => app.release(&due, delay, false, None, "waits for its owner").await,
        Prepared::Failed(reason) => app.try_later(&due, &reason).await,
    }
}

async fn mark(app: &App, due: &Due) -> Result<(), Error> {
    let now = app.clock.now();
    let id = due.id.uuid();
    let mut conn = app.db.system().acquire().await?;
    let unread = notification::unread(&mut conn, &due.portal, &due.recipient, &[id]).await?.saturating_add(1);
    drop(conn);
    let row = NewNotification {
        id,
        portal: due.portal.clone(),
        person_id: due.recipient.clone(),
        producer: due.producer.clone(),
        event_id: due.event_id,
        aggregate_kind: due.aggregate_kind.clone(),
        aggregate_id: due.aggregate_id.clone(),
        kind: due.kind.name(),
        created_at: now,
    };
    let entry = Entry::new(due.portal.clone(), "service:notifier", now)
        .expect(NOTIFICATION, id, 0)
        .events([events::notification_created(app.random.uuid(now), id, &due.recipient, unread)])
        .write(Write::Notify(row));
    match app.journal.append_one(entry, Deadline::within(Duration::from_secs(5))).await? {
        Outcome::Committed(_) => Ok(()),
        // The mark is there: another worker was faster, or we did it and did not hear of it.
        _ => {
            app.mark_sent(due.id).await;
            Ok(())
        }
    }
}
