//! Lists and counts of tickets: keyset pages, one statement each.

use portico_chassis::db::PortalConn;
use portico_chassis::error::Error;
use serde::{Deserialize, Serialize};
use sqlx::{Postgres, QueryBuilder};
use time::OffsetDateTime;
use uuid::Uuid;

use super::filter::{Sight, branches, push_where};
use super::link::{self, LinksRow};
use super::names::{self, Names, NamesColumn};
use super::search::narrow;
use super::ticket::{COLUMNS, Found, TicketRow};
use crate::domain::filter::{Filter, Sort};
use crate::domain::ids::PortalId;

const fn column_of(sort: Sort, staff: bool) -> &'static str {
    match sort {
        Sort::Created => "t.created_at",
        Sort::Updated if staff => "t.updated_at",
        Sort::Updated => "t.public_updated_at",
        Sort::Status => "t.status",
        Sort::Priority => "t.priority",
        Sort::Number => "t.seq",
    }
}

const fn is_time(sort: Sort) -> bool {
    matches!(sort, Sort::Created | Sort::Updated)
}

/// The last row of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Microseconds for times, the code or number otherwise.
    pub key: i64,
    /// The ticket.
    pub id: Uuid,
}

/// A page to read.
#[derive(Debug, Clone)]
pub struct Page {
    /// The order.
    pub sort: Sort,
    /// Smallest first.
    pub ascending: bool,
    /// After this row.
    pub after: Option<Cursor>,
    /// Rows at most.
    pub limit: i64,
}

#[derive(sqlx::FromRow)]
struct ListRow {
    #[sqlx(flatten)]
    ticket: TicketRow,
    #[sqlx(flatten)]
    names: NamesColumn,
    #[sqlx(flatten)]
    links: LinksRow,
    seen_at: Option<OffsetDateTime>,
}

/// Reads a page.
pub async fn page(
    conn: &mut PortalConn,
    portal: &PortalId,
    sight: &Sight,
    filter: &Filter,
    page: &Page,
    now: OffsetDateTime,
) -> Result<Vec<Found>, Error> {
    let narrowed = narrow(conn, portal, sight, filter).await?;
    let mut sql = QueryBuilder::new("WITH page AS (SELECT * FROM (");
    for (index, branch) in branches(sight, filter.scope).into_iter().enumerate() {
        sql.push(if index == 0 { "(SELECT t.* FROM ticket t" } else { " UNION ALL (SELECT t.* FROM ticket t" });
        push_where(&mut sql, portal, sight, branch, (filter, &narrowed), now);
        push_after(&mut sql, sight, page);
        push_order(&mut sql, sight, page);
        sql.push(" LIMIT ").push_bind(page.limit).push(")");
    }
    sql.push(") t");
    push_order(&mut sql, sight, page);
    sql.push(" LIMIT ").push_bind(page.limit);
    // Named before the rows, so that links, names and the last look can refer to who reads.
    sql.push("), reader AS (SELECT ").push_bind(sight.person().uuid()).push("::uuid AS id, ");
    sql.push_bind(portal.as_str().to_owned()).push("::text AS portal)");
    let (names, links) = (names::column(), link::columns_of_page());
    sql.push(format!(" SELECT {COLUMNS}, {names}, {links}, s.at AS seen_at FROM page t CROSS JOIN reader me"));
    sql.push(" LEFT JOIN ticket_seen s ON s.portal = me.portal AND s.ticket_id = t.id AND s.person_id = me.id");
    push_order(&mut sql, sight, page);
    let mut rows: Vec<ListRow> = sql.build_query_as().fetch_all(&mut **conn).await?;
    let names = Names::of(rows.iter_mut().map(|row| &mut row.names));
    let found = rows.into_iter().map(|row| {
        let seq = row.ticket.seq;
        let case = names.case(row.ticket.into_ticket()?);
        Ok(Found { seq, case, links: row.links.into_links()?, seen_at: row.seen_at })
    });
    found.collect()
}

/// Where a page ends that has this ticket last.
pub fn cursor_of(found: &Found, sort: Sort, staff: bool) -> Cursor {
    let row = &found.case.ticket;
    let micros = |at: OffsetDateTime| i64::try_from(at.unix_timestamp_nanos() / 1_000).unwrap_or(i64::MAX);
    let key = match sort {
        Sort::Created => micros(row.created_at),
        Sort::Updated if staff => micros(row.updated_at),
        Sort::Updated => micros(row.public_updated_at),
        Sort::Status => i64::from(row.status.code()),
        Sort::Priority => i64::from(row.priority.code()),
        Sort::Number => found.seq,
    };
    Cursor { key, id: row.id.uuid() }
}

fn push_after(sql: &mut QueryBuilder<Postgres>, sight: &Sight, page: &Page) {
    let Some(after) = page.after else { return };
    let operator = if page.ascending { ">" } else { "<" };
    sql.push(format!(" AND ({}, t.id) {operator} (", column_of(page.sort, sight.is_staff())));
    if is_time(page.sort) {
        let nanos = i128::from(after.key) * 1_000;
        sql.push_bind(OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH));
    } else {
        sql.push_bind(after.key);
    }
    sql.push(", ").push_bind(after.id).push(")");
}

fn push_order(sql: &mut QueryBuilder<Postgres>, sight: &Sight, page: &Page) {
    let direction = if page.ascending { "ASC" } else { "DESC" };
    sql.push(format!(" ORDER BY {} {direction}, t.id {direction}", column_of(page.sort, sight.is_staff())));
}

/// How many tickets fit each filter, counted up to `cap`: all in one statement, after one for each search of an agent's.
pub async fn counts(
    conn: &mut PortalConn,
    portal: &PortalId,
    sight: &Sight,
    filters: &[Filter],
    cap: i64,
    now: OffsetDateTime,
) -> Result<Vec<i64>, Error> {
    let mut sql = QueryBuilder::new("SELECT ARRAY[");
    for (place, filter) in filters.iter().enumerate() {
        let narrowed = narrow(conn, portal, sight, filter).await?;
        sql.push(if place == 0 { "(SELECT count(*) FROM (SELECT 1 FROM (" } else { ", (SELECT count(*) FROM (SELECT 1 FROM (" });
        for (index, branch) in branches(sight, filter.scope).into_iter().enumerate() {
            sql.push(if index == 0 { "(SELECT 1 FROM ticket t" } else { " UNION ALL (SELECT 1 FROM ticket t" });
            push_where(&mut sql, portal, sight, branch, (filter, &narrowed), now);
            sql.push(" LIMIT ").push_bind(cap).push(")");
        }
        sql.push(") AS found LIMIT ").push_bind(cap).push(") AS counted)");
    }
    sql.push("]::bigint[]");
    Ok(sql.build_query_scalar().fetch_one(&mut **conn).await?)
}
