//! Group commit without anything around it: what waits is written in one transaction, each table once, and then answered.

use anyhow::Context;
use portico_chassis::journal::Writes;
use portico_tickets::domain::ids::{PersonId, PortalId, TicketId};
use portico_tickets::domain::kinds::{Channel, ItemKind, Priority, Role, TicketType};
use portico_tickets::domain::status::Status as TicketStatus;
use portico_tickets::domain::ticket::{Place, Ticket};
use portico_tickets::domain::words::lexemes;
use portico_tickets::store::item::ItemRow;
use portico_tickets::store::ticket::TicketRow;
use portico_tickets::store::words::WordsWrite;
use portico_tickets::store::writes::Write;
use sqlx::{Connection, PgConnection};
use time::OffsetDateTime;
use tokio::sync::{mpsc, oneshot};
use tonic::Status;
use uuid::Uuid;

use super::back::internal;
use super::proto::Row;

/// Tickets in one transaction, as in the product's journal.
const BATCH: usize = 256;
/// Tickets that may wait.
const WAITING: usize = 1024;
/// Bytes of the product's event of a new ticket, and of the stored answer.
const EVENT: usize = 300;
const ANSWER: usize = 900;

/// The rows that are not the service's own: version, event, stored answer, due delivery.
const ROWS: &str = "\
WITH a AS (INSERT INTO aggregate (portal, kind, id, version) SELECT $1, 'ticket', id, 1 FROM unnest($2::uuid[]) AS id), \
     j AS (INSERT INTO journal (position, event_id, previous_event, portal, aggregate_kind, aggregate_id, version, at, actor, traceparent, body) \
             SELECT $3 + place, event, NULL, $1, 'ticket', id, 1, $4, person::text, '', $7 \
               FROM unnest($2::uuid[], $5::uuid[], $6::uuid[]) WITH ORDINALITY AS w (id, event, person, place)), \
     r AS (INSERT INTO request (portal, caller, operation, key, fingerprint, answer, at) \
             SELECT $1, person::text, 'CreateTicket', event::text, substr($8, 1, 32), $8, $4 \
               FROM unnest($5::uuid[], $6::uuid[]) AS w (event, person)), \
     d AS (INSERT INTO delivery (id, portal, producer, event_id, aggregate_kind, aggregate_id, recipient, is_person, kind, channel, event_at, \
                                 created_at, due_at, traceparent) \
             SELECT event, $1, 'tickets', event, 'ticket', id::text, person::text, true, 'receipt', 'mail', $4, $4, $4, '' \
               FROM unnest($2::uuid[], $5::uuid[], $6::uuid[]) AS w (id, event, person)) \
UPDATE head SET position = $3 + cardinality($2)";

struct New {
    portal: PortalId,
    person: PersonId,
    subject: String,
    description: String,
    answer: oneshot::Sender<Result<Row, Status>>,
}

/// Takes tickets.
#[derive(Clone)]
pub struct Commits(mpsc::Sender<New>);

impl Commits {
    /// Starts the one writer.
    ///
    /// # Errors
    /// When the database is not there.
    pub async fn start(dsn: &str) -> anyhow::Result<Self> {
        let mut connection = PgConnection::connect(dsn).await?;
        sqlx::raw_sql("SET search_path = bare, public").execute(&mut connection).await.context("the tables of the bare limits")?;
        let (sender, mut waiting) = mpsc::channel(WAITING);
        tokio::spawn(async move {
            let mut batch = Vec::with_capacity(BATCH);
            while waiting.recv_many(&mut batch, BATCH).await > 0 {
                write(&mut connection, std::mem::take(&mut batch)).await;
            }
        });
        Ok(Self(sender))
    }

    /// Returns when the ticket is on disk.
    ///
    /// # Errors
    /// When it is not.
    pub async fn create(&self, portal: &PortalId, person: PersonId, subject: String, description: String) -> Result<Row, Status> {
        let (answer, answered) = oneshot::channel();
        let new = New { portal: portal.clone(), person, subject, description, answer };
        self.0.send(new).await.map_err(internal)?;
        answered.await.map_err(internal)?
    }
}

async fn write(connection: &mut PgConnection, batch: Vec<New>) {
    match commit(connection, &batch).await {
        Ok(rows) => {
            for (new, row) in batch.into_iter().zip(rows) {
                // Whoever went away is not waited for.
                let _ = new.answer.send(Ok(row));
            }
        }
        Err(error) => {
            let _ = sqlx::raw_sql("ROLLBACK").execute(connection).await;
            for new in batch {
                let _ = new.answer.send(Err(internal(&error)));
            }
        }
    }
}

async fn commit(connection: &mut PgConnection, batch: &[New]) -> anyhow::Result<Vec<Row>> {
    let head = sqlx::raw_sql("BEGIN; SELECT position FROM head FOR UPDATE").fetch_one(&mut *connection).await?;
    let position: i64 = sqlx::Row::try_get(&head, 0)?;
    let now = OffsetDateTime::now_utc();
    let portal = batch.first().map_or("", |new| new.portal.as_str());
    let mut rows = Vec::with_capacity(batch.len());
    let (mut ids, mut people, mut writes) = (Vec::new(), Vec::new(), Vec::new());
    for (new, seq) in batch.iter().zip(position + 1..) {
        let ticket = ticket(new, seq, now);
        ids.push(ticket.id.uuid());
        people.push(new.person.uuid());
        rows.push(row(&ticket));
        let words = lexemes([ticket.subject.as_str(), &new.description, &ticket.number]);
        writes.push(Write::Words(WordsWrite { portal: new.portal.clone(), ticket: ticket.id, words, internal: false }));
        writes.push(Write::Item(Box::new(item(new, &ticket))));
        writes.push(Write::Ticket(Box::new(TicketRow::of(&ticket, seq))));
    }
    let events: Vec<Uuid> = batch.iter().map(|_| Uuid::now_v7()).collect();
    sqlx::query(ROWS)
        .bind(portal)
        .bind(ids)
        .bind(position)
        .bind(now)
        .bind(events)
        .bind(people)
        .bind(vec![b'e'; EVENT])
        .bind(vec![b'a'; ANSWER])
        .execute(&mut *connection)
        .await?;
    Write::apply(connection, writes).await?;
    sqlx::raw_sql("COMMIT").execute(connection).await?;
    Ok(rows)
}

fn ticket(new: &New, seq: i64, now: OffsetDateTime) -> Ticket {
    Ticket {
        id: TicketId::new(Uuid::now_v7()),
        portal: new.portal.clone(),
        number: format!("BARE-{seq}"),
        version: 1,
        public_version: 1,
        subject: new.subject.clone(),
        ticket_type: TicketType::Request,
        channel: Channel::Portal,
        status: TicketStatus::New,
        sub_status: None,
        reason: None,
        impact: None,
        urgency: None,
        priority: Priority::Normal,
        place: Place::default(),
        group: None,
        assignee: None,
        requester: Some(new.person),
        guest: None,
        contact_name: String::new(),
        organization: None,
        follow_up_of: None,
        tags: Vec::new(),
        satisfaction: None,
        reopen_count: 0,
        keep_open_count: 0,
        due: Vec::new(),
        collaborators: Vec::new(),
        created_at: now,
        updated_at: now,
        public_updated_at: now,
        first_replied_at: None,
        resolved_at: None,
        closed_at: None,
    }
}

fn item(new: &New, ticket: &Ticket) -> ItemRow {
    ItemRow {
        portal: new.portal.clone(),
        ticket_id: ticket.id.uuid(),
        version: 1,
        public_version: 1,
        id: Uuid::now_v7(),
        kind: ItemKind::Created.code(),
        at: ticket.created_at,
        actor_id: Some(new.person.uuid()),
        actor_role: Role::Customer.code(),
        internal: false,
        body: new.description.clone(),
        channel: Some(Channel::Portal.code()),
        from_status: None,
        to_status: None,
        reason: None,
        sub_status: None,
        changes: None,
        related_ticket: None,
        score: None,
    }
}

fn row(ticket: &Ticket) -> Row {
    Row {
        id: ticket.id.to_string(),
        number: ticket.number.clone(),
        subject: ticket.subject.clone(),
        status: ticket.status.code().into(),
        priority: ticket.priority.code().into(),
        ticket_type: ticket.ticket_type.code().into(),
        version: ticket.version,
        created_at: ticket.created_at.unix_timestamp(),
        updated_at: ticket.updated_at.unix_timestamp(),
        ..Row::default()
    }
}
