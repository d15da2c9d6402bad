//! The SQL of one batch: lock the head, look, judge, write, commit.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row};
use time::OffsetDateTime;
use uuid::Uuid;

use super::admit::{Answered, Known, RequestScope, Verdict, admit};
use super::batch::Batch;
use super::entry::{Claim, Entry};
use super::writer::Writes;
use super::{Committed, Outcome};
use crate::error::Error;
use crate::failpoint::{self, Point};
use crate::ids::PortalId;

/// How long PostgreSQL may take for all of a batch before its COMMIT, and again for that. A little more than what PostgreSQL itself allows
/// a statement: this one is for a host that vanished.
const PATIENCE: Duration = Duration::from_secs(6);
const SILENCE: Error = Error::Unavailable("the database does not answer");

/// What a batch came to, and how to find out whether its commit took place when the answer got lost.
pub(super) struct Appended {
    pub outcomes: Vec<Outcome>,
    /// The transaction: PostgreSQL remembers whether it committed, also when it has neither an event nor a request.
    pub transaction: String,
    pub earliest_timer: Option<OffsetDateTime>,
}

/// Where a batch failed decides what may be said about it.
pub(super) enum Failure {
    /// Nothing was written.
    Before(Error),
    /// COMMIT was sent and its answer did not arrive.
    Unknown(Appended, Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Before(error)
    }
}

/// Commits what can be committed of `entries`, in order, in one transaction.
pub(super) async fn append<W: Writes>(conn: &mut PgConnection, entries: &[&Entry<W>]) -> Result<Appended, Failure> {
    let (appended, is_empty) = tokio::time::timeout(PATIENCE, prepare(conn, entries)).await.map_err(|_| Failure::Before(SILENCE))??;
    let end = if is_empty { "ROLLBACK" } else { "COMMIT" };
    if !is_empty {
        failpoint::reach(Point::BeforeCommit);
    }
    match tokio::time::timeout(PATIENCE, sqlx::raw_sql(end).execute(&mut *conn)).await {
        Ok(Ok(_)) => {
            if !is_empty {
                failpoint::reach(Point::AfterCommit);
            }
            Ok(appended)
        }
        Ok(Err(error)) if is_empty => Err(Failure::Before(error.into())),
        Err(_) if is_empty => Err(Failure::Before(SILENCE)),
        Ok(Err(error)) => Err(Failure::Unknown(appended, error.into())),
        Err(_) => Err(Failure::Unknown(appended, SILENCE)),
    }
}

/// Everything but the end of the transaction; says whether there is nothing to commit.
async fn prepare<W: Writes>(conn: &mut PgConnection, entries: &[&Entry<W>]) -> Result<(Appended, bool), Error> {
    let head = lock_head(conn, entries).await?;
    let known = look(conn, entries).await?;
    let verdicts = admit(entries, known);
    let admitted: Vec<usize> =
        verdicts.iter().enumerate().filter(|(_, v)| matches!(v, Verdict::Admitted { .. })).map(|(index, _)| index).collect();
    let numbers = draw_numbers(conn, entries, &admitted).await?;
    let (appended, batch) = assemble(entries, &verdicts, &numbers, head);
    if batch.is_empty() {
        return Ok((appended, true));
    }
    let writes = batch.write(conn).await?;
    if !writes.is_empty() {
        W::apply(conn, writes).await?;
    }
    Ok((appended, false))
}

/// The last position and event before a batch.
pub(super) struct Head {
    pub position: i64,
    pub last_event: Option<Uuid>,
    /// The transaction that holds the lock.
    pub transaction: String,
}

/// The one lock that orders all appends; taken before any aggregate, in a statement of its own, so that later statements see all commits.
async fn lock_head<W>(conn: &mut PgConnection, entries: &[&Entry<W>]) -> Result<Head, Error> {
    let portals: BTreeSet<&str> = entries.iter().map(|entry| entry.portal.as_str()).collect();
    let portals = portals.into_iter().collect::<Vec<_>>().join(",");
    // A portal id holds only a-z, 0-9 and '-', so it can stand in the text; one round trip instead of three.
    let sql = format!(
        "BEGIN; SET LOCAL portico.portals = '{portals}'; \
         SELECT position, last_event, pg_current_xact_id()::text FROM journal_head FOR UPDATE"
    );
    let row = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(conn).await?;
    Ok(Head { position: row.try_get(0)?, last_event: row.try_get(1)?, transaction: row.try_get(2)? })
}

/// Everything that a batch names, by column, as UNNEST wants it.
#[derive(Default)]
struct Named<'e> {
    aggregates: Vec<Uuid>,
    claim_portals: Vec<&'e str>,
    claim_spaces: Vec<&'e str>,
    claim_keys: Vec<&'e str>,
    portals: Vec<&'e str>,
    callers: Vec<&'e str>,
    operations: Vec<&'e str>,
    keys: Vec<&'e str>,
}

impl<'e> Named<'e> {
    fn by<W>(entries: &[&'e Entry<W>]) -> Self {
        let mut named = Self::default();
        for entry in entries {
            named.aggregates.extend(entry.expects.iter().map(|(aggregate, _)| aggregate.id));
            for claim in &entry.claims {
                let (Claim::Take { space, key, .. } | Claim::Release { space, key }) = claim;
                named.claim_portals.push(entry.portal.as_str());
                named.claim_spaces.push(space);
                named.claim_keys.push(key);
            }
            if let Some(request) = &entry.request {
                named.portals.push(entry.portal.as_str());
                named.callers.push(&request.caller);
                named.operations.push(request.operation);
                named.keys.push(&request.key);
            }
        }
        named
    }
}

/// Reads everything that the batch names: versions, claims and requests, in one statement.
async fn look<W>(conn: &mut PgConnection, entries: &[&Entry<W>]) -> Result<Known, Error> {
    let named = Named::by(entries);
    let rows = sqlx::query(
        "SELECT 'a' AS what, id, version, NULL::text AS portal, NULL::text AS one, NULL::text AS two, NULL::text AS three, \
                NULL::bytea AS fingerprint, NULL::bytea AS answer \
           FROM aggregate WHERE id = ANY ($1) \
         UNION ALL \
         SELECT 'c', c.owner, NULL, c.portal, c.space, c.key, NULL, NULL, NULL \
           FROM unnest($2::text[], $3::text[], $4::text[]) AS w (portal, space, key) JOIN claim c USING (portal, space, key) \
         UNION ALL \
         SELECT 'r', NULL, NULL, r.portal, r.caller, r.operation, r.key, r.fingerprint, r.answer \
           FROM unnest($5::text[], $6::text[], $7::text[], $8::text[]) AS w (portal, caller, operation, key) \
           JOIN request r USING (portal, caller, operation, key)",
    )
    .bind(&named.aggregates)
    .bind(&named.claim_portals)
    .bind(&named.claim_spaces)
    .bind(&named.claim_keys)
    .bind(&named.portals)
    .bind(&named.callers)
    .bind(&named.operations)
    .bind(&named.keys)
    .fetch_all(conn)
    .await?;
    rows.iter().try_fold(Known::default(), remember)
}

fn remember(mut known: Known, row: &PgRow) -> Result<Known, Error> {
    match row.try_get::<&str, _>("what")? {
        "a" => {
            known.versions.insert(row.try_get("id")?, row.try_get("version")?);
        }
        "c" => {
            known.claims.insert((row.try_get("portal")?, row.try_get("one")?, row.try_get("two")?), row.try_get("id")?);
        }
        _ => {
            let scope = RequestScope {
                portal: row.try_get("portal")?,
                caller: row.try_get("one")?,
                operation: row.try_get("two")?,
                key: row.try_get("three")?,
            };
            let answered = Answered { fingerprint: row.try_get("fingerprint")?, answer: row.try_get("answer")? };
            known.requests.insert(scope, answered);
        }
    }
    Ok(known)
}

/// Draws a number for each admitted entry that asks for one; the n-th entry of a series gets the n-th number.
async fn draw_numbers<W>(conn: &mut PgConnection, entries: &[&Entry<W>], admitted: &[usize]) -> Result<HashMap<usize, i64>, Error> {
    let mut wanted: HashMap<(&PortalId, &str), Vec<usize>> = HashMap::new();
    for index in admitted {
        if let Some((series, _)) = &entries[*index].number {
            wanted.entry((&entries[*index].portal, series)).or_default().push(*index);
        }
    }
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let (mut portals, mut names, mut counts) = (Vec::new(), Vec::new(), Vec::new());
    for ((portal, series), indexes) in &wanted {
        portals.push(portal.as_str());
        names.push(*series);
        counts.push(i64::try_from(indexes.len()).unwrap_or(i64::MAX));
    }
    let rows = sqlx::query_as::<_, (String, String, i64)>(
        "INSERT INTO sequence (portal, name, value) SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[]) \
         ON CONFLICT (portal, name) DO UPDATE SET value = sequence.value + excluded.value RETURNING portal, name, value",
    )
    .bind(&portals)
    .bind(&names)
    .bind(&counts)
    .fetch_all(conn)
    .await?;
    let mut drawn = HashMap::new();
    for (portal, name, last) in rows {
        let portal: PortalId = portal.parse().map_err(|_| Error::internal("a sequence of no portal"))?;
        let indexes = wanted.get(&(&portal, name.as_str())).cloned().unwrap_or_default();
        let first = last - i64::try_from(indexes.len()).unwrap_or(0) + 1;
        drawn.extend(indexes.into_iter().zip(first..));
    }
    Ok(drawn)
}

/// Turns verdicts into outcomes and the admitted entries into rows.
fn assemble<W: Writes>(entries: &[&Entry<W>], verdicts: &[Verdict], numbers: &HashMap<usize, i64>, head: Head) -> (Appended, Batch<W>) {
    let mut batch = Batch::new(&head);
    let mut outcomes: Vec<Outcome> = Vec::with_capacity(entries.len());
    for (index, (entry, verdict)) in entries.iter().zip(verdicts).enumerate() {
        let outcome = match verdict {
            Verdict::Admitted { versions } => {
                let mut finish = entry.finish.clone();
                let number = numbers.get(&index).copied();
                if let (Some((_, fill)), Some(number)) = (&entry.number, number) {
                    fill(number, &mut finish);
                }
                let events = finish.events.iter().map(|event| event.id).zip(versions.iter().copied()).collect();
                let answer = finish.answer.clone();
                batch.add(entry, finish, versions);
                Outcome::Committed(Committed { answer, number, events })
            }
            Verdict::Replayed(answer) => Outcome::Replayed(answer.clone()),
            Verdict::Twin { of } => match &outcomes[*of] {
                Outcome::Committed(first) => Outcome::Replayed(first.answer.clone()),
                other => other.clone(),
            },
            Verdict::KeyReused => Outcome::KeyReused,
            Verdict::VersionConflict => Outcome::VersionConflict,
            Verdict::ClaimTaken(space) => Outcome::ClaimTaken { space },
            // The journal refuses such an entry before it takes it in.
            Verdict::Unexpected => Outcome::VersionConflict,
        };
        outcomes.push(outcome);
    }
    let appended = Appended { outcomes, transaction: head.transaction, earliest_timer: batch.earliest_timer() };
    (appended, batch)
}

#[cfg(test)]
mod tests;
