//! Which tickets an agent's search means, where they are few. Customers' own tickets are few anyway and looked at one by one.

use portico_chassis::db::PortalConn;
use portico_chassis::error::Error;
use uuid::Uuid;

use super::filter::{Sight, pattern};
use crate::domain::filter::Filter;
use crate::domain::ids::PortalId;

/// More matches than these are not collected: a list that is read in its own order then meets enough of them soon.
const FEW: i64 = 2_000;
/// Letters that the index of subjects needs.
const SHORTEST: usize = 3;

/// The tickets that fit the words and the subject of a filter; `None`: not asked for, or too many, so each ticket is looked at.
#[derive(Debug, Clone, Default)]
pub(super) struct Narrowed {
    pub words: Option<Vec<Uuid>>,
    pub subject: Option<Vec<Uuid>>,
}

/// Asks the indexes. See migration 0003 for why these are functions.
pub(super) async fn narrow(conn: &mut PortalConn, portal: &PortalId, sight: &Sight, filter: &Filter) -> Result<Narrowed, Error> {
    let mut narrowed = Narrowed::default();
    if !sight.is_staff() {
        return Ok(narrowed);
    }
    if let Some(words) = &filter.words {
        narrowed.words = few(conn, "SELECT tickets_with_words($1, $2::tsquery, $3)", portal, words).await?;
    }
    if let Some(subject) = filter.subject.as_ref().filter(|subject| subject.chars().count() >= SHORTEST) {
        narrowed.subject = few(conn, "SELECT tickets_with_subject($1, $2, $3)", portal, &pattern(subject)).await?;
    }
    Ok(narrowed)
}

async fn few(conn: &mut PortalConn, sql: &'static str, portal: &PortalId, wanted: &str) -> Result<Option<Vec<Uuid>>, Error> {
    let found: Vec<Uuid> = sqlx::query_scalar(sql).bind(portal.as_str()).bind(wanted).bind(FEW + 1).fetch_all(&mut **conn).await?;
    Ok(i64::try_from(found.len()).is_ok_and(|count| count <= FEW).then_some(found))
}
