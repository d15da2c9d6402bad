//! Counts views in memory and writes them every few seconds. What a crash loses is a few views, never more.

use std::collections::HashMap;
use std::time::Duration;

use portico_chassis::db::Db;
use portico_chassis::run::{Phase, Tasks};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::domain::ids::TopicId;
use crate::store;

/// Views that may wait to be counted: a second at four times the load of the load test; more are not counted.
const MAILBOX: usize = 4096;
/// How far behind a topic's number may be.
const EVERY: Duration = Duration::from_secs(2);
/// Topics with views that are not written yet, while the database is away.
const HELD: usize = 20_000;

/// Notes views. Cheap to clone.
#[derive(Clone)]
pub struct Views(mpsc::Sender<TopicId>);

impl Views {
    /// Starts the counter; it writes what it has when the entities end.
    pub fn start(db: Db, tasks: &Tasks) -> Self {
        let (sender, inbox) = mpsc::channel(MAILBOX);
        tasks.spawn_vital(Phase::Entities, "views", move |stop| run(db, inbox, stop));
        Self(sender)
    }

    /// Notes one view; a full mailbox loses it, because nobody should wait for a counter.
    pub fn note(&self, topic: TopicId) {
        let _ = self.0.try_send(topic);
    }
}

async fn run(db: Db, mut inbox: mpsc::Receiver<TopicId>, stop: CancellationToken) {
    let mut counted: HashMap<TopicId, i64> = HashMap::new();
    let mut tick = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            Some(topic) = inbox.recv() => {
                if counted.len() < HELD || counted.contains_key(&topic) {
                    *counted.entry(topic).or_default() += 1;
                }
            }
            _ = tick.tick() => write(&db, &mut counted).await,
            () = stop.cancelled() => break,
        }
    }
    inbox.close();
    while let Some(topic) = inbox.recv().await {
        *counted.entry(topic).or_default() += 1;
    }
    write(&db, &mut counted).await;
}

/// Writes what can be written; the rest waits for the next time.
async fn write(db: &Db, counted: &mut HashMap<TopicId, i64>) {
    if counted.is_empty() {
        return;
    }
    let views: Vec<(TopicId, i64)> = counted.iter().map(|(topic, count)| (*topic, *count)).collect();
    match store::view_count::add(db.system(), &views).await {
        Ok(written) => written.iter().for_each(|topic| {
            counted.remove(topic);
        }),
        Err(error) => tracing::debug!(%error, "views wait to be written"),
    }
}
