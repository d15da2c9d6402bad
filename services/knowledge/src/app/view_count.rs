//! Views: counted in memory, written in batches (KB-10).

use std::collections::HashMap;
use std::time::Duration;

use portico_chassis::db::Db;
use portico_chassis::run::{Boot, Phase};
use sqlx::PgPool;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::domain::ids::ArticleId;
use crate::store;

/// Views that may wait: a second of the busiest portal. What is above is not counted; a view is no business record.
const MAILBOX: usize = 8192;
/// How long a view waits to be written.
const FLUSH: Duration = Duration::from_secs(1);

/// Counts views. Cheap to clone.
#[derive(Clone)]
pub(super) struct ViewCounter(mpsc::Sender<Uuid>);

impl ViewCounter {
    /// Starts the counter; what it holds is written when the entities end.
    pub(super) fn start<C>(boot: &Boot<C>, db: &Db) -> Self {
        let (sender, inbox) = mpsc::channel(MAILBOX);
        let pool = db.system().clone();
        boot.tasks.spawn_vital(Phase::Entities, "views", move |stop| run(pool, inbox, stop));
        Self(sender)
    }

    /// One view.
    pub(super) fn count(&self, article: ArticleId) {
        if self.0.try_send(article.uuid()).is_err() {
            tracing::debug!("a view was not counted");
        }
    }
}

async fn run(pool: PgPool, mut inbox: mpsc::Receiver<Uuid>, stop: CancellationToken) {
    let mut counted: HashMap<Uuid, i64> = HashMap::new();
    let mut tick = tokio::time::interval(FLUSH);
    loop {
        let mut seen = Vec::new();
        tokio::select! {
            received = inbox.recv_many(&mut seen, MAILBOX) => {
                for article in seen {
                    *counted.entry(article).or_default() += 1;
                }
                if received == 0 {
                    break;
                }
            }
            _ = tick.tick() => flush(&pool, &mut counted).await,
            () = stop.cancelled() => {
                while let Ok(article) = inbox.try_recv() {
                    *counted.entry(article).or_default() += 1;
                }
                break;
            }
        }
    }
    flush(&pool, &mut counted).await;
}

async fn flush(pool: &PgPool, counted: &mut HashMap<Uuid, i64>) {
    if counted.is_empty() {
        return;
    }
    // In one order, so that two replicas never wait for each other's rows.
    let mut rows: Vec<(Uuid, i64)> = counted.iter().map(|(id, count)| (*id, *count)).collect();
    rows.sort_unstable();
    let (ids, counts): (Vec<Uuid>, Vec<i64>) = rows.into_iter().unzip();
    match store::views::add(pool, &ids, &counts).await {
        Ok(()) => counted.clear(),
        Err(error) => tracing::debug!(%error, "views wait to be written"),
    }
}
