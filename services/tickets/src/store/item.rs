//! Rows of the timeline.

use portico_chassis::db::PortalConn;
use portico_chassis::error::Error;
use portico_chassis::page::First;
use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::columns::column;
use crate::domain::change::FieldChange;
use crate::domain::ids::{PersonId, PortalId, TicketId};
use crate::domain::kinds::ItemKind;

/// An item as it lies in the table.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ItemRow {
    /// In which portal.
    pub portal: PortalId,
    /// Of which ticket.
    pub ticket_id: Uuid,
    /// The ticket's version after it.
    pub version: i64,
    /// The same as customers count.
    pub public_version: i64,
    /// Its name.
    pub id: Uuid,
    /// What it is about.
    pub kind: i16,
    /// When.
    pub at: OffsetDateTime,
    /// Who; `None`: guest or system.
    pub actor_id: Option<Uuid>,
    /// What they were.
    pub actor_role: i16,
    /// Agents only.
    pub internal: bool,
    /// Markdown.
    pub body: String,
    /// How it came in.
    pub channel: Option<i16>,
    /// The status before.
    pub from_status: Option<i16>,
    /// The status after.
    pub to_status: Option<i16>,
    /// Why.
    pub reason: Option<i16>,
    /// The party.
    pub sub_status: Option<String>,
    /// What was changed.
    pub changes: Option<Json<Vec<FieldChange>>>,
    /// The other ticket.
    pub related_ticket: Option<Uuid>,
    /// 1 to 5.
    pub score: Option<i16>,
}

/// An item with the names behind it.
#[derive(Debug, sqlx::FromRow)]
pub struct ItemFound {
    /// The row.
    #[sqlx(flatten)]
    pub row: ItemRow,
    /// The actor's name.
    pub actor_name: Option<String>,
    /// The other ticket's number.
    pub related_number: Option<String>,
}

/// Inserts items.
pub(super) async fn insert(conn: &mut PgConnection, rows: &[ItemRow]) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO item (portal, ticket_id, version, public_version, id, kind, at, actor_id, actor_role, internal, body, channel, from_status, \
           to_status, reason, sub_status, changes, related_ticket, score) \
         SELECT * FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::bigint[], $5::uuid[], $6::smallint[], $7::timestamptz[], $8::uuid[], \
           $9::smallint[], $10::boolean[], $11::text[], $12::smallint[], $13::smallint[], $14::smallint[], $15::smallint[], $16::text[], \
           $17::jsonb[], $18::uuid[], $19::smallint[])",
    )
    .bind(column(rows, |row| row.portal.as_str()))
    .bind(column(rows, |row| row.ticket_id))
    .bind(column(rows, |row| row.version))
    .bind(column(rows, |row| row.public_version))
    .bind(column(rows, |row| row.id))
    .bind(column(rows, |row| row.kind))
    .bind(column(rows, |row| row.at))
    .bind(column(rows, |row| row.actor_id))
    .bind(column(rows, |row| row.actor_role))
    .bind(column(rows, |row| row.internal))
    .bind(column(rows, |row| row.body.as_str()))
    .bind(column(rows, |row| row.channel))
    .bind(column(rows, |row| row.from_status))
    .bind(column(rows, |row| row.to_status))
    .bind(column(rows, |row| row.reason))
    .bind(column(rows, |row| row.sub_status.as_deref()))
    .bind(column(rows, |row| row.changes.as_ref()))
    .bind(column(rows, |row| row.related_ticket))
    .bind(column(rows, |row| row.score))
    .execute(conn)
    .await?;
    Ok(())
}

const FOUND: &str = "SELECT i.portal, i.ticket_id, i.version, i.public_version, i.id, i.kind, i.at, i.actor_id, i.actor_role, i.internal, i.body, \
     i.channel, i.from_status, i.to_status, i.reason, i.sub_status, i.changes, i.related_ticket, i.score, \
     a.name AS actor_name, r.number AS related_number FROM item i \
     LEFT JOIN person a ON a.portal = i.portal AND a.id = i.actor_id LEFT JOIN ticket r ON r.id = i.related_ticket";

/// Where a page of items begins.
#[derive(Debug, Clone, Copy)]
pub struct From {
    /// Which end comes first.
    pub first: First,
    /// The version of the last item before it; `None` for the first page.
    pub after: Option<i64>,
}

/// A page of a ticket's items; internal ones only when asked for.
pub async fn page(
    conn: &mut PortalConn,
    portal: &PortalId,
    ticket: TicketId,
    internal: bool,
    from: From,
    limit: i64,
) -> Result<Vec<ItemFound>, Error> {
    let rest = match from.first {
        First::Oldest => "i.version > coalesce($3, 0) AND ($4 OR NOT i.internal) ORDER BY i.version LIMIT $5",
        First::Newest => "i.version < coalesce($3, 9223372036854775807) AND ($4 OR NOT i.internal) ORDER BY i.version DESC LIMIT $5",
    };
    let sql = format!("{FOUND} WHERE i.portal = $1 AND i.ticket_id = $2 AND {rest}");
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(portal.as_str())
        .bind(ticket.uuid())
        .bind(from.after)
        .bind(internal)
        .bind(limit)
        .fetch_all(&mut **conn)
        .await?)
}

/// The item of one version of a ticket, if that version has one.
pub async fn at_version(conn: &mut PortalConn, portal: &PortalId, ticket: TicketId, version: i64) -> Result<Option<ItemFound>, Error> {
    let sql = format!("{FOUND} WHERE i.portal = $1 AND i.ticket_id = $2 AND i.version = $3");
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(portal.as_str()).bind(ticket.uuid()).bind(version).fetch_optional(&mut **conn).await?)
}

/// What somebody wrote lately.
#[derive(Debug, Clone, Copy)]
pub struct Written {
    /// Who.
    pub person: PersonId,
    /// `Created` or `Comment`.
    pub kind: ItemKind,
    /// From when on.
    pub since: OffsetDateTime,
    /// Counted up to this.
    pub limit: i64,
}

/// The number of [`Written`] items, on all tickets of portal `$1`. The kinds are spelled out, so that the partial index serves.
pub(super) const WRITTEN: &str = "SELECT count(*) FROM (SELECT FROM item WHERE portal = $1 AND actor_id = $2 AND kind IN (1, 2) AND kind = $3 \
     AND at > $4 ORDER BY at DESC LIMIT $5) AS recent";

/// How many items of a kind a person wrote since a moment.
pub async fn written_since(conn: &mut PortalConn, portal: &PortalId, written: &Written) -> Result<i64, Error> {
    Ok(sqlx::query_scalar(WRITTEN)
        .bind(portal.as_str())
        .bind(written.person.uuid())
        .bind(written.kind.code())
        .bind(written.since)
        .bind(written.limit)
        .fetch_one(&mut **conn)
        .await?)
}
