//! Samples PostgreSQL's clock each second; that is also the check whether the database answers.
//!
//! It has a connection of its own: busy background work must neither make a replica look unready nor let its clock drift.

use std::time::Duration;

use sqlx::PgConnection;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::db::Db;
use crate::error::Error;
use crate::run::Readiness;

/// Pause between two samples.
const PERIOD: Duration = Duration::from_secs(1);
/// How long PostgreSQL may take to tell the time.
const PATIENCE: Duration = Duration::from_secs(2);

pub(crate) struct Sampler {
    db: Db,
    conn: Option<PgConnection>,
}

impl Sampler {
    pub(crate) fn new(db: Db) -> Self {
        Self { db, conn: None }
    }

    /// PostgreSQL's time. A connection that failed is made again with the next sample.
    pub(crate) async fn now(&mut self) -> Result<OffsetDateTime, Error> {
        // Out of its place while it is asked: an answer that came too late must not be taken for the next one's.
        let kept = self.conn.take();
        let asking = async {
            let mut conn = match kept {
                Some(conn) => conn,
                None => self.db.system_connection().await?,
            };
            let now = sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(&mut conn).await?;
            Ok::<_, Error>((now, conn))
        };
        let (now, conn) =
            tokio::time::timeout(PATIENCE, asking).await.map_err(|_| Error::Unavailable("the database does not answer"))??;
        self.conn = Some(conn);
        Ok(now)
    }

    pub(crate) async fn run(mut self, clock: Clock, readiness: Readiness, stop: CancellationToken) {
        loop {
            let sampled = self.now().await;
            let result = sampled.map(|now| clock.observe(now)).map_err(|error| error.to_string());
            readiness.set("database", result);
            tokio::select! {
                () = tokio::time::sleep(PERIOD) => {}
                () = stop.cancelled() => return,
            }
        }
    }
}
