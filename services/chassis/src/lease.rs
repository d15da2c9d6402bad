//! Leases: at most one replica does a job, and what a former holder still writes is refused by its term.

use std::time::Duration;

use sqlx::PgPool;

use crate::error::Error;

/// How long a lease holds without renewal: a dead holder is replaced within this time.
pub const LIFE: Duration = Duration::from_secs(10);
/// How often a holder renews.
pub const RENEW: Duration = Duration::from_secs(3);

/// One named lease as this replica sees it.
#[derive(Debug, Clone)]
pub struct Lease {
    pool: PgPool,
    name: String,
    holder: String,
}

impl Lease {
    /// The lease `name`, wanted by the replica `holder`.
    pub fn new(pool: PgPool, name: impl Into<String>, holder: impl Into<String>) -> Self {
        Self { pool, name: name.into(), holder: holder.into() }
    }

    /// Takes or renews it; `None` when another replica has it. The term stays the same while the holder does.
    pub async fn hold(&self) -> Result<Option<i64>, Error> {
        let life = LIFE.as_secs_f64();
        let term = sqlx::query_scalar(
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
        .fetch_optional(&self.pool)
        .await?;
        Ok(term)
    }

    /// Gives it back, so that another replica need not wait for its end.
    pub async fn release(&self) -> Result<(), Error> {
        sqlx::query("UPDATE lease SET until = clock_timestamp() WHERE name = $1 AND holder = $2")
            .bind(&self.name)
            .bind(&self.holder)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}
