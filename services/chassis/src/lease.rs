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
pub const PATIENCE: Duration = Duration::from_secs(5);

/// What a replica may believe of a lease without asking: pure, by its own monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Belief(Option<(Instant, i64)>);

impl Belief {
    /// The answer to a question of the moment `asked`: the term, or nothing when another replica has the lease. It counts from the question,
    /// not from the answer: the database began to count no earlier.
    pub fn answered(asked: Instant, term: Option<i64>) -> Self {
        Self(term.map(|term| (asked, term)))
    }

    /// The term to work in; `None` when it is time to ask (again).
    pub fn term(self, now: Instant) -> Option<i64> {
        self.0.filter(|(asked, _)| now.duration_since(*asked) < RENEW).map(|(_, term)| term)
    }
}

/// One named lease as this replica sees it.
#[derive(Debug, Clone)]
pub struct Lease {
    pool: PgPool,
    name: String,
    holder: String,
    held: Arc<Mutex<Belief>>,
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
        self.believe(Belief::answered(asked, term));
        Ok(term)
    }

    /// Renews it when that is due; for loops that work for long. `None` when another replica took it.
    pub async fn keep(&self) -> Result<Option<i64>, Error> {
        let held = *self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match held.term(Instant::now()) {
            Some(term) => Ok(Some(term)),
            None => self.hold().await,
        }
    }

    fn believe(&self, belief: Belief) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = belief;
    }

    /// Gives it back, so that another replica need not wait for its end.
    pub async fn release(&self) -> Result<(), Error> {
        self.believe(Belief::default());
        let releasing = sqlx::query("UPDATE lease SET until = clock_timestamp() WHERE name = $1 AND holder = $2")
            .bind(&self.name)
            .bind(&self.holder)
            .execute(&self.pool);
        tokio::time::timeout(PATIENCE, releasing).await.map_err(|_| Error::Unavailable("the database does not answer"))??;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::lease::Row;

    /// One step of two replicas and their database, all times in milliseconds.
    #[derive(Debug, Clone)]
    enum Step {
        Pass(u64),
        /// A replica asks; its question takes so long to the database, and the answer so long back.
        Hold(usize, u64, u64),
        Release(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let way = 0_u64..2500;
        let step = prop_oneof![
            3 => (0_u64..4000).prop_map(Step::Pass),
            4 => (0_usize..2, way.clone(), way).prop_map(|(who, to, from)| Step::Hold(who, to, from)),
            1 => (0_usize..2).prop_map(Step::Release),
        ];
        prop::collection::vec(step, 1..60)
    }

    proptest! {
        /// I17: who believes to hold a lease does hold it, in that term; so two never believe it at once, however slow the answers are.
        #[test]
        fn who_believes_to_hold_a_lease_holds_it(steps in steps()) {
            let (begun, mut now, mut row) = (Instant::now(), Duration::ZERO, None::<Row>);
            let mut beliefs = [Belief::default(); 2];
            let mut last_term = 0;
            for step in steps {
                match step {
                    Step::Pass(time) => now += Duration::from_millis(time),
                    Step::Hold(who, to, from) => {
                        let asked = begun + now;
                        now += Duration::from_millis(to);
                        let term = Row::hold(&mut row, &who.to_string(), now);
                        now += Duration::from_millis(from);
                        beliefs[who] = Belief::answered(asked, term);
                        if let Some(term) = term {
                            prop_assert!(term >= last_term, "terms never go back");
                            last_term = term;
                        }
                    }
                    Step::Release(who) => {
                        beliefs[who] = Belief::default();
                        Row::release(&mut row, &who.to_string(), now);
                    }
                }
                for (who, belief) in beliefs.iter().enumerate() {
                    if let Some(term) = belief.term(begun + now) {
                        let row = row.as_ref().unwrap();
                        prop_assert_eq!((row.holder.clone(), row.term), (who.to_string(), term));
                        prop_assert!(now < row.until, "it lasts longer than the belief");
                    }
                }
            }
        }
    }

    #[test]
    fn a_belief_ends_before_the_lease_even_if_the_answer_was_slow() {
        assert!(RENEW + PATIENCE < LIFE, "a replica that asks in time has its answer, or gives up, while the lease holds");
    }
}
