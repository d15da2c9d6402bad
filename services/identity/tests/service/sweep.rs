//! Rows of no use go after a while, and nothing else does.

use portico_identity::store::sweep::sweep;
use portico_proto::identity::v1::*;
use sqlx::PgPool;
use time::Duration;

use crate::kit::*;

#[tokio::test]
async fn what_is_old_goes_and_what_is_in_use_stays() {
    let place = Place::demo().await;
    let alice = place.customer("alice@acme.test").await;
    let browser = Client { browser: true, ..Default::default() };
    place.try_login("alice@acme.test", PASSWORD, browser).await.unwrap();
    place.try_login("alice@acme.test", OTHER_PASSWORD, Client::default()).await.unwrap_err();
    place.sign_up("ada@lovelace.test").await;
    let out = LogoutRequest { portal: "demo".into(), request_id: key(), all: false };
    place.sessions().logout(place.by(&alice, out)).await.unwrap();

    let base = std::env::var("PORTICO_TEST_POSTGRES_URL").unwrap_or_else(|_| "postgres://postgres@127.0.0.1:55432/postgres".into());
    let (server, _) = base.rsplit_once('/').unwrap();
    let pool = PgPool::connect(&format!("{server}/{}_identity", place.stage.name)).await.unwrap();
    let count = |table: &'static str| {
        let pool = pool.clone();
        async move {
            let sql = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
            sqlx::query_scalar::<_, i64>(sql).fetch_one(&pool).await.unwrap()
        }
    };
    let tables = ["captcha_spend", "throttle", "session", "revocation", "browser"];
    assert_eq!(sweep(&pool, place.clock.now()).await.unwrap(), 0);
    for table in tables {
        assert!(count(table).await > 0, "{table}");
    }
    sweep(&pool, place.clock.now() + Duration::days(2)).await.unwrap();
    assert_eq!((count("captcha_spend").await, count("revocation").await), (0, 0));
    assert!(count("session").await > 0 && count("throttle").await > 0 && count("browser").await > 0);
    sweep(&pool, place.clock.now() + Duration::days(90)).await.unwrap();
    for table in tables {
        assert_eq!(count(table).await, 0, "{table}");
    }
    assert!(count("person").await > 0 && count("credential").await > 0);
    pool.close().await;
    place.end().await;
}
