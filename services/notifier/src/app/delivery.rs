//! Deliveries: made from events, settled after the attempt, counted for operators.

use std::time::Duration;

use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::App;
use super::digest::delivery_id;
use crate::domain::backoff::{self, Failure, Next};
use crate::domain::delivery::{DeliveryId, Due, Wanted, is_fresh};
use crate::domain::kind::Kind;
use crate::store::delivery::{self, Again, Count, Failed, NewDelivery};

/// Pause between two tries to record that a mail left.
const MARK_AGAIN: Duration = Duration::from_millis(300);

/// An event that somebody is to be told of.
#[derive(Debug, Clone)]
pub struct Occurrence {
    /// The event.
    pub event_id: Uuid,
    /// Whose it is.
    pub portal: PortalId,
    /// The service that owns and renders it.
    pub producer: String,
    /// What it is about.
    pub aggregate_kind: String,
    /// Which one.
    pub aggregate_id: String,
    /// Who acted: a person's id, or anything else.
    pub actor: String,
    /// When it happened.
    pub at: OffsetDateTime,
    /// W3C trace context.
    pub traceparent: String,
    /// Who is to be told, what and how.
    pub wanted: Vec<Wanted>,
}

/// Stores the deliveries of some events, in the transaction that moves the inbox. Events over 7 days old make none, and nobody is told
/// of what they did themselves.
pub async fn store(conn: &mut PgConnection, occurrences: &[Occurrence], now: OffsetDateTime) -> Result<u64, Error> {
    let rows: Vec<NewDelivery> = occurrences
        .iter()
        .filter(|occurrence| is_fresh(occurrence.at, now))
        .flat_map(|occurrence| {
            occurrence.wanted.iter().filter(|wanted| tells_another(occurrence, wanted)).map(|wanted| new(occurrence, wanted))
        })
        .collect();
    delivery::insert(conn, &rows, now).await
}

/// Receipts, links and timers' mails go to whoever caused them; news about what somebody did does not go to that person.
fn tells_another(occurrence: &Occurrence, wanted: &Wanted) -> bool {
    let is_news = matches!(wanted.kind, Kind::TicketUpdate | Kind::CollaboratorAdded | Kind::TopicPost | Kind::TopicAccepted);
    !(is_news && wanted.is_person && wanted.recipient == occurrence.actor)
}

fn new(occurrence: &Occurrence, wanted: &Wanted) -> NewDelivery {
    NewDelivery {
        id: delivery_id(occurrence.event_id, &wanted.recipient, wanted.channel),
        portal: occurrence.portal.clone(),
        producer: occurrence.producer.clone(),
        event_id: occurrence.event_id,
        aggregate_kind: occurrence.aggregate_kind.clone(),
        aggregate_id: occurrence.aggregate_id.clone(),
        recipient: wanted.recipient.clone(),
        is_person: wanted.is_person,
        kind: wanted.kind.name(),
        channel: wanted.channel,
        event_at: occurrence.at,
        traceparent: occurrence.traceparent.clone(),
    }
}

impl App {
    /// Records that a mail left, until it succeeds: nothing else keeps it from leaving again.
    pub async fn mark_sent(&self, id: DeliveryId) {
        self.unmarked.insert(id);
        loop {
            let marked = async {
                let mut conn = self.db.system().acquire().await?;
                delivery::mark_sent(&mut conn, id, self.clock.now()).await
            };
            match marked.await {
                Ok(()) => break,
                Err(error) => tracing::warn!(delivery = %id, %error, "a mail left, but that is not recorded yet"),
            }
            tokio::time::sleep(MARK_AGAIN).await;
        }
        self.unmarked.remove(id);
    }

    /// Ends a delivery that is not to go out.
    pub async fn cancel(&self, due: &Due, reason: &str) {
        self.measures.cancelled(due.channel);
        let done = async {
            let mut conn = self.db.system().acquire().await?;
            delivery::cancel(&mut conn, due.id, due.lease, reason, self.clock.now()).await
        };
        report(due, done.await);
    }

    /// Ends a delivery that can't go out.
    pub async fn fail(&self, due: &Due, reason: &str) {
        self.measures.failed(due.channel);
        let done = async {
            let mut conn = self.db.system().acquire().await?;
            delivery::fail(&mut conn, due.id, due.lease, reason, self.clock.now()).await
        };
        report(due, done.await);
    }

    /// Gives a delivery back whose words could not be had, or ends it when it was tried for long enough.
    pub async fn try_later(&self, due: &Due, reason: &str) {
        match backoff::after_failure(Failure::Temporary, due.attempts + 1, self.clock.now() - due.event_at) {
            Next::GiveUp => self.fail(due, reason).await,
            Next::Wait(delay) => self.release(due, self.random.jitter(delay), true, None, reason).await,
        }
    }

    /// Gives a delivery back, due again after `delay`. `counted`: the attempt was made and failed.
    pub async fn release(&self, due: &Due, delay: Duration, counted: bool, domain: Option<&str>, reason: &str) {
        let again = Again { due_at: self.clock.now() + delay, counted, domain, reason };
        let done = async {
            let mut conn = self.db.system().acquire().await?;
            delivery::release(&mut conn, due, &again).await
        };
        report(due, done.await);
    }

    /// Shows that a delivery left.
    pub fn left(&self, due: &Due) {
        self.measures.sent(due.channel, self.clock.now() - due.event_at);
    }

    /// How many deliveries are in each state, and since when the oldest one waits.
    pub async fn delivery_counters(&self) -> Result<(Vec<Count>, Option<OffsetDateTime>), Error> {
        let mut conn = self.db.system().acquire().await?;
        Ok((delivery::counts(&mut conn).await?, delivery::oldest_due(&mut conn, self.clock.now()).await?))
    }

    /// A page of deliveries that failed for good.
    pub async fn failed_deliveries(&self, after: Option<(OffsetDateTime, Uuid)>, limit: i64) -> Result<Vec<Failed>, Error> {
        let mut conn = self.db.system().acquire().await?;
        delivery::failed(&mut conn, after, limit).await
    }

    /// Makes a failed delivery due again. `NotFound` when none of that id failed.
    pub async fn retry_delivery(&self, id: DeliveryId) -> Result<(), Error> {
        let mut conn = self.db.system().acquire().await?;
        if !delivery::retry(&mut conn, id, self.clock.now()).await? {
            return Err(Error::NOT_FOUND);
        }
        self.wakes.deliveries();
        Ok(())
    }
}

/// A delivery whose end could not be recorded comes back when its lease ends.
fn report(due: &Due, result: Result<(), Error>) {
    if let Err(error) = result {
        tracing::warn!(delivery = %due.id, %error, "the state of a delivery could not be recorded");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::delivery::Channel;

    fn occurrence(actor: &str) -> Occurrence {
        Occurrence {
            event_id: Uuid::from_u128(1),
            portal: "demo".parse().unwrap(),
            producer: "tickets".into(),
            aggregate_kind: "ticket".into(),
            aggregate_id: Uuid::from_u128(2).to_string(),
            actor: actor.into(),
            at: OffsetDateTime::UNIX_EPOCH,
            traceparent: String::new(),
            wanted: Vec::new(),
        }
    }

    #[test]
    fn nobody_gets_news_of_their_own_deed_but_everybody_gets_their_receipt() {
        let to = |kind| Wanted { recipient: "alice".into(), is_person: true, kind, channel: Channel::Mail };
        assert!(!tells_another(&occurrence("alice"), &to(Kind::TicketUpdate)));
        assert!(tells_another(&occurrence("bob"), &to(Kind::TicketUpdate)));
        assert!(tells_another(&occurrence("alice"), &to(Kind::Receipt)));
        assert!(tells_another(&occurrence("alice"), &to(Kind::PasswordChanged)));
    }
}
