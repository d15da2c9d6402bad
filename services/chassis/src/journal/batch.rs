//! The rows of one batch, by column, and the statements that write them.

use std::collections::HashMap;

use prost::Message;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::append::Head;
use super::entry::{Claim, Entry, Finish, RequestKey, TimerChange};
use super::writer::Writes;
use crate::error::Error;
use crate::ids::PortalId;

pub(super) struct ArmedTimer {
    pub(super) id: Uuid,
    portal: PortalId,
    kind: &'static str,
    pub(super) aggregate_id: Uuid,
    due_at: OffsetDateTime,
    traceparent: String,
}

/// The rows of one batch, by column, as UNNEST wants them.
pub(super) struct Batch<W> {
    pub(super) position: i64,
    pub(super) last_event: Option<Uuid>,
    pub(super) positions: Vec<i64>,
    pub(super) event_ids: Vec<Uuid>,
    pub(super) previous: Vec<Option<Uuid>>,
    event_portals: Vec<String>,
    kinds: Vec<&'static str>,
    pub(super) aggregate_ids: Vec<Uuid>,
    pub(super) versions: Vec<i64>,
    times: Vec<OffsetDateTime>,
    actors: Vec<String>,
    traceparents: Vec<String>,
    bodies: Vec<Vec<u8>>,
    /// The last version of each aggregate.
    pub(super) heads: HashMap<Uuid, (String, &'static str, i64)>,
    pub(super) taken: HashMap<(String, &'static str, String), Uuid>,
    pub(super) released: Vec<(String, &'static str, String)>,
    pub(super) requests: Vec<(String, RequestKey, Vec<u8>, OffsetDateTime)>,
    pub(super) timers: Vec<ArmedTimer>,
    pub(super) cancelled: Vec<Uuid>,
    pub(super) done: Vec<Uuid>,
    writes: Vec<W>,
}

impl<W: Writes> Batch<W> {
    pub(super) fn new(head: &Head) -> Self {
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

    /// When the first of the armed timers is due.
    pub(super) fn earliest_timer(&self) -> Option<OffsetDateTime> {
        self.timers.iter().map(|timer| timer.due_at).min()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.event_ids.is_empty()
            && self.requests.is_empty()
            && self.writes.is_empty()
            && self.timers.is_empty()
            && self.done.is_empty()
            && self.cancelled.is_empty()
            && self.taken.is_empty()
            && self.released.is_empty()
    }

    pub(super) fn add(&mut self, entry: &Entry<W>, finish: Finish<W>, versions: &[i64]) {
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
            let body = event.body.encode_to_vec();
            #[cfg(feature = "failpoints")]
            let body = crate::next_version::event(body);
            self.bodies.push(body);
            self.heads.insert(event.aggregate.id, (portal.clone(), event.aggregate.kind, *version));
        }
        for claim in &entry.claims {
            self.add_claim(&portal, claim);
        }
        if let Some(request) = &entry.request {
            self.requests.push((portal, request.clone(), finish.answer, entry.at));
        }
        for change in finish.timers {
            self.add_timer(entry, change);
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
    fn add_timer(&mut self, entry: &Entry<W>, change: TimerChange) {
        match change {
            TimerChange::Arm { id, kind, aggregate_id, due_at } => {
                let (portal, traceparent) = (entry.portal.clone(), entry.traceparent.clone());
                self.timers.push(ArmedTimer { id, portal, kind, aggregate_id, due_at, traceparent });
            }
            TimerChange::CancelAll { aggregate_id } => {
                self.timers.retain(|timer| timer.aggregate_id != aggregate_id);
                self.cancelled.push(aggregate_id);
            }
            TimerChange::Done { id } => self.done.push(id),
        }
    }

    /// Writes the chassis' rows and hands back the service's.
    pub(super) async fn write(self, conn: &mut PgConnection) -> Result<Vec<W>, Error> {
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
                  t AS (INSERT INTO timer (id, portal, kind, aggregate_id, due_at, next_at, traceparent) \
                          SELECT id, portal, kind, aggregate_id, due_at, due_at, traceparent \
                            FROM unnest($27::uuid[], $28::text[], $29::text[], $30::uuid[], $31::timestamptz[], $32::text[]) \
                              AS w (id, portal, kind, aggregate_id, due_at, traceparent)) \
             UPDATE journal_head SET position = $33, last_event = $34 RETURNING pg_notify('portico_journal', '')::text",
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
        .bind(self.timers.iter().map(|timer| timer.traceparent.as_str()).collect::<Vec<_>>())
        .bind(self.position)
        .bind(self.last_event)
        .execute(conn)
        .await?;
        Ok(())
    }
}
