//! No table of any service is outside of the fence by accident (S66c).
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests end at the first surprise")]

use std::path::{Path, PathBuf};

use portico_chassis::db::Db;
use portico_chassis::error::Error;
use portico_chassis::testing::{Stage, unfenced};

/// Every service's migrations, by the service's name.
fn services() -> Vec<(&'static str, PathBuf)> {
    let houses = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    portico_chassis::testing::SERVICES
        .iter()
        .map(|name| (*name, houses.join(name).join("migrations")))
        .filter(|(_, dir)| dir.is_dir())
        .collect()
}

#[tokio::test]
async fn every_table_of_every_service_is_fenced_or_says_that_it_is_shared() {
    let mut stage = Stage::new().await;
    let services = services();
    assert!(services.len() >= 5, "{services:?}");
    for (service, migrations) in services {
        let db = Db::open(&stage.database(service).await, 4, service).unwrap();
        db.migrate(&sqlx::migrate::Migrator::new(migrations).await.unwrap()).await.unwrap();
        db.close().await;
        let mut inspector = stage.inspect(service).await;
        assert_eq!(unfenced(&mut inspector).await, Vec::<String>::new(), "of {service}");
        // The check itself notices a table that somebody forgot.
        sqlx::raw_sql("CREATE TABLE forgotten (portal text)").execute(&mut inspector).await.unwrap();
        assert_eq!(unfenced(&mut inspector).await, ["forgotten"]);
    }
    stage.clear().await;
}

/// What a version finds that is started again after a newer one migrated (K19).
#[tokio::test]
async fn a_schema_that_was_added_to_is_good_and_one_that_was_taken_from_is_refused() {
    let mut stage = Stage::new().await;
    let (service, migrations) = services().remove(0);
    let migrator = sqlx::migrate::Migrator::new(migrations).await.unwrap();
    let db = Db::open(&stage.database(service).await, 4, service).unwrap();
    db.migrate(&migrator).await.unwrap();
    let mut inspector = stage.inspect(service).await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES ($1, $2, true, '', 0)";
    sqlx::query(newer).bind(9001_i64).bind("add a column").execute(&mut inspector).await.unwrap();
    db.migrate(&migrator).await.unwrap();
    let known = migrator.iter().map(|migration| migration.version).max().unwrap();
    sqlx::query(newer).bind(9002_i64).bind(format!("contract {known:04} a column")).execute(&mut inspector).await.unwrap();
    db.migrate(&migrator).await.unwrap();
    sqlx::query(newer).bind(9003_i64).bind("contract 9001 a column").execute(&mut inspector).await.unwrap();
    let refused = db.migrate(&migrator).await;
    assert!(matches!(&refused, Err(Error::Internal(text)) if text.contains("9003")), "{refused:?}");
    sqlx::query("DELETE FROM _sqlx_migrations WHERE version = 9003").execute(&mut inspector).await.unwrap();
    sqlx::query(newer).bind(9004_i64).bind("contract a column").execute(&mut inspector).await.unwrap();
    let refused = db.migrate(&migrator).await;
    assert!(matches!(&refused, Err(Error::Internal(text)) if text.contains("9004")), "{refused:?}");
    drop(inspector);
    db.close().await;
    stage.clear().await;
}

/// Replicas that start together on an empty database (K19).
#[tokio::test]
async fn two_that_migrate_at_once_wait_for_one_another() {
    let mut stage = Stage::new().await;
    let (service, migrations) = services().remove(0);
    let migrator = sqlx::migrate::Migrator::new(migrations).await.unwrap();
    let url = stage.database(service).await;
    let [one, other] = [(); 2].map(|()| Db::open(&url, 4, service).unwrap());
    let (first, second) = tokio::join!(one.migrate(&migrator), other.migrate(&migrator));
    assert_eq!((first, second), (Ok(()), Ok(())));
    let mut inspector = stage.inspect(service).await;
    let doubled =
        "SELECT count(*) FROM (SELECT 1 FROM _sqlx_migrations GROUP BY version HAVING count(*) > 1 OR NOT bool_and(success)) AS d";
    let doubled: i64 = sqlx::query_scalar(doubled).fetch_one(&mut inspector).await.unwrap();
    let made: i64 = sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations").fetch_one(&mut inspector).await.unwrap();
    assert!(doubled == 0 && made as usize > migrator.iter().count(), "{doubled} of {made}: the chassis' and the service's");
    drop(inspector);
    one.close().await;
    other.close().await;
    stage.clear().await;
}
