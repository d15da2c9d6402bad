//! How much one person wrote lately.

use portico_chassis::db::PortalConn;
use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use time::OffsetDateTime;

use crate::domain::ids::PersonId;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// Topics, drafts among them.
    Topics,
    /// Posts.
    Posts,
}

/// How many since then, and when the oldest of them was written.
pub async fn since(
    conn: &mut PortalConn,
    portal: &PortalId,
    writer: PersonId,
    what: Written,
    since: OffsetDateTime,
) -> Result<(i64, Option<OffsetDateTime>), Error> {
    let sql = match what {
        Written::Topics => "SELECT count(*), min(created_at) FROM topic WHERE portal = $1 AND author = $2 AND created_at > $3",
        Written::Posts => "SELECT count(*), min(created_at) FROM post WHERE portal = $1 AND author = $2 AND created_at > $3",
    };
    Ok(sqlx::query_as(sql).bind(portal.as_str()).bind(writer).bind(since).fetch_one(&mut **conn).await?)
}
