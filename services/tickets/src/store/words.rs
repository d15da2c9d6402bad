//! The words that tickets are found by.

use portico_chassis::error::Error;
use sqlx::PgConnection;

use crate::domain::ids::{PortalId, TicketId};

/// Words to add to a ticket.
#[derive(Debug, Clone)]
pub struct WordsWrite {
    /// In which portal.
    pub portal: PortalId,
    /// Of which ticket.
    pub ticket: TicketId,
    /// In lower case, each once.
    pub words: Vec<String>,
    /// Found by agents only.
    pub internal: bool,
}

/// A vector over this size takes no more words: PostgreSQL's own bound is a megabyte.
const LARGEST_VECTOR: i32 = 600_000;

/// Adds words. Arrays of arrays must be rectangular for UNNEST, so each ticket's words travel as one text.
pub(super) async fn add(conn: &mut PgConnection, rows: &[WordsWrite]) -> Result<(), Error> {
    let mut merged: std::collections::BTreeMap<TicketId, (&PortalId, Vec<&str>, Vec<&str>)> = std::collections::BTreeMap::new();
    for row in rows {
        let (_, public, internal) = merged.entry(row.ticket).or_insert_with(|| (&row.portal, Vec::new(), Vec::new()));
        (if row.internal { internal } else { public }).extend(row.words.iter().map(String::as_str));
    }
    sqlx::query(
        "INSERT INTO ticket_words (portal, ticket_id, public, internal) \
         SELECT portal, id, array_to_tsvector(string_to_array(public, ' ')), array_to_tsvector(string_to_array(internal, ' ')) \
           FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[]) AS w (portal, id, public, internal) \
         ON CONFLICT (ticket_id) DO UPDATE SET \
           public = CASE WHEN pg_column_size(ticket_words.public) > $5 THEN ticket_words.public ELSE ticket_words.public || excluded.public END, \
           internal = CASE WHEN pg_column_size(ticket_words.internal) > $5 THEN ticket_words.internal ELSE ticket_words.internal || excluded.internal END",
    )
    .bind(merged.values().map(|(portal, ..)| portal.as_str()).collect::<Vec<_>>())
    .bind(merged.keys().map(|id| id.uuid()).collect::<Vec<_>>())
    .bind(merged.values().map(|(_, public, _)| public.join(" ")).collect::<Vec<_>>())
    .bind(merged.values().map(|(.., internal)| internal.join(" ")).collect::<Vec<_>>())
    .bind(LARGEST_VECTOR)
    .execute(conn)
    .await?;
    Ok(())
}
