//! Rows of tickets: how a ticket's state lies in the table, and reading one with everything that is shown of it.

use portico_chassis::db::PortalConn;
use portico_chassis::error::Error;
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::collaborator::ShareRow;
use super::columns::known;
use super::link::{self, LinksRow};
use crate::domain::case::{Case, Links};
use crate::domain::ids::{CategoryId, DepartmentId, GroupId, OrganizationId, PersonId, PortalId, ProductId, TicketId};
use crate::domain::kinds::{Channel, Level, Priority, Reason, TicketType};
use crate::domain::status::Status;
use crate::domain::ticket::{Guest, Place, Satisfaction, Ticket};
use crate::domain::timer::Due;

/// The table's row.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct TicketRow {
    pub(super) portal: PortalId,
    pub(super) id: Uuid,
    pub(super) number: String,
    pub(super) seq: i64,
    pub(super) version: i64,
    pub(super) public_version: i64,
    pub(super) subject: String,
    pub(super) ticket_type: i16,
    pub(super) channel: i16,
    pub(super) status: i16,
    pub(super) sub_status: Option<String>,
    pub(super) reason: Option<i16>,
    pub(super) impact: Option<i16>,
    pub(super) urgency: Option<i16>,
    pub(super) priority: i16,
    pub(super) department_id: Option<Uuid>,
    pub(super) product_id: Option<Uuid>,
    pub(super) category_id: Option<Uuid>,
    pub(super) group_id: Option<Uuid>,
    pub(super) assignee_id: Option<Uuid>,
    pub(super) requester_id: Option<Uuid>,
    pub(super) guest_email: Option<String>,
    pub(super) guest_name: Option<String>,
    pub(super) contact_name: String,
    pub(super) organization_id: Option<Uuid>,
    pub(super) follow_up_of: Option<Uuid>,
    pub(super) tags: Json<Vec<String>>,
    pub(super) score: Option<i16>,
    pub(super) score_comment: Option<String>,
    pub(super) rated_at: Option<OffsetDateTime>,
    pub(super) first_rated_at: Option<OffsetDateTime>,
    pub(super) reopen_count: i32,
    pub(super) keep_open_count: i16,
    pub(super) due: Json<Vec<Due>>,
    pub(super) shares: i32,
    pub(super) created_at: OffsetDateTime,
    pub(super) updated_at: OffsetDateTime,
    pub(super) public_updated_at: OffsetDateTime,
    pub(super) first_replied_at: Option<OffsetDateTime>,
    pub(super) resolved_at: Option<OffsetDateTime>,
    pub(super) closed_at: Option<OffsetDateTime>,
}

/// Columns of [`TicketRow`]; `t` is the ticket. Each by its name, here as everywhere: a replica that runs while a newer one adds a column would
/// find that its prepared `t.*` answers another type.
pub(super) const COLUMNS: &str = "t.portal, t.id, t.number, t.seq, t.version, t.public_version, t.subject, t.ticket_type, t.channel, t.status, t.sub_status, \
     t.reason, t.impact, t.urgency, t.priority, t.department_id, t.product_id, t.category_id, t.group_id, t.assignee_id, \
     t.requester_id, t.guest_email, t.guest_name, t.contact_name, t.organization_id, t.follow_up_of, t.tags, t.score, \
     t.score_comment, t.rated_at, t.first_rated_at, t.reopen_count, t.keep_open_count, t.due, t.shares, t.created_at, \
     t.updated_at, t.public_updated_at, t.first_replied_at, t.resolved_at, t.closed_at";

impl TicketRow {
    /// The row of a state. `seq` stays what it was: an update does not touch it.
    pub fn of(ticket: &Ticket, seq: i64) -> Self {
        let rating = ticket.satisfaction.as_ref();
        Self {
            portal: ticket.portal.clone(),
            id: ticket.id.uuid(),
            number: ticket.number.clone(),
            seq,
            version: ticket.version,
            public_version: ticket.public_version,
            subject: ticket.subject.clone(),
            ticket_type: ticket.ticket_type.code(),
            channel: ticket.channel.code(),
            status: ticket.status.code(),
            sub_status: ticket.sub_status.clone(),
            reason: ticket.reason.map(Reason::code),
            impact: ticket.impact.map(Level::code),
            urgency: ticket.urgency.map(Level::code),
            priority: ticket.priority.code(),
            department_id: ticket.place.department.map(DepartmentId::uuid),
            product_id: ticket.place.product.map(ProductId::uuid),
            category_id: ticket.place.category.map(CategoryId::uuid),
            group_id: ticket.group.map(GroupId::uuid),
            assignee_id: ticket.assignee.map(PersonId::uuid),
            requester_id: ticket.requester.map(PersonId::uuid),
            guest_email: ticket.guest.as_ref().map(|guest| guest.email.clone()),
            guest_name: ticket.guest.as_ref().map(|guest| guest.name.clone()),
            contact_name: ticket.contact_name.clone(),
            organization_id: ticket.organization.map(OrganizationId::uuid),
            follow_up_of: ticket.follow_up_of.map(TicketId::uuid),
            tags: Json(ticket.tags.clone()),
            score: rating.map(|rating| i16::from(rating.score)),
            score_comment: rating.map(|rating| rating.comment.clone()),
            rated_at: rating.map(|rating| rating.rated_at),
            first_rated_at: rating.map(|rating| rating.first_rated_at),
            reopen_count: ticket.reopen_count,
            keep_open_count: i16::try_from(ticket.keep_open_count).unwrap_or(i16::MAX),
            due: Json(ticket.due.clone()),
            shares: i32::try_from(ticket.collaborators.len()).unwrap_or(i32::MAX),
            created_at: ticket.created_at,
            updated_at: ticket.updated_at,
            public_updated_at: ticket.public_updated_at,
            first_replied_at: ticket.first_replied_at,
            resolved_at: ticket.resolved_at,
            closed_at: ticket.closed_at,
        }
    }

    /// Fills in the number that was drawn for it.
    pub fn number(&mut self, seq: i64, number: &str) {
        self.seq = seq;
        number.clone_into(&mut self.number);
    }

    /// Whose row.
    pub fn ticket(&self) -> TicketId {
        TicketId::new(self.id)
    }

    /// The state of a row; without its shares, which lie in a table of their own.
    pub fn into_ticket(self) -> Result<Ticket, Error> {
        let level = |code: Option<i16>| code.map(|code| known(Level::from_code(code), "level")).transpose();
        Ok(Ticket {
            id: TicketId::new(self.id),
            portal: self.portal,
            number: self.number,
            version: self.version,
            public_version: self.public_version,
            subject: self.subject,
            ticket_type: known(TicketType::from_code(self.ticket_type), "ticket type")?,
            channel: known(Channel::from_code(self.channel), "channel")?,
            status: known(Status::from_code(self.status), "status")?,
            sub_status: self.sub_status,
            reason: self.reason.map(|code| known(Reason::from_code(code), "reason")).transpose()?,
            impact: level(self.impact)?,
            urgency: level(self.urgency)?,
            priority: known(Priority::from_code(self.priority), "priority")?,
            place: Place {
                department: self.department_id.map(DepartmentId::new),
                product: self.product_id.map(ProductId::new),
                category: self.category_id.map(CategoryId::new),
            },
            group: self.group_id.map(GroupId::new),
            assignee: self.assignee_id.map(PersonId::new),
            requester: self.requester_id.map(PersonId::new),
            guest: self.guest_email.map(|email| Guest { email, name: self.guest_name.unwrap_or_default() }),
            contact_name: self.contact_name,
            organization: self.organization_id.map(OrganizationId::new),
            follow_up_of: self.follow_up_of.map(TicketId::new),
            tags: self.tags.0,
            satisfaction: self.score.zip(self.rated_at).zip(self.first_rated_at).map(|((score, rated_at), first_rated_at)| Satisfaction {
                score: u8::try_from(score).unwrap_or(0),
                comment: self.score_comment.unwrap_or_default(),
                rated_at,
                first_rated_at,
            }),
            reopen_count: self.reopen_count,
            keep_open_count: u16::try_from(self.keep_open_count).unwrap_or(0),
            due: self.due.0,
            collaborators: Vec::new(),
            created_at: self.created_at,
            updated_at: self.updated_at,
            public_updated_at: self.public_updated_at,
            first_replied_at: self.first_replied_at,
            resolved_at: self.resolved_at,
            closed_at: self.closed_at,
        })
    }
}

/// The names behind a ticket's ids, joined.
#[derive(Debug, sqlx::FromRow)]
struct NamesRow {
    requester_name: Option<String>,
    requester_email: Option<String>,
    assignee_name: Option<String>,
    department_name: Option<String>,
    product_name: Option<String>,
    category_name: Option<String>,
    group_name: Option<String>,
    organization_name: Option<String>,
}

/// Columns of [`NamesRow`]; `t` is the ticket.
const NAMES: &str = "rp.name AS requester_name, rp.email AS requester_email, ap.name AS assignee_name, d.name AS department_name, \
     p.name AS product_name, c.name AS category_name, g.name AS group_name, o.name AS organization_name";
/// Joins of [`NAMES`]; all by primary key.
const JOINS: &str = " LEFT JOIN person rp ON rp.portal = t.portal AND rp.id = t.requester_id \
     LEFT JOIN person ap ON ap.portal = t.portal AND ap.id = t.assignee_id \
     LEFT JOIN department d ON d.portal = t.portal AND d.id = t.department_id \
     LEFT JOIN product p ON p.portal = t.portal AND p.id = t.product_id \
     LEFT JOIN category c ON c.portal = t.portal AND c.id = t.category_id \
     LEFT JOIN agent_group g ON g.portal = t.portal AND g.id = t.group_id \
     LEFT JOIN organization o ON o.portal = t.portal AND o.id = t.organization_id";

/// A case without its names filled in yet.
fn case(ticket: Ticket, description: String, names: NamesRow) -> Case {
    let mut case = Case::bare(ticket, description);
    let ticket = &case.ticket;
    let pairs = [
        (ticket.requester.map(PersonId::uuid), names.requester_name),
        (ticket.assignee.map(PersonId::uuid), names.assignee_name),
        (ticket.place.department.map(DepartmentId::uuid), names.department_name),
        (ticket.place.product.map(ProductId::uuid), names.product_name),
        (ticket.place.category.map(CategoryId::uuid), names.category_name),
        (ticket.group.map(GroupId::uuid), names.group_name),
        (ticket.organization.map(OrganizationId::uuid), names.organization_name),
    ];
    case.names = pairs.into_iter().filter_map(|(id, name)| id.zip(name)).collect();
    case.requester_email = names.requester_email.unwrap_or_default();
    case
}

#[derive(sqlx::FromRow)]
struct CaseRow {
    #[sqlx(flatten)]
    ticket: TicketRow,
    #[sqlx(flatten)]
    names: NamesRow,
    description: String,
    share_rows: Json<Vec<ShareRow>>,
    #[sqlx(flatten)]
    links: LinksRow,
    seen_at: Option<OffsetDateTime>,
}

/// How a ticket is looked for.
#[derive(Debug, Clone)]
pub enum Handle<'a> {
    /// By what people call it, in capitals.
    Number(&'a str),
    /// By its id.
    Id(TicketId),
}

/// A ticket as it is read.
#[derive(Debug, Clone)]
pub struct Found {
    /// What the number counts.
    pub seq: i64,
    /// The ticket and its names.
    pub case: Case,
    /// What it is linked with, seen or not.
    pub links: Links,
    /// When `viewer` last looked at it.
    pub seen_at: Option<OffsetDateTime>,
}

/// Reads one ticket with everything that a page shows of it, in one statement; `viewer` is whose last look is wanted.
pub async fn find(conn: &mut PortalConn, portal: &PortalId, handle: Handle<'_>, viewer: Option<PersonId>) -> Result<Option<Found>, Error> {
    let condition = match handle {
        Handle::Number(_) => "t.number = $2",
        Handle::Id(_) => "t.id = $2::uuid",
    };
    let links = link::columns();
    let sql = format!(
        "WITH reader AS (SELECT $3::uuid AS id) SELECT {COLUMNS}, {NAMES}, {links}, coalesce(i.body, '') AS description, s.at AS seen_at, \
           coalesce((SELECT jsonb_agg(to_jsonb(x) - 'portal' - 'ticket_id' ORDER BY x.created_at, x.id) FROM collaborator x WHERE x.ticket_id = t.id), '[]') AS share_rows \
         FROM ticket t LEFT JOIN item i ON i.ticket_id = t.id AND i.version = 1 \
           LEFT JOIN ticket_seen s ON s.portal = t.portal AND s.person_id = $3 AND s.ticket_id = t.id{JOINS} \
         WHERE t.portal = $1 AND {condition}"
    );
    let value = match handle {
        Handle::Number(number) => number.to_owned(),
        Handle::Id(id) => id.to_string(),
    };
    let row: Option<CaseRow> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(portal.as_str())
        .bind(value)
        .bind(viewer.map(PersonId::uuid))
        .fetch_optional(&mut **conn)
        .await?;
    row.map(found).transpose()
}

fn found(row: CaseRow) -> Result<Found, Error> {
    let seq = row.ticket.seq;
    let mut ticket = row.ticket.into_ticket()?;
    ticket.collaborators = row.share_rows.0.into_iter().map(ShareRow::into_share).collect::<Result<_, _>>()?;
    let case = case(ticket, row.description, row.names);
    Ok(Found { seq, case, links: row.links.into_links()?, seen_at: row.seen_at })
}

/// The ids of the unverified tickets of an address, at most 100: the next pass takes the rest.
pub async fn unverified_of(conn: &mut sqlx::PgConnection, portal: &PortalId, email: &str) -> Result<Vec<TicketId>, Error> {
    let ids: Vec<Uuid> = sqlx::query_scalar("SELECT id FROM ticket WHERE portal = $1 AND guest_email = $2 ORDER BY created_at LIMIT 100")
        .bind(portal.as_str())
        .bind(email)
        .fetch_all(conn)
        .await?;
    Ok(ids.into_iter().map(TicketId::new).collect())
}

/// How many tickets a guest address asked for since a moment, counted up to `limit`.
pub async fn asked_since(conn: &mut PortalConn, portal: &PortalId, email: &str, since: OffsetDateTime, limit: i64) -> Result<i64, Error> {
    let sql = "SELECT count(*) FROM (SELECT FROM ticket WHERE portal = $1 AND guest_email = $2 AND created_at > $3 \
               ORDER BY created_at DESC LIMIT $4) AS recent";
    Ok(sqlx::query_scalar(sql).bind(portal.as_str()).bind(email).bind(since).bind(limit).fetch_one(&mut **conn).await?)
}
