//! The index of this replica: the only writer of its folder, tailing the search documents.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use portico_chassis::db::Db;
use portico_chassis::error::Error;
use portico_chassis::run::{Boot, Phase, Readiness};
use portico_chassis::settings::Settings;
use sqlx::PgPool;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::asker::Asker;
use super::settings::Part;
use crate::config::Config;
use crate::domain::search::document::{Reader, SearchDocument, SearchKind};
use crate::domain::search::tuning::Tuning;
use crate::store;
use crate::store::index::{Found, IndexReading, IndexWriting, Wanted};
use crate::store::search_doc::IndexRow;

/// Documents of one commit.
const BATCH: i64 = 1000;
/// When nobody wakes the index it looks by itself.
const TICK: Duration = Duration::from_millis(100);
/// The shortest time between two commits of a running stream of changes: they are batched.
const PAUSE: Duration = Duration::from_millis(100);
/// How often it says how far it is, also without news.
const REPORT: Duration = Duration::from_secs(2);
/// Searches at once: they use processors, not waiting.
const AT_ONCE: usize = 8;
/// The readiness check.
const CHECK: &str = "search index";

/// Searches and wakes the index. Cheap to clone.
#[derive(Clone)]
pub(super) struct IndexHandle {
    serving: Arc<RwLock<Option<IndexReading>>>,
    wake: Arc<Notify>,
    permits: Arc<Semaphore>,
}

impl IndexHandle {
    /// Starts the actor; the replica is ready when the index has caught up.
    pub(super) fn start(boot: &Boot<Config>, db: &Db, settings: Settings<Part>) -> Self {
        let handle = Self { serving: Arc::default(), wake: Arc::new(Notify::new()), permits: Arc::new(Semaphore::new(AT_ONCE)) };
        boot.readiness.expect(CHECK);
        let actor = Actor {
            pool: db.system().clone(),
            folder: boot.config.index_dir.clone(),
            replica: boot.common.replica.clone(),
            settings,
            readiness: boot.readiness.clone(),
            handle: handle.clone(),
            halves: Vec::new(),
            reported: None,
        };
        boot.tasks.spawn_vital(Phase::Relay, "search index", move |stop| actor.run(stop));
        handle
    }

    /// There is something new.
    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Searches on a thread for such work.
    ///
    /// # Errors
    /// `Unavailable` until the index has caught up once; `Deadline` when all threads stay busy.
    pub(super) async fn search(&self, asker: &Asker, ask: Question) -> Result<Found, Error> {
        let reading = self.serving.read().unwrap_or_else(PoisonError::into_inner).clone();
        let reading = reading.ok_or(Error::Unavailable("the search index is being built"))?;
        let permit = asker.deadline.bound(self.permits.clone().acquire_owned()).await?.map_err(Error::internal)?;
        let (portal, readers) = (asker.portal.clone(), asker.viewer.groups());
        let work = move || {
            let found = reading.search(&Wanted {
                portal: portal.as_str(),
                text: &ask.text,
                kinds: &ask.kinds,
                readers: &readers,
                department: ask.department.as_deref(),
                category: ask.category.as_deref(),
                english: ask.english,
                now: ask.now,
                limit: ask.limit,
                typing: ask.typing,
            });
            drop(permit);
            found
        };
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)?.map_err(Error::internal)
    }
}

/// A search without its asker.
pub(super) struct Question {
    pub text: String,
    pub kinds: Vec<SearchKind>,
    pub department: Option<String>,
    pub category: Option<String>,
    pub english: bool,
    pub now: i64,
    pub limit: usize,
    /// While somebody types.
    pub typing: bool,
}

/// An index and the epoch that it belongs to.
struct Half {
    epoch: Uuid,
    writing: IndexWriting,
    /// Opened, but not the one that answers.
    fresh: bool,
}

struct Actor {
    pool: PgPool,
    folder: PathBuf,
    replica: String,
    settings: Settings<Part>,
    readiness: Readiness,
    handle: IndexHandle,
    /// The one that answers; behind it the one that is being built for a new epoch.
    halves: Vec<Half>,
    reported: Option<(std::time::Instant, i64)>,
}

impl Actor {
    async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let wait = match self.pass().await {
                Ok(true) => PAUSE,
                Ok(false) => TICK,
                Err(error) => {
                    tracing::warn!(%error, "the search index waits");
                    self.readiness.set(CHECK, Err(error.to_string()));
                    Duration::from_secs(1)
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.handle.wake.notified(), if wait == TICK => {}
                () = stop.cancelled() => {}
            }
        }
        if let Err(error) = store::replica::leave(&self.pool, &self.replica).await {
            tracing::debug!(%error, "this replica is forgotten later");
        }
    }

    /// Brings every half up to date as far as one batch goes; true when there was something.
    async fn pass(&mut self) -> Result<bool, Error> {
        let (epoch, head) = store::replica::head(&self.pool).await?;
        if self.halves.last().is_none_or(|half| half.epoch != epoch) {
            self.open(epoch, head).await?;
        }
        let mut news = false;
        let mut halves = std::mem::take(&mut self.halves);
        for index in 0..halves.len() {
            let half = halves.remove(index);
            // A half that can't be written is opened again from its last commit.
            let (half, some) = self.tail(half, head).await?;
            halves.insert(index, half);
            news |= some;
        }
        self.halves = halves;
        self.change_over(head);
        self.report().await?;
        Ok(news)
    }

    async fn open(&mut self, epoch: Uuid, head: i64) -> Result<(), Error> {
        // A third epoch while the second is being built: that one is never served.
        self.halves.truncate(1);
        let folder = self.folder.join(epoch.to_string());
        let open = move || IndexWriting::open(&folder, &epoch.to_string(), head, Tuning::default());
        let writing = tokio::task::spawn_blocking(open).await.map_err(Error::internal)?.map_err(Error::internal)?;
        tracing::info!(%epoch, position = writing.checkpoint().position, head, "the search index is open");
        self.halves.push(Half { epoch, writing, fresh: true });
        Ok(())
    }

    /// Applies batches until the half is at `head`, at most so many that others get their turn.
    async fn tail(&self, mut half: Half, head: i64) -> Result<(Half, bool), Error> {
        let begun = half.writing.checkpoint().position;
        loop {
            let position = half.writing.checkpoint().position;
            if position >= head {
                return Ok((half, position > begun));
            }
            let rows = store::search_doc::after(&self.pool, position, BATCH).await?;
            let full = i64::try_from(rows.len()).is_ok_and(|count| count == BATCH);
            // Positions below the head that have no row were written over by later ones.
            let reached =
                if full { rows.last().map_or(head, |row| row.position) } else { rows.last().map_or(head, |row| row.position.max(head)) };
            let documents: Vec<(IndexRow, bool)> = rows.into_iter().map(|row| self.with_language(row)).collect();
            let work = move || apply(half, &documents, reached);
            half = tokio::task::spawn_blocking(work).await.map_err(Error::internal)?.map_err(Error::internal)?;
        }
    }

    fn with_language(&self, row: IndexRow) -> (IndexRow, bool) {
        let known = row.portal.parse().ok().and_then(|portal| self.settings.known(&portal));
        let english = known.map_or(Part::default().english, |settings| settings.part.english);
        (row, english)
    }

    /// The newest half answers as soon as it has caught up.
    fn change_over(&mut self, head: i64) {
        let Some(newest) = self.halves.last_mut() else { return };
        if newest.writing.checkpoint().position < head {
            return;
        }
        if std::mem::take(&mut newest.fresh) {
            *self.handle.serving.write().unwrap_or_else(PoisonError::into_inner) = Some(newest.writing.reading());
            let epoch = newest.epoch;
            self.halves.drain(..self.halves.len() - 1);
            forget_others(&self.folder, epoch);
        }
        self.readiness.set(CHECK, Ok(()));
    }

    async fn report(&mut self) -> Result<(), Error> {
        let Some(half) = self.halves.first() else { return Ok(()) };
        let position = half.writing.checkpoint().position;
        if self.reported.is_some_and(|(at, known)| known == position && at.elapsed() < REPORT) {
            return Ok(());
        }
        store::replica::report(&self.pool, &self.replica, half.epoch, position).await?;
        self.reported = Some((std::time::Instant::now(), position));
        Ok(())
    }
}

fn apply(mut half: Half, rows: &[(IndexRow, bool)], reached: i64) -> anyhow::Result<Half> {
    for (row, english) in rows {
        let kind = u8::try_from(row.kind).ok().and_then(SearchKind::from_code);
        let (Some(kind), false) = (kind, row.deleted) else {
            half.writing.remove(&row.portal, &row.id.to_string());
            continue;
        };
        half.writing.put(&document(row, kind, *english))?;
    }
    half.writing.commit(reached)?;
    Ok(half)
}

fn document(row: &IndexRow, kind: SearchKind, english: bool) -> SearchDocument {
    SearchDocument {
        portal: row.portal.clone(),
        kind,
        id: row.id.to_string(),
        title: row.title.clone(),
        body: row.body.clone(),
        readers: row.readers.iter().filter_map(|word| Reader::from_word(word)).collect(),
        department: row.department.clone(),
        category: row.category.clone(),
        english,
        valid_from: row.valid_from,
        valid_until: row.valid_until,
    }
}

/// Removes folders of other epochs; what can't be removed is removed at the next start.
fn forget_others(folder: &Path, epoch: Uuid) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        // Only what is named like an epoch is ours.
        if name != *epoch.to_string() && name.to_str().is_some_and(|name| Uuid::try_parse(name).is_ok()) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
