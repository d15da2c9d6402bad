//! Whether relays and readers have come as far as the journals were at one moment: under load they never stand still together.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::stack::World;

/// Where each journal ends now, by service; none while a database does not answer.
pub(super) async fn heads(world: &World) -> Option<BTreeMap<String, i64>> {
    let mut heads = BTreeMap::new();
    for service in world.services() {
        let mut connection = connect(world, &service).await?;
        heads.insert(service, number(&mut connection, "SELECT position FROM journal_head").await?);
    }
    Some(heads)
}

/// Every event up to these is handed to the broker, and every reader has applied it.
pub(super) async fn reached(world: &World, heads: &BTreeMap<String, i64>) -> bool {
    for (service, head) in heads {
        let Some(mut connection) = connect(world, service).await else { return false };
        let Some(published) = number(&mut connection, "SELECT published FROM relay").await else { return false };
        let read: Result<Vec<(String, i64)>, _> = sqlx::query_as("SELECT producer, position FROM inbox").fetch_all(&mut connection).await;
        let Ok(read) = read else { return false };
        let behind = |(producer, position): &(String, i64)| heads.get(producer).is_some_and(|head| position < head);
        if published < *head || read.iter().any(behind) {
            return false;
        }
    }
    true
}

/// A connection as the role that sees all portals; none while the database does not answer.
pub(super) async fn connect(world: &World, service: &str) -> Option<PgConnection> {
    let mut connection = PgConnection::connect(&world.dsn(service)).await.ok()?;
    sqlx::query(AssertSqlSafe(format!("SET ROLE {service}_system"))).execute(&mut connection).await.ok()?;
    Some(connection)
}

async fn number(connection: &mut PgConnection, question: &'static str) -> Option<i64> {
    sqlx::query_scalar(question).fetch_one(connection).await.ok()
}
