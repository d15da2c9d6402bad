//! The index of this replica: the only writer of its folder, tailing the search documents.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

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
/// How often an index without news looks for merged segments.
const TIDY: Duration = Duration::from_secs(2);
/// How long an index that failed is left alone.
const REST: Duration = Duration::from_secs(1);
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
        // Searches use processors and wait for nothing: more at once would only take turns, and each would take longer.
        let at_once = std::thread::available_parallelism().map_or(2, usize::from).max(2);
        let handle = Self { serving: Arc::default(), wake: Arc::new(Notify::new()), permits: Arc::new(Semaphore::new(at_once)) };
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
    /// `Elsewhere` until the index has caught up once; `Deadline` when all threads stay busy.
    pub(super) async fn search(&self, asker: &Asker, ask: Question) -> Result<Found, Error> {
        let reading = self.serving.read().unwrap_or_else(PoisonError::into_inner).clone();
        let reading = reading.ok_or(Error::Elsewhere("the search index is being built"))?;
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
    /// None until it is open, and again after its writer failed.
    writing: Option<IndexWriting>,
    /// Up to where it is committed, also while it is closed.
    position: i64,
    /// Not the one that answers, or opened anew since it did.
    fresh: bool,
    /// After a failure it is left alone until then.
    rests_until: Option<Instant>,
    /// When it was last asked for merged segments.
    tidied: Instant,
}

impl Half {
    fn closed(epoch: Uuid, fresh: bool) -> Self {
        Self { epoch, writing: None, position: 0, fresh, rests_until: None, tidied: Instant::now() }
    }

    fn reaches(&self, head: i64) -> bool {
        self.writing.is_some() && self.position >= head
    }
}

/// What one batch did for a half.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// Nothing was to be done, or it rests.
    Idle,
    /// It is at the head.
    Caught,
    /// More waits behind this batch.
    Behind,
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
    reported: Option<(Instant, i64)>,
}

impl Actor {
    async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let wait = match self.pass().await {
                Ok(Step::Behind) => Duration::ZERO,
                Ok(Step::Caught) => PAUSE,
                Ok(Step::Idle) => TICK,
                Err(error) => {
                    tracing::warn!(%error, "the search index waits");
                    self.readiness.set(CHECK, Err(error.to_string()));
                    REST
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

    /// Brings each half one batch forward: while a new one is built, the one that answers stays up to date, this replica is heard of, and
    /// it can be stopped.
    async fn pass(&mut self) -> Result<Step, Error> {
        let (epoch, head) = store::replica::head(&self.pool).await?;
        if self.halves.last().is_none_or(|half| half.epoch != epoch) {
            // A third epoch while the second is being built: that one is never served.
            self.halves.truncate(1);
            self.halves.push(Half::closed(epoch, true));
        }
        let mut furthest = Step::Idle;
        for (index, half) in std::mem::take(&mut self.halves).into_iter().enumerate() {
            let (half, done) = self.forward(half, head).await;
            self.halves.push(half);
            match done {
                Ok(step) => furthest = furthest.max(step),
                Err(error) => {
                    tracing::warn!(%error, "a search index waits");
                    // A new one that can't be built does not stop the answers of the old one.
                    if index == 0 {
                        self.readiness.set(CHECK, Err(error.to_string()));
                    }
                }
            }
        }
        self.change_over(head);
        self.report().await?;
        Ok(furthest)
    }

    /// Opens the half if need be and applies one batch. A failure is its own: it rests, and is opened again from its last commit.
    async fn forward(&self, mut half: Half, head: i64) -> (Half, Result<Step, Error>) {
        if half.rests_until.is_some_and(|until| until > Instant::now()) {
            return (half, Ok(Step::Idle));
        }
        let (epoch, fresh, position) = (half.epoch, half.fresh, half.position);
        half.rests_until = None;
        let done = match self.batch(half, head).await {
            Ok((half, step)) => return (half, Ok(step)),
            Err(error) => Err(error),
        };
        let closed = Half { position, rests_until: Some(Instant::now() + REST), ..Half::closed(epoch, fresh) };
        (closed, done)
    }

    async fn batch(&self, half: Half, head: i64) -> Result<(Half, Step), Error> {
        let half = if half.writing.is_some() { half } else { self.open(half, head).await? };
        if half.position >= head {
            return Ok((tidied(half).await?, Step::Idle));
        }
        let rows = store::search_doc::after(&self.pool, half.position, BATCH).await?;
        let full = i64::try_from(rows.len()).is_ok_and(|count| count == BATCH);
        let last = rows.last().map_or(head, |row| row.position);
        // Positions below the head that have no row were written over by later ones.
        let reached = if full { last } else { last.max(head) };
        let documents: Vec<(IndexRow, bool)> = rows.into_iter().map(|row| self.with_language(row)).collect();
        let work = move || apply(half, &documents, reached);
        let half = tokio::task::spawn_blocking(work).await.map_err(Error::internal)?.map_err(Error::internal)?;
        let step = if half.position < head { Step::Behind } else { Step::Caught };
        Ok((half, step))
    }

    async fn open(&self, half: Half, head: i64) -> Result<Half, Error> {
        let (epoch, folder) = (half.epoch, self.folder.join(half.epoch.to_string()));
        let open = move || IndexWriting::open(&folder, &epoch.to_string(), head, Tuning::default());
        let writing = tokio::task::spawn_blocking(open).await.map_err(Error::internal)?.map_err(Error::internal)?;
        let position = writing.checkpoint().position;
        tracing::info!(%epoch, position, head, "the search index is open");
        // What answers until now does not see the commits of a writer that was opened after it.
        Ok(Half { writing: Some(writing), position, ..Half::closed(epoch, true) })
    }

    fn with_language(&self, row: IndexRow) -> (IndexRow, bool) {
        let known = row.portal.parse().ok().and_then(|portal| self.settings.known(&portal));
        let english = known.map_or(Part::default().english, |settings| settings.part.english);
        (row, english)
    }

    /// The newest half that has caught up answers.
    fn change_over(&mut self, head: i64) {
        let Some(newest) = self.halves.iter().rposition(|half| half.reaches(head)) else { return };
        if let Some(half) = self.halves.get_mut(newest)
            && let Some(writing) = &half.writing
            && std::mem::take(&mut half.fresh)
        {
            *self.handle.serving.write().unwrap_or_else(PoisonError::into_inner) = Some(writing.reading());
            self.halves.drain(..newest);
            let kept: Vec<Uuid> = self.halves.iter().map(|half| half.epoch).collect();
            forget_others(&self.folder, &kept);
        }
        self.readiness.set(CHECK, Ok(()));
    }

    async fn report(&mut self) -> Result<(), Error> {
        let Some(Half { epoch, position, .. }) = self.halves.first() else { return Ok(()) };
        if self.reported.is_some_and(|(at, known)| known == *position && at.elapsed() < REPORT) {
            return Ok(());
        }
        store::replica::report(&self.pool, &self.replica, *epoch, *position).await?;
        self.reported = Some((Instant::now(), *position));
        Ok(())
    }
}

/// Segments are merged in the background after a commit. Searches see them with the next one, or when it is quiet for a while.
async fn tidied(mut half: Half) -> Result<Half, Error> {
    if half.tidied.elapsed() < TIDY {
        return Ok(half);
    }
    let work = move || {
        half.tidied = Instant::now();
        if let Some(Err(error)) = half.writing.as_ref().map(IndexWriting::show_merged) {
            tracing::warn!(%error, "merged segments of the search index can't be shown yet");
        }
        half
    };
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)
}

fn apply(mut half: Half, rows: &[(IndexRow, bool)], reached: i64) -> anyhow::Result<Half> {
    let Some(writing) = half.writing.as_mut() else { anyhow::bail!("the index is closed") };
    for (row, english) in rows {
        let kind = u8::try_from(row.kind).ok().and_then(SearchKind::from_code);
        let (Some(kind), false) = (kind, row.deleted) else {
            writing.remove(&row.portal, &row.id.to_string());
            continue;
        };
        writing.put(&document(row, kind, *english))?;
    }
    writing.commit(reached)?;
    half.position = reached;
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
fn forget_others(folder: &Path, kept: &[Uuid]) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        // Only what is named like an epoch is ours.
        let epoch = entry.file_name().to_str().and_then(|name| Uuid::try_parse(name).ok());
        if epoch.is_some_and(|epoch| !kept.contains(&epoch)) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
