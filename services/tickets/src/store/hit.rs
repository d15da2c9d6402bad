//! Tickets by their words, best first, and the texts that hold the words.

use portico_chassis::db::PortalConn;
use portico_chassis::error::Error;
use sqlx::{Postgres, QueryBuilder};
use time::OffsetDateTime;
use uuid::Uuid;

use super::columns::known;
use super::filter::{Sight, branches, push_where};
use super::search::narrow;
use crate::domain::filter::Filter;
use crate::domain::hit::Hit;
use crate::domain::ids::{PortalId, TicketId};
use crate::domain::status::Status;
use crate::domain::words;

/// The newest matches of each branch of sight are ranked, so many at most.
const RANKED: i64 = 2_000;
/// The same where an agent's words are too frequent for an index: the portal's list is then read in its own order, as far as a count reads it.
const RANKED_OF_ALL: i64 = 101;
/// Comments, and files, of a ticket that are looked at for a snippet.
const LOOKED_AT: i64 = 30;
/// Characters of each that are looked at.
const READ: i32 = 4_000;

/// What is ranked.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Which tickets at all.
    pub filter: &'a Filter,
    /// In lower case, to compare with whole subjects.
    pub line: &'a str,
    /// To be found in subjects.
    pub words: &'a [String],
    /// Whether only tickets with as many of the words as possible are wanted; otherwise the filter demands all.
    pub most_words: bool,
    /// Whether the filter is a number.
    pub named: bool,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Ranked {
    /// Best first.
    pub hits: Vec<Hit>,
    /// How many fit; not all that fit when [`Ranked::cut`].
    pub total: i64,
    /// There were more than are ranked.
    pub cut: bool,
}

#[derive(sqlx::FromRow)]
struct HitRow {
    id: Uuid,
    number: String,
    subject: String,
    status: i16,
    sub_status: Option<String>,
    exact: bool,
    in_subject: i32,
    at: OffsetDateTime,
    total: i64,
}

/// A text that was found.
#[derive(Debug, Clone)]
pub struct FoundText {
    /// Of which ticket.
    pub ticket: TicketId,
    /// Its beginning.
    pub text: String,
    /// Whether it is a file's name and not Markdown.
    pub is_name: bool,
}

/// The best tickets for a question.
pub async fn ranked(
    conn: &mut PortalConn,
    portal: &PortalId,
    sight: &Sight,
    question: Question<'_>,
    limit: i64,
    now: OffsetDateTime,
) -> Result<Ranked, Error> {
    let narrowed = narrow(conn, portal, sight, question.filter).await?;
    let all = sight.is_staff() && narrowed.words.is_none() && narrowed.subject.is_none();
    let most = if all { RANKED_OF_ALL } else { RANKED };
    let at = if sight.is_staff() { "t.updated_at" } else { "t.public_updated_at" };
    let mut sql = QueryBuilder::new("WITH candidate AS (");
    for (index, branch) in branches(sight, question.filter.scope).into_iter().enumerate() {
        sql.push(if index == 0 { "(SELECT " } else { " UNION ALL (SELECT " });
        sql.push(format!("t.id, t.number, t.subject, t.status, t.sub_status, {at} AS at, lower(t.subject) = "));
        sql.push_bind(question.line.to_owned()).push(" AS exact, ");
        push_beginnings(&mut sql, "t.subject", question.words);
        sql.push(" AS in_subject, ");
        push_found(&mut sql, sight, question);
        sql.push(" AS words FROM ticket t");
        push_where(&mut sql, portal, sight, branch, (question.filter, &narrowed), now);
        sql.push(format!(" ORDER BY {at} DESC, t.id DESC LIMIT ")).push_bind(most).push(")");
    }
    sql.push(
        ") SELECT c.*, count(*) OVER () AS total FROM candidate c WHERE c.words = (SELECT max(words) FROM candidate) \
         ORDER BY c.exact DESC, c.in_subject DESC, c.at DESC, c.id DESC LIMIT ",
    );
    let rows: Vec<HitRow> = sql.push_bind(limit).build_query_as().fetch_all(&mut **conn).await?;
    let total = rows.first().map_or(0, |row| row.total);
    let hits = rows.into_iter().map(|row| into_hit(row, question.named)).collect::<Result<_, _>>()?;
    Ok(Ranked { hits, total, cut: total >= most })
}

fn into_hit(row: HitRow, named: bool) -> Result<Hit, Error> {
    let HitRow { id, number, subject, status, sub_status, exact, in_subject, at, .. } = row;
    let status = known(Status::from_code(status), "status")?;
    Ok(Hit { id: TicketId::new(id), number, subject, status, sub_status, named, exact, in_subject, at })
}

/// How many of the words begin a word of a text, cut as the index cuts. They are letters and digits only (S42), so nothing of them is a
/// pattern.
fn push_beginnings(sql: &mut QueryBuilder<Postgres>, text: &'static str, words: &[String]) {
    sql.push("(0");
    for word in words {
        sql.push(format!(" + ({text} ~* ")).push_bind(format!("(^|[^[:alnum:]]){word}")).push(")::int");
    }
    sql.push(")");
}

/// How many of the words a ticket has.
fn push_found(sql: &mut QueryBuilder<Postgres>, sight: &Sight, question: Question<'_>) {
    if !question.most_words {
        sql.push("0");
        return;
    }
    sql.push("(SELECT 0");
    for word in question.words {
        sql.push(" + (w.public @@ ").push_bind(words::one(word)).push("::tsquery");
        if sight.is_staff() {
            sql.push(" OR w.internal @@ ").push_bind(words::one(word)).push("::tsquery");
        }
        sql.push(")::int");
    }
    sql.push(" FROM ticket_words w WHERE w.portal = t.portal AND w.ticket_id = t.id)");
}

/// For each ticket the text with most of the words: its description, a comment, a file's name. The description when none has any.
pub async fn texts(
    conn: &mut PortalConn,
    portal: &PortalId,
    internal: bool,
    tickets: &[TicketId],
    words: &[String],
) -> Result<Vec<FoundText>, Error> {
    let ids: Vec<Uuid> = tickets.iter().map(|id| id.uuid()).collect();
    let mut sql = QueryBuilder::new("SELECT DISTINCT ON (h.id) h.id, f.text, f.place = 2 AS is_name FROM unnest(");
    sql.push_bind(ids).push("::uuid[]) AS h (id) CROSS JOIN LATERAL (");
    for (place, order) in [(0, "i.version LIMIT 1"), (1, "i.version DESC LIMIT ")] {
        sql.push(format!("(SELECT left(i.body, {READ}) AS text, {place} AS place, i.version AS nth FROM item i WHERE i.ticket_id = h.id"));
        sql.push(" AND i.portal = ").push_bind(portal.as_str().to_owned());
        // Descriptions and comments; what nobody but agents may read is not shown to others.
        sql.push(" AND i.kind IN (1, 2) AND (NOT i.internal OR ").push_bind(internal).push(format!(") ORDER BY {order}"));
        if place == 1 {
            sql.push_bind(LOOKED_AT);
        }
        sql.push(") UNION ALL ");
    }
    sql.push("(SELECT a.name, 2, 0 FROM attachment a WHERE a.ticket_id = h.id AND a.portal = ").push_bind(portal.as_str().to_owned());
    sql.push(" AND (NOT a.internal OR ").push_bind(internal).push(") ORDER BY a.created_at DESC, a.id DESC LIMIT ").push_bind(LOOKED_AT);
    sql.push(")) AS f ORDER BY h.id, ");
    push_beginnings(&mut sql, "f.text", words);
    sql.push(" DESC, f.place, f.nth DESC");
    let rows: Vec<(Uuid, String, bool)> = sql.build_query_as().fetch_all(&mut **conn).await?;
    Ok(rows.into_iter().map(|(id, text, is_name)| FoundText { ticket: TicketId::new(id), text, is_name }).collect())
}
