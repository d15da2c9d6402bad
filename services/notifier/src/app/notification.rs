//! The bell as its owner sees it: marks hold ids, the words come from the owner of each event at the moment of reading.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use portico_chassis::deadline::Deadline;
use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use portico_chassis::journal::{Entry, Outcome, RequestKey};
use time::OffsetDateTime;
use uuid::Uuid;

use super::App;
use super::compose::subject_of;
use super::content::portal_path;
use super::prepare::OURSELVES;
use crate::store::events::{self, READING, Write};
use crate::store::notification::{self, Notification, Reading};

/// Marks asked about at once for one page.
const ASKING: usize = 8;
/// How long words are reused: less than the five seconds in which a lost right takes effect.
const FRESH: Duration = Duration::from_secs(3);
/// Words kept at once.
const KEPT: usize = 10_000;

/// A mark with its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Names it.
    pub id: Uuid,
    /// A name of [`crate::domain::kind::Kind`].
    pub kind: String,
    /// One line.
    pub title: String,
    /// Empty when it is about no ticket.
    pub ticket_number: String,
    /// A path below the public address.
    pub url: String,
    /// Whether it was read.
    pub read: bool,
    /// When it was made.
    pub created_at: OffsetDateTime,
}

/// Where a page ended: microseconds since 1970 and the id.
pub type Place = (i64, Uuid);

/// A page of a person's bell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Newest first.
    pub items: Vec<Shown>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<Place>,
    /// All unread marks, up to 1,000.
    pub unread: i32,
}

#[derive(Debug, Clone)]
struct Words {
    title: String,
    ticket_number: String,
    url: String,
    at: Instant,
}

/// Words of marks, as of a few seconds ago. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Titles(Arc<Mutex<HashMap<Uuid, Words>>>);

impl Titles {
    fn get(&self, id: Uuid) -> Option<Words> {
        let words = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        words.get(&id).filter(|words| words.at.elapsed() < FRESH).cloned()
    }

    fn put(&self, id: Uuid, words: Words) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.retain(|_, words| words.at.elapsed() < FRESH);
        }
        if kept.len() < KEPT {
            kept.insert(id, words);
        }
    }
}

/// What became of asking for a mark's words.
enum Found {
    Words(Words),
    /// The person may not see it, or it no longer matters.
    Withdrawn,
    /// The owner is away.
    Unknown,
}

/// Whose bell, until when the answer is of use.
#[derive(Debug, Clone)]
pub struct Reader {
    /// In which portal.
    pub portal: PortalId,
    /// The person's id.
    pub person: String,
    /// Until when.
    pub deadline: Deadline,
}

impl App {
    /// A page of the reader's marks. Marks that the reader may not see any more are withdrawn; those whose owner is away are left out,
    /// unless that leaves nothing: then `Unavailable`.
    pub async fn notifications(&self, reader: &Reader, unread: bool, after: Option<Place>, limit: i64) -> Result<Page, Error> {
        let after = after.map(|(micros, id)| Ok::<_, Error>((from_micros(micros)?, id))).transpose()?;
        let mut conn = self.db.read(&reader.portal, reader.deadline).await?;
        let mut rows = notification::list(&mut conn, &reader.portal, &reader.person, unread, after, limit + 1).await?;
        drop(conn);
        let more = rows.len() > usize::try_from(limit).unwrap_or(usize::MAX);
        rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let next = rows.last().filter(|_| more).map(|row| (to_micros(row.created_at), row.id));
        let found = self.words_of(reader, &rows).await;

        let (mut items, mut withdrawn, mut unknown) = (Vec::new(), Vec::new(), 0);
        for (row, found) in rows.into_iter().zip(found) {
            match found {
                Found::Words(words) => items.push(shown(row, words)),
                Found::Withdrawn => withdrawn.push(row.id),
                Found::Unknown => unknown += 1,
            }
        }
        if items.is_empty() && unknown > 0 {
            return Err(Error::Unavailable("the owner of the notifications"));
        }
        let mut conn = self.db.read(&reader.portal, reader.deadline).await?;
        if !withdrawn.is_empty() {
            notification::withdraw(&mut conn, &reader.portal, &withdrawn, self.clock.now()).await?;
        }
        let unread = notification::unread(&mut conn, &reader.portal, &reader.person, &[]).await?;
        Ok(Page { items, next, unread })
    }

    /// How many marks of the reader are unread.
    pub async fn unread_notifications(&self, reader: &Reader) -> Result<i32, Error> {
        let mut conn = self.db.read(&reader.portal, reader.deadline).await?;
        notification::unread(&mut conn, &reader.portal, &reader.person, &[]).await
    }

    /// Marks some (`Some`) or all (`None`) of the reader's marks as read and tells what is left. Nothing to mark: nothing is written.
    pub async fn read_notifications(&self, reader: &Reader, ids: Option<Vec<Uuid>>, request: RequestKey) -> Result<i32, Error> {
        let mut conn = self.db.read(&reader.portal, reader.deadline).await?;
        let before = notification::unread(&mut conn, &reader.portal, &reader.person, &[]).await?;
        let left = match &ids {
            Some(ids) => notification::unread(&mut conn, &reader.portal, &reader.person, ids).await?,
            None => 0,
        };
        drop(conn);
        if left == before {
            return Ok(left);
        }
        let now = self.clock.now();
        let reading = self.random.uuid(now);
        let entry = Entry::new(reader.portal.clone(), reader.person.clone(), now)
            .request(Some(request))
            .expect(READING, reading, 0)
            .events([events::notifications_read(self.random.uuid(now), reading, &reader.person, left)])
            .answer(left.to_be_bytes().to_vec())
            .write(Write::Read(Reading { portal: reader.portal.clone(), person_id: reader.person.clone(), ids, at: now }));
        match self.journal.append_one(entry, reader.deadline).await? {
            Outcome::Committed(_) => Ok(left),
            Outcome::Replayed(answer) => Ok(answer.try_into().map_or(left, i32::from_be_bytes)),
            Outcome::KeyReused => Err(Error::KeyReused),
            Outcome::VersionConflict | Outcome::ClaimTaken { .. } => Err(Error::internal("a new reading was not new")),
        }
    }

    async fn words_of(&self, reader: &Reader, rows: &[Notification]) -> Vec<Found> {
        let asked: Vec<_> = rows.iter().map(|row| self.words(reader, row)).collect();
        futures_util::stream::iter(asked).buffered(ASKING).collect().await
    }

    async fn words(&self, reader: &Reader, row: &Notification) -> Found {
        if let Some(words) = self.titles.get(row.id) {
            return Found::Words(words);
        }
        let content = match row.producer.as_str() {
            OURSELVES => self.own_content(&reader.portal, row.event_id, &reader.person).await,
            owner => self.clients.render_for(owner, &reader.portal, row.event_id, &reader.person, &row.kind).await,
        };
        match content {
            Ok(content) => {
                let words = Words {
                    title: subject_of(&content),
                    url: portal_path(reader.portal.as_str(), &content.action_path),
                    ticket_number: content.ticket_number,
                    at: Instant::now(),
                };
                self.titles.put(row.id, words.clone());
                Found::Words(words)
            }
            Err(Error::NotFound { .. } | Error::Gone) => Found::Withdrawn,
            Err(error) => {
                tracing::debug!(notification = %row.id, %error, "a mark could not be rendered");
                Found::Unknown
            }
        }
    }
}

fn shown(row: Notification, words: Words) -> Shown {
    Shown {
        id: row.id,
        kind: row.kind,
        title: words.title,
        ticket_number: words.ticket_number,
        url: words.url,
        read: row.read_at.is_some(),
        created_at: row.created_at,
    }
}

/// Microseconds since 1970: what PostgreSQL keeps of a time.
pub fn to_micros(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1_000).unwrap_or(i64::MAX)
}

/// The time of a page's end. `Malformed` when it is none.
pub fn from_micros(micros: i64) -> Result<OffsetDateTime, Error> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000)
        .map_err(|_| Error::Malformed { field: "cursor".into(), message: "The cursor is not valid for this list.".into() })
}
