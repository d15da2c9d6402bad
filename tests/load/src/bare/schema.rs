//! Tables beside the product's, with the same columns and indexes and without its fence, so that nothing of a measurement stays in it.

use anyhow::{Context, Result};
use sqlx::{Connection, PgConnection};

/// `LIKE … INCLUDING ALL` takes columns, checks and indexes along. The journal's indexes are on its partitions; deliveries are another
/// service's, so their table is written out here.
const MAKE: &str = "
DROP SCHEMA IF EXISTS bare CASCADE;
CREATE SCHEMA bare;
CREATE TABLE bare.ticket (LIKE public.ticket INCLUDING ALL);
CREATE TABLE bare.item (LIKE public.item INCLUDING ALL);
CREATE TABLE bare.ticket_words (LIKE public.ticket_words INCLUDING ALL);
CREATE TABLE bare.aggregate (LIKE public.aggregate INCLUDING ALL);
CREATE TABLE bare.request (LIKE public.request INCLUDING ALL);
CREATE TABLE bare.journal (LIKE public.journal INCLUDING DEFAULTS, PRIMARY KEY (position));
CREATE UNIQUE INDEX ON bare.journal (event_id);
CREATE UNIQUE INDEX ON bare.journal (aggregate_id, version);
CREATE TABLE bare.head (position bigint NOT NULL);
INSERT INTO bare.head VALUES (0);
CREATE TABLE bare.delivery (
    id uuid PRIMARY KEY, portal text NOT NULL, producer text NOT NULL, event_id uuid NOT NULL, aggregate_kind text NOT NULL,
    aggregate_id text NOT NULL, recipient text NOT NULL, is_person boolean NOT NULL, kind text NOT NULL, channel text NOT NULL,
    state text NOT NULL DEFAULT 'pending', domain text, attempts integer NOT NULL DEFAULT 0, event_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL, due_at timestamptz NOT NULL, lease uuid, reason text NOT NULL DEFAULT '', ended_at timestamptz,
    traceparent text NOT NULL);
CREATE INDEX ON bare.delivery (channel, due_at, id) WHERE state = 'pending';
";

/// Makes the tables, anew when an interrupted run left some.
///
/// # Errors
/// When the database refuses.
pub async fn make(dsn: &str) -> Result<()> {
    run(dsn, MAKE).await
}

/// Removes them.
///
/// # Errors
/// When the database refuses.
pub async fn remove(dsn: &str) -> Result<()> {
    run(dsn, "DROP SCHEMA IF EXISTS bare CASCADE").await
}

async fn run(dsn: &str, statements: &'static str) -> Result<()> {
    let mut connection = PgConnection::connect(dsn).await?;
    sqlx::raw_sql(statements).execute(&mut connection).await.context("the tables of the bare limits")?;
    connection.close().await.context("the connection was not closed")
}
