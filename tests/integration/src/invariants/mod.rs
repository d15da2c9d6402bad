//! The invariants, as programs over a history, the API and the mailbox. Databases are looked into for I03, I04, I11 and I17 alone,
//! the broker for I17.

mod baseline;
mod files;
mod journals;
mod kept;
mod notices;
mod reads;
mod repeats;
mod resent;
mod talk;
mod timers;
mod tokens;

pub use files::{GRACE, objects, objects_without_row};
pub use journals::is_at_parity;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use time::OffsetDateTime;

use crate::client::Client;
use crate::history::{Counts, History, Operation};
use crate::load::{Camp, Crowd};
use crate::stack::World;
use crate::wait;

/// Consumers are at parity and work is at rest within this time after the last fault.
pub const PARITY: Duration = Duration::from_secs(60);
/// What the load's end and the checks themselves cause settles within this time, however long after the last fault they come.
const SETTLED: Duration = Duration::from_secs(15);
/// So many tickets are looked at side by side.
const AT_ONCE: usize = 8;

/// What a fault may leave behind by design. Which mails may come again is in the history ([`crate::history::Cut`]).
#[derive(Debug, Clone, Default)]
pub struct Tolerance {
    /// What was acknowledged from the first to before the second moment of the history may be lost: a database lost its newest commits.
    pub lost: Option<(u64, u64)>,
    /// Names of caught mails whose sender was not told that they were taken: each may come once more.
    pub unacknowledged: BTreeSet<String>,
    /// Part of the addresses whose mail server refuses them for good.
    pub unwanted: Option<&'static str>,
}

impl Tolerance {
    /// Whether what this operation did may be lost.
    fn may_be_lost(&self, operation: &Operation) -> bool {
        self.lost.is_some_and(|(from, to)| operation.begun < to && operation.ended.is_none_or(|ended| ended >= from))
    }
}

/// Everything that the checks look at.
pub(crate) struct Scene<'s> {
    world: &'s World,
    crowd: Crowd,
    history: History,
    tolerance: Tolerance,
    lost_numbers: BTreeSet<(String, String)>,
}

impl Scene<'_> {
    fn camps(&self) -> impl Iterator<Item = &Camp> {
        self.crowd.camps.iter()
    }

    fn camp(&self, slug: &str) -> &Camp {
        self.camps().find(|camp| camp.slug == slug).expect("a portal of the load")
    }

    /// The acknowledged tickets that must be there.
    fn tickets(&self) -> Vec<Ticket<'_>> {
        let kept = self.history.acknowledged("ticket").filter(|ticket| !self.tolerance.may_be_lost(ticket));
        let tickets = kept.map(|operation| self.ticket(operation, operation.answer()["number"].as_str().unwrap_or_default().to_owned()));
        tickets.filter(|ticket| !self.is_ambiguous(&ticket.camp.slug, &ticket.number)).collect()
    }

    /// Whether a number may have been given to a ticket that was lost: it may be given again, and then says nothing.
    fn is_ambiguous(&self, portal: &str, number: &str) -> bool {
        self.lost_numbers.contains(&(portal.to_owned(), number.to_owned()))
    }

    /// Whether an operation may have been lost, or is about what may have been.
    fn is_excused(&self, operation: &Operation) -> bool {
        let number = operation.asked["number"].as_str().unwrap_or_default();
        self.tolerance.may_be_lost(operation) || self.is_ambiguous(&operation.portal, number)
    }

    fn ticket<'t>(&'t self, operation: &'t Operation, number: String) -> Ticket<'t> {
        let camp = self.camp(&operation.portal);
        let customer = operation.asked["customer"].as_u64().and_then(|index| usize::try_from(index).ok()).expect("a customer");
        Ticket { operation, camp, customer, number }
    }

    /// The operations of one kind on a ticket.
    fn about<'o>(&'o self, op: &'o str, ticket: &'o Ticket<'_>) -> impl Iterator<Item = &'o Operation> {
        self.history.of_op(op).filter(move |one| one.portal == ticket.camp.slug && one.asked["number"] == ticket.number.as_str())
    }

    /// Who did it, with a session of now; none for somebody who is not of the load's own people.
    fn client(&self, operation: &Operation) -> Option<&Client> {
        let camp = self.camps().find(|camp| camp.slug == operation.portal)?;
        let name = operation.client.rsplit('/').next()?;
        match name.strip_prefix("customer") {
            Some(index) => camp.customers.get(index.parse::<usize>().ok()?),
            None => (name == "agent").then_some(&camp.agent),
        }
    }

    /// The acknowledged answers that must be there, by portal and number.
    fn replies(&self) -> BTreeMap<(&str, &str), &Operation> {
        let kept = self.history.acknowledged("reply").filter(|reply| !self.is_excused(reply));
        kept.map(|reply| ((reply.portal.as_str(), reply.asked["number"].as_str().unwrap_or_default()), reply)).collect()
    }
}

/// One acknowledged ticket.
struct Ticket<'t> {
    operation: &'t Operation,
    camp: &'t Camp,
    customer: usize,
    number: String,
}

impl Ticket<'_> {
    fn who(&self) -> &Client {
        &self.camp.customers[self.customer]
    }
}

/// Checks all of them; how the operations of the load ended.
pub async fn check(world: &World, crowd: &Crowd, tolerance: Tolerance) -> Counts {
    let healed = crowd.recorder.history();
    wait::within(left(&healed), "every service is ready again (I17)", async || world.all_ready().await.then_some(())).await;
    journals::consumers_reach_parity(world, left(&healed)).await;
    crowd.try_old_tokens().await;
    let crowd = crowd.signed_in_again().await;
    let history = crowd.recorder.history();
    let lost = history.acknowledged("ticket").filter(|ticket| tolerance.may_be_lost(ticket));
    let number = |ticket: &Operation| ticket.answer()["number"].as_str().unwrap_or_default().to_owned();
    let lost_numbers = lost.map(|ticket| (ticket.portal.clone(), number(ticket))).collect();
    let scene = Scene { world, crowd, history, tolerance, lost_numbers };
    assert!(scene.history.acknowledged("ticket").next().is_some(), "the load did something");
    what_was_said(&scene);
    repeats::answer_the_same_bytes(&scene).await;
    talk::talk_is_there_once(&scene).await;
    talk::search_finds_what_is_listed(&scene).await;
    let timelines = timers::timelines(&scene).await;
    timers::each_took_effect_once_and_in_time(&scene, &timelines);
    timers::one_wins_and_the_order_shows(&timelines);
    kept::tickets_are_there_once(&scene, &timelines).await;
    notices::bells_and_mails_are_right(&scene, &timelines).await;
    journals::versions_are_gapless(world).await;
    files::clean_files_have_their_content(&scene).await;
    journals::work_comes_to_rest(&scene, left(&scene.history)).await;
    resent::only_what_was_cut_comes_again(&scene);
    baseline::nothing_was_started_again(&scene);
    scene.history.counts()
}

/// What needs the history alone.
fn what_was_said(scene: &Scene<'_>) {
    reads::nobody_heard_what_is_not_theirs(scene);
    reads::versions_only_grow(scene);
    reads::writes_are_read_at_once(scene);
    tokens::dead_after_their_session(&scene.history);
    kept::nothing_was_refused(scene);
    kept::numbers_are_unique(scene);
    baseline::errors_are_as_before(&scene.history);
}

/// How long what must be well a minute after the last fault may still take.
fn left(history: &History) -> Duration {
    let left = history.healed_at() + PARITY - OffsetDateTime::now_utc();
    Duration::try_from(left).unwrap_or_default().max(SETTLED)
}

pub(crate) async fn all_items(client: &Client, path: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = client.get(&format!("{path}limit=100{cursor}")).await.expect(200);
        items.extend(page["items"].as_array().expect("a list").iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return items,
        }
    }
}

/// A connection with the role that sees all portals.
async fn database(world: &World, service: &str) -> PgConnection {
    let mut connection = PgConnection::connect(&world.dsn(service)).await.expect("the database answers");
    let role = format!("SET ROLE {service}_system");
    sqlx::query(AssertSqlSafe(role)).execute(&mut connection).await.expect("the role that sees all portals");
    connection
}
