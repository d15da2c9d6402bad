//! No table of any service is outside of the fence by accident (S66c).
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests end at the first surprise")]

use std::path::{Path, PathBuf};

use portico_chassis::db::Db;
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
