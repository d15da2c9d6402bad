//! The SQL of one batch: lock the head, look, judge, write, commit.

use std::collections::{BTreeSet, HashMap};

use prost::Message;
use sqlx::{AssertSqlSafe, PgConnection, Row};
use time::OffsetDateTime;
use uuid::Uuid;

use super::admit::{Known, Verdict, admit};
use super::entry::{Claim, Entry, Finish, TimerChange};
use super::writer::Writes;
use super::{Committed, Outcome};
use crate::error::Error;
use crate::ids::PortalId;

/// What a batch came to, and how to find out whether its commit took place when the answer got lost.
pub(super) struct Appended {
    pub outcomes: Vec<Outcome>,
    /// An event of the batch: it is in the journal exactly if the batch committed.
    pub witness: Option<Uuid>,
    pub earliest_timer: Option<OffsetDateTime>,
}

/// Where a batch failed decides what may be said about it.
pub(super) enum Failure {
    /// Nothing was written.
    Before(Error),
    /// COMMIT was sent and its answer did not arrive.
    Unknown(Appended, Error),
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Before(error.into())
    }
}

/// Commits what can be committed of `entries`, in order, in one transaction.
pub(super) async fn append<W: Writes>(conn: &mut PgConnection, entries: &[&Entry<W>]) -> Result<Appended, Failure> {
    let head = lock_head(conn, entries).await?;
    let known = look(conn, entries).await?;
    let verdicts = admit(entries, known);
    let admitted: Vec<usize> =
        verdicts.iter().enumerate().filter(|(_, v)| matches!(v, Verdict::Admitted { .. })).map(|(index, _)| index).collect();
    let numbers = draw_numbers(conn, entries, &admitted).await?;
    let (appended, batch) = assemble(entries, &verdicts, &numbers, head);
    if batch.is_empty() {
        sqlx::raw_sql("ROLLBACK").execute(&mut *conn).await?;
        return Ok(appended);
    }
    let writes = batch.write(conn).await?;
    if !writes.is_empty() {
        W::apply(conn, writes).await?;
    }
    match sqlx::raw_sql("COMMIT").execute(&mut *conn).await {
        Ok(_) => Ok(appended),
        Err(error) => Err(Failure::Unknown(appended, error.into())),
    }
}

struct Head {
    position: i64,
    last_event: Option<Uuid>,
}

/// The one lock that orders all appends; taken before any aggregate, in a statement of its own, so that later statements see all commits.
async fn lock_head<W>(conn: &mut PgConnection, entries: &[&Entry<W>]) -> Result<Head, Error> {
    let portals: BTreeSet<&str> = entries.iter().map(|entry| entry.portal.as_str()).collect();
    let portals = portals.into_iter().collect::<Vec<_>>().join(",");
    // A portal id holds only a-z, 0-9 and '-', so it can stand in the text; one round trip instead of three.
    let sql = format!("BEGIN; SET LOCAL portico.portals = '{portals}'; SELECT position, last_event FROM journal_head FOR UPDATE");
    let row = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(conn).await?;
    Ok(Head { position: row.try_get(0)?, last_event: row.try_get(1)? })
}

/// Reads everything that the batch names: versions, claims and requests, in one statement.
async fn look<W>(conn: &mut PgConnection, entries: &[&Entry<W>]) -> Result<Known, Error> {
    let mut aggregates: Vec<Uuid> = Vec::new();
    let (mut claim_portals, mut claim_spaces, mut claim_keys) = (Vec::new(), Vec::new(), Vec::new());
    let (mut portals, mut callers, mut operations, mut keys) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for entry in entries {
        aggregates.extend(entry.expects.iter().map(|(aggregate, _)| aggregate.id));
        for claim in &entry.claims {
            let (Claim::Take { space, key, .. } | Claim::Release { space, key }) = claim;
            claim_portals.push(entry.portal.as_str());
            claim_spaces.push(*space);
            claim_keys.push(key.as_str());
        }
        if let Some(request) = &entry.request {
            portals.push(entry.portal.as_str());
            callers.push(request.caller.as_str());
            operations.push(request.operation);
            keys.push(request.key.as_str());
        }
    }
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
    .bind(&aggregates)
    .bind(&claim_portals)
    .bind(&claim_spaces)
    .bind(&claim_keys)
    .bind(&portals)
    .bind(&callers)
    .bind(&operations)
    .bind(&keys)
    .fetch_all(conn)
    .await?;
    let mut known = Known::default();
    for row in rows {
        match row.try_get::<&str, _>("what")? {
            "a" => {
                known.versions.insert(row.try_get("id")?, row.try_get("version")?);
            }
            "c" => {
                known.claims.insert((row.try_get("portal")?, row.try_get("one")?, row.try_get("two")?), row.try_get("id")?);
            }
            _ => {
                let key = (row.try_get("portal")?, row.try_get("one")?, row.try_get("two")?, row.try_get("three")?);
                known.requests.insert(key, (row.try_get("fingerprint")?, row.try_get("answer")?));
            }
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
    let mut batch = Batch::new(head);
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
            Verdict::Unexpected => {
                tracing::error!("an entry has an event on an aggregate that it does not expect");
                Outcome::VersionConflict
            }
        };
        outcomes.push(outcome);
    }
    let witness = batch.event_ids.first().copied();
    let earliest_timer = batch.timers.iter().map(|timer| timer.due_at).min();
    (Appended { outcomes, witness, earliest_timer }, batch)
}

struct ArmedTimer {
    id: Uuid,
    portal: PortalId,
    kind: &'static str,
    aggregate_id: Uuid,
    due_at: OffsetDateTime,
}

/// The rows of one batch, by column, as UNNEST wants them.
struct Batch<W> {
    position: i64,
    last_event: Option<Uuid>,
    positions: Vec<i64>,
    event_ids: Vec<Uuid>,
    previous: Vec<Option<Uuid>>,
    event_portals: Vec<String>,
    kinds: Vec<&'static str>,
    aggregate_ids: Vec<Uuid>,
    versions: Vec<i64>,
    times: Vec<OffsetDateTime>,
    actors: Vec<String>,
    traceparents: Vec<String>,
    bodies: Vec<Vec<u8>>,
    /// The last version of each aggregate.
    heads: HashMap<Uuid, (String, &'static str, i64)>,
    taken: HashMap<(String, &'static str, String), Uuid>,
    released: Vec<(String, &'static str, String)>,
    requests: Vec<(String, super::RequestKey, Vec<u8>, OffsetDateTime)>,
    timers: Vec<ArmedTimer>,
    cancelled: Vec<Uuid>,
    done: Vec<Uuid>,
    writes: Vec<W>,
}

impl<W: Writes> Batch<W> {
    fn new(head: Head) -> Self {
        Self {
            position: head.position,
            last_event: head.last_event,
            positions: Vec::new(),
            event_ids: Vec::new(),
            previous: Vec::new(),
            event_portals: Vec::new(),
            kinds: Vec::new(),
            aggregate_ids: Vec::new(),
            versions: Vec::new(),
            times: Vec::new(),
            actors: Vec::new(),
            traceparents: Vec::new(),
            bodies: Vec::new(),
            heads: HashMap::new(),
            taken: HashMap::new(),
            released: Vec::new(),
            requests: Vec::new(),
            timers: Vec::new(),
            cancelled: Vec::new(),
            done: Vec::new(),
            writes: Vec::new(),
        }
    }

    fn is_empty(&self) -> bool {
        self.event_ids.is_empty()
            && self.requests.is_empty()
            && self.writes.is_empty()
            && self.timers.is_empty()
            && self.done.is_empty()
            && self.cancelled.is_empty()
            && self.taken.is_empty()
            && self.released.is_empty()
    }

    fn add(&mut self, entry: &Entry<W>, finish: Finish<W>, versions: &[i64]) {
        let portal = entry.portal.to_string();
        for (event, version) in finish.events.iter().zip(versions) {
            self.position += 1;
            self.positions.push(self.position);
            self.previous.push(self.last_event.replace(event.id));
            self.event_ids.push(event.id);
            self.event_portals.push(portal.clone());
            self.kinds.push(event.aggregate.kind);
            self.aggregate_ids.push(event.aggregate.id);
            self.versions.push(*version);
            self.times.push(entry.at);
            self.actors.push(entry.actor.clone());
            self.traceparents.push(entry.traceparent.clone());
            self.bodies.push(event.body.encode_to_vec());
            self.heads.insert(event.aggregate.id, (portal.clone(), event.aggregate.kind, *version));
        }
        for claim in &entry.claims {
            self.add_claim(&portal, claim);
        }
        if let Some(request) = &entry.request {
            self.requests.push((portal, request.clone(), finish.answer, entry.at));
        }
        for change in finish.timers {
            self.add_timer(&entry.portal, change);
        }
        self.writes.extend(finish.writes);
    }

    fn add_claim(&mut self, portal: &str, claim: &Claim) {
        match claim {
            Claim::Take { space, key, owner } => {
                self.taken.insert((portal.to_owned(), space, key.clone()), *owner);
            }
            Claim::Release { space, key } => {
                let key = (portal.to_owned(), *space, key.clone());
                self.taken.remove(&key);
                self.released.push(key);
            }
        }
    }

    /// A timer that a later entry of the same batch cancels is never written.
    fn add_timer(&mut self, portal: &PortalId, change: TimerChange) {
        match change {
            TimerChange::Arm { id, kind, aggregate_id, due_at } => {
                self.timers.push(ArmedTimer { id, portal: portal.clone(), kind, aggregate_id, due_at });
            }
            TimerChange::CancelAll { aggregate_id } => {
                self.timers.retain(|timer| timer.aggregate_id != aggregate_id);
                self.cancelled.push(aggregate_id);
            }
            TimerChange::Done { id } => self.done.push(id),
        }
    }

    /// Writes the chassis' rows and hands back the service's.
    async fn write(self, conn: &mut PgConnection) -> Result<Vec<W>, Error> {
        self.delete(conn).await?;
        self.insert(conn).await?;
        Ok(self.writes)
    }

    /// Deletes go first and apart: within one statement an insert of the same key would not see them.
    async fn delete(&self, conn: &mut PgConnection) -> Result<(), Error> {
        if !self.released.is_empty() {
            let portals: Vec<&str> = self.released.iter().map(|(portal, ..)| portal.as_str()).collect();
            let spaces: Vec<&str> = self.released.iter().map(|(_, space, _)| *space).collect();
            let keys: Vec<&str> = self.released.iter().map(|(.., key)| key.as_str()).collect();
            sqlx::query(
                "DELETE FROM claim c USING unnest($1::text[], $2::text[], $3::text[]) AS w (portal, space, key) \
                 WHERE c.portal = w.portal AND c.space = w.space AND c.key = w.key",
            )
            .bind(portals)
            .bind(spaces)
            .bind(keys)
            .execute(&mut *conn)
            .await?;
        }
        if !self.cancelled.is_empty() || !self.done.is_empty() {
            sqlx::query("DELETE FROM timer WHERE aggregate_id = ANY ($1) OR id = ANY ($2)")
                .bind(&self.cancelled)
                .bind(&self.done)
                .execute(&mut *conn)
                .await?;
        }
        Ok(())
    }

    async fn insert(&self, conn: &mut PgConnection) -> Result<(), Error> {
        let heads: Vec<_> = self.heads.iter().collect();
        let taken: Vec<_> = self.taken.iter().collect();
        sqlx::query(
            "WITH a AS (INSERT INTO aggregate (portal, kind, id, version) \
                          SELECT * FROM unnest($1::text[], $2::text[], $3::uuid[], $4::bigint[]) \
                          ON CONFLICT (id) DO UPDATE SET version = excluded.version), \
                  j AS (INSERT INTO journal (position, event_id, previous_event, portal, aggregate_kind, aggregate_id, version, at, actor, traceparent, body) \
                          SELECT * FROM unnest($5::bigint[], $6::uuid[], $7::uuid[], $8::text[], $9::text[], $10::uuid[], $11::bigint[], \
                                               $12::timestamptz[], $13::text[], $14::text[], $15::bytea[])), \
                  c AS (INSERT INTO claim (portal, space, key, owner) \
                          SELECT * FROM unnest($16::text[], $17::text[], $18::text[], $19::uuid[]) ON CONFLICT DO NOTHING), \
                  r AS (INSERT INTO request (portal, caller, operation, key, fingerprint, answer, at) \
                          SELECT * FROM unnest($20::text[], $21::text[], $22::text[], $23::text[], $24::bytea[], $25::bytea[], $26::timestamptz[])), \
                  t AS (INSERT INTO timer (id, portal, kind, aggregate_id, due_at, next_at) \
                          SELECT id, portal, kind, aggregate_id, due_at, due_at \
                            FROM unnest($27::uuid[], $28::text[], $29::text[], $30::uuid[], $31::timestamptz[]) AS w (id, portal, kind, aggregate_id, due_at)) \
             UPDATE journal_head SET position = $32, last_event = $33 RETURNING pg_notify('portico_journal', '')::text",
        )
        .bind(heads.iter().map(|(_, (portal, ..))| portal.as_str()).collect::<Vec<_>>())
        .bind(heads.iter().map(|(_, (_, kind, _))| *kind).collect::<Vec<_>>())
        .bind(heads.iter().map(|(id, _)| **id).collect::<Vec<_>>())
        .bind(heads.iter().map(|(_, (.., version))| *version).collect::<Vec<_>>())
        .bind(&self.positions)
        .bind(&self.event_ids)
        .bind(&self.previous)
        .bind(&self.event_portals)
        .bind(&self.kinds)
        .bind(&self.aggregate_ids)
        .bind(&self.versions)
        .bind(&self.times)
        .bind(&self.actors)
        .bind(&self.traceparents)
        .bind(&self.bodies)
        .bind(taken.iter().map(|((portal, ..), _)| portal.as_str()).collect::<Vec<_>>())
        .bind(taken.iter().map(|((_, space, _), _)| *space).collect::<Vec<_>>())
        .bind(taken.iter().map(|((.., key), _)| key.as_str()).collect::<Vec<_>>())
        .bind(taken.iter().map(|(_, owner)| **owner).collect::<Vec<_>>())
        .bind(self.requests.iter().map(|(portal, ..)| portal.as_str()).collect::<Vec<_>>())
        .bind(self.requests.iter().map(|(_, request, ..)| request.caller.as_str()).collect::<Vec<_>>())
        .bind(self.requests.iter().map(|(_, request, ..)| request.operation).collect::<Vec<_>>())
        .bind(self.requests.iter().map(|(_, request, ..)| request.key.as_str()).collect::<Vec<_>>())
        .bind(self.requests.iter().map(|(_, request, ..)| request.fingerprint.to_vec()).collect::<Vec<_>>())
        .bind(self.requests.iter().map(|(_, _, answer, _)| answer.as_slice()).collect::<Vec<_>>())
        .bind(self.requests.iter().map(|(.., at)| *at).collect::<Vec<_>>())
        .bind(self.timers.iter().map(|timer| timer.id).collect::<Vec<_>>())
        .bind(self.timers.iter().map(|timer| timer.portal.as_str()).collect::<Vec<_>>())
        .bind(self.timers.iter().map(|timer| timer.kind).collect::<Vec<_>>())
        .bind(self.timers.iter().map(|timer| timer.aggregate_id).collect::<Vec<_>>())
        .bind(self.timers.iter().map(|timer| timer.due_at).collect::<Vec<_>>())
        .bind(self.position)
        .bind(self.last_event)
        .execute(conn)
        .await?;
        Ok(())
    }
}
