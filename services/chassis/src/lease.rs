//! Leases: at most one replica does a job, and what a former holder still writes is refused by its term.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::PgPool;

use crate::error::Error;

/// How long a lease holds without renewal: a dead holder is replaced within this time.
pub const LIFE: Duration = Duration::from_secs(10);
/// How often a holder renews.
pub const RENEW: Duration = Duration::from_secs(3);
/// How long the database may take to answer; half of a lease, so that a holder never believes longer than it holds.
const PATIENCE: Duration = Duration::from_secs(5);

/// One named lease as this replica sees it.
#[derive(Debug, Clone)]
pub struct Lease {
    pool: PgPool,
    name: String,
    holder: String,
    /// When it was last taken or renewed, and the term.
    held: Arc<Mutex<Option<(Instant, i64)>>>,
}

impl Lease {
    /// The lease `name`, wanted by the replica `holder`.
    pub fn new(pool: PgPool, name: impl Into<String>, holder: impl Into<String>) -> Self {
        Self { pool, name: name.into(), holder: holder.into(), held: Arc::default() }
    }

    /// Takes or renews it; `None` when another replica has it. The term stays the same while the holder does.
    pub async fn hold(&self) -> Result<Option<i64>, Error> {
        let life = LIFE.as_secs_f64();
        let asked = Instant::now();
        let holding = sqlx::query_scalar(
            "INSERT INTO lease AS l (name, holder, term, until) VALUES ($1, $2, 1, clock_timestamp() + make_interval(secs => $3)) \
             ON CONFLICT (name) DO UPDATE SET \
                 holder = excluded.holder, until = excluded.until, \
                 term = CASE WHEN l.holder = excluded.holder AND l.until > clock_timestamp() THEN l.term ELSE l.term + 1 END \
             WHERE l.holder = excluded.holder OR l.until < clock_timestamp() \
             RETURNING term",
        )
        .bind(&self.name)
        .bind(&self.holder)
        .bind(life)
        .fetch_optional(&self.pool);
        let term: Option<i64> =
            tokio::time::timeout(PATIENCE, holding).await.map_err(|_| Error::Unavailable("the database does not answer"))??;
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = term.map(|term| (asked, term));
        Ok(term)
    }

    /// Renews it when that is due; for loops that work for long. `None` when another replica took it.
    pub async fn keep(&self) -> Result<Option<i64>, Error> {
        let held = *self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match held {
            Some((at, term)) if at.elapsed() < RENEW => Ok(Some(term)),
            _ => self.hold().await,
        }
    }

    /// Gives it back, so that another replica need not wait for its end.
    pub async fn release(&self) -> Result<(), Error> {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let releasing = sqlx::query("UPDATE lease SET until = clock_timestamp() WHERE name = $1 AND holder = $2")
            .bind(&self.name)
            .bind(&self.holder)
            .execute(&self.pool);
        tokio::time::timeout(PATIENCE, releasing).await.map_err(|_| Error::Unavailable("the database does not answer"))??;
        Ok(())
    }
}
