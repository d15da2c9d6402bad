//! Tickets of last year, so many that an import one by one would take an hour: rows written by SQL, as the product itself leaves them after a
//! month, when the journal's rows have been swept. A ticket has its state, its timeline, its words, its version and a number drawn from the
//! portal's own series; it has no event in the journal, no delivery and no timer, because nothing about it is due any more.

use anyhow::{Context, Result};
use portico_integration_tests::World;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

use crate::people::People;
use crate::terminal::{Step, note};
use crate::words::Words;

/// Rows of one statement.
const CHUNK: i64 = 20_000;
/// Tickets of the small database; all of them are open and belong to the askers.
pub const SMALL: i64 = 10_000;
/// People who own the tickets of the small database, a hundred each: those whose lists are read.
pub const ASKERS: usize = 100;
/// Words that subjects and descriptions are drawn from.
const VOCABULARY: usize = 4_000;

/// One statement for a chunk: state, timeline, words and version. Ids are of version 7, as the product makes them, from the time of
/// creation; everything else is drawn from the number by md5, so a seed gives the same rows.
const ROWS: &str = r"
WITH drawn AS MATERIALIZED (
  SELECT n, md5($1 || n) AS hash,
         date_trunc('milliseconds', now() - interval '31 days' - (('x' || substr(md5($1 || n), 1, 7))::bit(28)::int % 31536000) * interval '1 s') AS at
    FROM generate_series($2::bigint, $3::bigint) AS n),
made AS MATERIALIZED (
  SELECT n, at,
         (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(hash, 1, 3) || '8' || substr(hash, 4, 15))::uuid AS id,
         (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(hash, 20, 3) || '9' || substr(hash, 8, 15))::uuid AS item,
         $4 || '-' || ($5 + n) AS number, $5 + n AS seq,
         ($6::uuid[])[1 + (CASE WHEN n <= $7 THEN n % $8 ELSE $8 + n % (cardinality($6::uuid[]) - $8) END)::int] AS requester,
         n <= $7 OR n % 10 < 4 AS open,
         (SELECT array_agg(($9::text[])[1 + ('x' || substr(md5($1 || n || '-' || w), 1, 7))::bit(28)::int % cardinality($9::text[])] ORDER BY w)
            FROM generate_series(1, 14) AS w) AS words
    FROM drawn),
t AS (
  INSERT INTO ticket (portal, id, number, seq, version, public_version, subject, ticket_type, channel, status, reason, priority, requester_id,
                      contact_name, tags, reopen_count, keep_open_count, due, shares, created_at, updated_at, public_updated_at, resolved_at,
                      closed_at)
  SELECT $10, id, number, seq, CASE WHEN open THEN 1 ELSE 2 END, CASE WHEN open THEN 1 ELSE 2 END,
         array_to_string(words[1:5], ' '), 1, 1, CASE WHEN open THEN 1 ELSE 7 END, CASE WHEN open THEN NULL ELSE 9 END, 2, requester,
         '', '[]', 0, 0, '[]', 0, at, CASE WHEN open THEN at ELSE at + interval '1 day' END,
         CASE WHEN open THEN at ELSE at + interval '1 day' END, CASE WHEN open THEN NULL ELSE at + interval '1 day' END,
         CASE WHEN open THEN NULL ELSE at + interval '1 day' END
    FROM made),
i AS (
  INSERT INTO item (portal, ticket_id, version, public_version, id, kind, at, actor_id, actor_role, internal, body, channel, from_status,
                    to_status, reason)
  SELECT $10, id, 1, 1, item, 1, at, requester, $11::smallint, false, array_to_string(words[6:14], ' '), 1, NULL, NULL, NULL FROM made
  UNION ALL
  SELECT $10, id, 2, 2, gen_random_uuid(), 3, at + interval '1 day', requester, $11::smallint, false, '', NULL, 1, 7, 9 FROM made WHERE NOT open),
w AS (
  INSERT INTO ticket_words (portal, ticket_id, public, internal)
  SELECT $10, id, array_to_tsvector(ARRAY(SELECT DISTINCT word FROM unnest(words || string_to_array(lower(number), '-')) AS word)), ''
    FROM made)
INSERT INTO aggregate (portal, kind, id, version) SELECT $10, 'ticket', id, CASE WHEN open THEN 1 ELSE 2 END FROM made";

/// Tickets that were filled in.
#[derive(Debug, Clone)]
pub struct Filled {
    prefix: String,
    base: i64,
    /// How many there are.
    pub count: i64,
}

impl Filled {
    /// The number of the n-th of the small database, from 0, which is open, and which of the customers owns it.
    pub fn open_ticket(&self, n: u64) -> (String, usize) {
        let n = i64::try_from(n).unwrap_or(0) % SMALL.min(self.count) + 1;
        let owner = usize::try_from(n % ASKERS as i64).unwrap_or_default();
        (format!("{}-{}", self.prefix, self.base + n), owner)
    }
}

/// Fills in tickets until there are so many. The first ten thousand belong to the askers, who own no more of the others: what is read of them
/// stays the same, only the database grows.
///
/// # Errors
/// When the database refuses something.
pub async fn up_to(world: &World, people: &People, words: &Words, own: &str, before: Option<&Filled>, count: i64) -> Result<Filled> {
    let step = Step::begin(format!("the database is filled up to {count} tickets"));
    let dsn = world.status()["postgres"]["tickets"].as_str().context("tickets has no database")?.to_owned();
    let mut connection = PgConnection::connect(&dsn).await?;
    let filled = match before {
        Some(filled) => filled.clone(),
        None => first(&mut connection, &people.slug, own, count).await?,
    };
    let ids: Vec<Uuid> = people.customers.iter().map(|person| person.id).collect();
    let vocabulary: Vec<&str> = words.all().iter().take(VOCABULARY).map(String::as_str).collect();
    let mut next = filled.count + 1;
    while next <= count {
        let last = (next + CHUNK - 1).min(count);
        sqlx::query("SET ROLE tickets_system").execute(&mut connection).await?;
        sqlx::query(ROWS)
            .bind(format!("{}-", people.slug))
            .bind(next)
            .bind(last)
            .bind(&filled.prefix)
            .bind(filled.base)
            .bind(&ids)
            .bind(SMALL)
            .bind(ASKERS as i64)
            .bind(&vocabulary)
            .bind(&people.slug)
            .bind(portico_tickets::domain::kinds::Role::Customer.code())
            .execute(&mut connection)
            .await
            .context("tickets cannot be filled in")?;
        if last % (CHUNK * 10) == 0 {
            note(format!("    {last} tickets"));
        }
        next = last + 1;
    }
    // What autovacuum does in its time: statistics for the planner, and the words' pending entries into their index.
    sqlx::query("RESET ROLE").execute(&mut connection).await?;
    for table in ["ticket", "item", "ticket_words", "aggregate"] {
        sqlx::query(AssertSqlSafe(format!("VACUUM (ANALYZE) {table}"))).execute(&mut connection).await?;
    }
    step.done();
    Ok(Filled { count: count.max(filled.count), ..filled })
}

/// Draws the numbers: as many as the largest database will need are taken from the portal's series at once, as the journal takes them.
async fn first(connection: &mut PgConnection, portal: &str, own: &str, count: i64) -> Result<Filled> {
    let (prefix, _) = own.rsplit_once('-').with_context(|| format!("{own} is no number"))?;
    let reserved = count.max(MOST);
    sqlx::query("SET ROLE tickets_system").execute(&mut *connection).await?;
    let head: i64 = sqlx::query_scalar("UPDATE sequence SET value = value + $2 WHERE portal = $1 AND name = 'ticket' RETURNING value")
        .bind(portal)
        .bind(reserved)
        .fetch_one(&mut *connection)
        .await
        .context("the portal has no series of numbers")?;
    Ok(Filled { prefix: prefix.to_owned(), base: head - reserved, count: 0 })
}

/// Numbers that are set aside.
const MOST: i64 = 10_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_small_database_belongs_to_the_askers() {
        let filled = Filled { prefix: "HELP".into(), base: 250, count: 1_000_000 };
        assert_eq!(filled.open_ticket(0), ("HELP-251".into(), 1));
        assert_eq!(filled.open_ticket(98), ("HELP-349".into(), 99));
        assert_eq!(filled.open_ticket(99), ("HELP-350".into(), 0));
        assert_eq!(filled.open_ticket(10_000), filled.open_ticket(0));
    }
}
