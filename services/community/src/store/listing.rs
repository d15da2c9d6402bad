//! Lists of topics: keyset pages over one index for each order.

use portico_chassis::db::PortalConn;
use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use sqlx::{Postgres, QueryBuilder};
use time::OffsetDateTime;

use super::codes;
use super::head::{HeadRow, from_topic, head_columns};
use crate::domain::forum::Audience;
use crate::domain::ids::{PersonId, TopicId};
use crate::domain::listing::{Filter, Order, Position};
use crate::domain::view::TopicHead;

/// Published topics after `after`, at most `limit`, each with its position.
pub async fn published(
    conn: &mut PortalConn,
    portal: &PortalId,
    filter: &Filter,
    after: Option<Position>,
    limit: i64,
) -> Result<Vec<(TopicHead, Position)>, Error> {
    let mut sql: QueryBuilder<Postgres> = QueryBuilder::new(concat!("SELECT ", head_columns!(), from_topic!()));
    sql.push("WHERE t.stage = 'published' AND t.portal = ").push_bind(portal.as_str());
    if filter.reach != Audience::Agents {
        sql.push(" AND t.audience <= ").push_bind(codes::audience_code(filter.reach));
    }
    match filter.forums.as_deref() {
        Some([one]) => {
            sql.push(" AND t.forum = ").push_bind(*one);
        }
        Some(many) => {
            sql.push(" AND t.forum = ANY (").push_bind(many.iter().map(|id| id.uuid()).collect::<Vec<_>>()).push(")");
        }
        None => {}
    }
    if let Some(kind) = filter.kind {
        sql.push(" AND t.type = ").push_bind(codes::type_word(kind));
    }
    if let Some(tag) = &filter.tag {
        sql.push(" AND t.id IN (SELECT g.topic FROM topic_tag g WHERE g.portal = ").push_bind(portal.as_str());
        sql.push(" AND g.tag = ").push_bind(tag.clone()).push(")");
    }
    if filter.unanswered {
        sql.push(" AND t.accepted IS NULL AND t.type IN ('question', 'problem')");
    }
    push_page(&mut sql, filter.order, after)?;
    sql.push_bind(limit);
    let rows: Vec<HeadRow> = sql.build_query_as().fetch_all(&mut **conn).await?;
    rows.into_iter().map(|row| row.head().map(|head| (head.clone(), position(&head, filter.order)))).collect()
}

fn push_page(sql: &mut QueryBuilder<Postgres>, order: Order, after: Option<Position>) -> Result<(), Error> {
    let column = match order {
        Order::Recent => "t.last_activity_at",
        Order::MostDiscussed => "t.posts",
        Order::MostViewed => "t.views",
        Order::Top => "t.votes",
    };
    if let Some(after) = after {
        sql.push(" AND (").push(column).push(", t.id) < (");
        if order == Order::Recent {
            sql.push_bind(time_of(after.key)?);
        } else {
            sql.push_bind(after.key);
        }
        sql.push(", ").push_bind(after.id).push(")");
    }
    sql.push(" ORDER BY ").push(column).push(" DESC, t.id DESC LIMIT ");
    Ok(())
}

fn position(head: &TopicHead, order: Order) -> Position {
    let key = match order {
        Order::Recent => micros(head.last_activity_at),
        Order::MostDiscussed => head.posts,
        Order::MostViewed => head.views,
        Order::Top => head.votes,
    };
    Position { key, id: head.id.uuid() }
}

/// The drafts of one writer, last saved first.
pub async fn drafts(
    conn: &mut PortalConn,
    portal: &PortalId,
    writer: PersonId,
    after: Option<Position>,
    limit: i64,
) -> Result<Vec<(TopicHead, Position)>, Error> {
    let mut sql: QueryBuilder<Postgres> = QueryBuilder::new(concat!("SELECT ", head_columns!(), from_topic!()));
    sql.push("WHERE t.stage = 'draft' AND t.portal = ").push_bind(portal.as_str());
    sql.push(" AND t.author = ").push_bind(writer);
    if let Some(after) = after {
        sql.push(" AND (t.edited_at, t.id) < (").push_bind(time_of(after.key)?).push(", ").push_bind(after.id).push(")");
    }
    sql.push(" ORDER BY t.edited_at DESC, t.id DESC LIMIT ").push_bind(limit);
    let rows: Vec<HeadRow> = sql.build_query_as().fetch_all(&mut **conn).await?;
    // A draft's last activity is its last save, which is also when it was edited.
    rows.into_iter().map(|row| row.head().map(|head| (head.clone(), position(&head, Order::Recent)))).collect()
}

/// The heads of these topics, those that are published and may be read; the order is the caller's business.
pub async fn readable(conn: &mut PortalConn, portal: &PortalId, reach: Audience, ids: &[TopicId]) -> Result<Vec<TopicHead>, Error> {
    let rows: Vec<HeadRow> = sqlx::query_as(concat!(
        "SELECT ",
        head_columns!(),
        from_topic!(),
        "WHERE t.portal = $1 AND t.id = ANY ($2) AND t.stage = 'published' AND t.audience <= $3"
    ))
    .bind(portal.as_str())
    .bind(ids.iter().map(|id| id.uuid()).collect::<Vec<_>>())
    .bind(codes::audience_code(reach))
    .fetch_all(&mut **conn)
    .await?;
    rows.into_iter().map(HeadRow::head).collect()
}

/// Microseconds since 1970: PostgreSQL's resolution.
pub fn micros(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1000).unwrap_or(i64::MAX)
}

/// Reads [`micros`].
pub fn time_of(micros: i64) -> Result<OffsetDateTime, Error> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000)
        .map_err(|_| Error::Malformed { field: "page_token".into(), message: "This is not a page of this list.".into() })
}
