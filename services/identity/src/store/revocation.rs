//! The revocation feed.

use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use uuid::Uuid;

use super::column;
use crate::domain::ids::{PersonId, SessionId};
use crate::domain::revocation::{Page, Revoked};

/// Something that makes tokens void.
#[derive(Debug, Clone)]
pub struct RevocationRow {
    /// In which portal.
    pub portal: PortalId,
    /// What.
    pub what: Revoked,
    /// When.
    pub at: OffsetDateTime,
}

#[derive(sqlx::FromRow)]
struct Stored {
    portal: String,
    position: i64,
    session_id: Option<Uuid>,
    person_id: Option<Uuid>,
    generation: Option<i64>,
}

/// What was revoked after a position, or since a moment when there is no position yet. Rows of one position are never parted. A position
/// beyond the head is of a history that is no more, because the database was restored: it counts as none.
pub async fn after(pool: &PgPool, position: i64, since: OffsetDateTime, limit: i64) -> Result<Page, Error> {
    // Read first: what commits between the two statements comes again with the next page, and nothing is missed.
    let head: i64 = sqlx::query_scalar("SELECT position FROM journal_head").fetch_one(pool).await?;
    let position = if position > head { 0 } else { position };
    let rows: Vec<Stored> = if position == 0 {
        sqlx::query_as("SELECT portal, position, session_id, person_id, generation FROM revocation WHERE at >= $1 ORDER BY position")
            .bind(since)
            .fetch_all(pool)
            .await?
    } else {
        sqlx::query_as(
            "SELECT portal, position, session_id, person_id, generation FROM revocation WHERE position > $1 \
              ORDER BY position FETCH FIRST $2 ROWS WITH TIES",
        )
        .bind(position)
        .bind(limit)
        .fetch_all(pool)
        .await?
    };
    let next = rows.last().map_or(if position == 0 { head } else { position }, |row| row.position);
    let rows = rows.into_iter().filter_map(read).collect();
    Ok(Page { next, rows })
}

fn read(row: Stored) -> Option<(String, Revoked)> {
    let revoked = match (row.session_id, row.person_id, row.generation) {
        (Some(session), ..) => Revoked::Session(SessionId::new(session)),
        (None, Some(person), Some(generation)) => Revoked::Generation(PersonId::new(person), generation),
        _ => return None,
    };
    Some((row.portal, revoked))
}

pub(super) async fn write(conn: &mut PgConnection, rows: Vec<RevocationRow>) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    // The head was moved in this transaction and nobody else can move it: positions grow in the order of commits.
    sqlx::query(
        "INSERT INTO revocation (portal, position, session_id, person_id, generation, at) \
         SELECT w.portal, (SELECT position FROM journal_head), w.session_id, w.person_id, w.generation, w.at \
           FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::bigint[], $5::timestamptz[]) \
                AS w (portal, session_id, person_id, generation, at)",
    )
    .bind(column(&rows, |row| row.portal.clone()))
    .bind(column(&rows, |row| match row.what {
        Revoked::Session(session) => Some(session.uuid()),
        Revoked::Generation(..) => None,
    }))
    .bind(column(&rows, |row| match row.what {
        Revoked::Session(_) => None,
        Revoked::Generation(person, _) => Some(person.uuid()),
    }))
    .bind(column(&rows, |row| match row.what {
        Revoked::Session(_) => None,
        Revoked::Generation(_, generation) => Some(generation),
    }))
    .bind(column(&rows, |row| row.at))
    .execute(conn)
    .await?;
    Ok(())
}
