//! A replica of the producer: it writes, its relay publishes when it has the lease, and it tells consumers what they ask.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{join, join_all};
use portico_chassis::journal::admit::Verdict;
use portico_chassis::journal::{AggregateRef, Entry, NewEvent, RequestKey};
use portico_chassis::lease::{self, Belief};
use portico_chassis::relay::courier::{self, Courier, Step, Window};
use time::OffsetDateTime;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use crate::databases::POISON;
use crate::net::{Answer, Ask, Asker, Port, World};
use crate::{BROKER, JOURNAL};

/// How long the broker's client waits for an acknowledgement.
const ACKNOWLEDGED: Duration = Duration::from_secs(5);
/// How long a writer's request may take, and a consumer's question.
const REQUEST: Duration = Duration::from_secs(4);

/// Nobody answered, or refused.
pub struct Silence;

/// `chassis::lease::Lease` on the simulated database: what may be believed is decided by production's [`Belief`].
pub struct SimLease {
    port: Port,
    database: &'static str,
    belief: Cell<Belief>,
}

impl SimLease {
    pub fn new(port: Port, database: &'static str) -> Self {
        Self { port, database, belief: Cell::default() }
    }

    pub async fn hold(&self) -> Result<Option<i64>, Silence> {
        let asked = Instant::now().into_std();
        let answer = self.port.ask(self.database, Ask::Hold(self.port.name()), lease::PATIENCE).await;
        let Some(Answer::Term(term)) = answer else { return Err(Silence) };
        self.belief.set(Belief::answered(asked, term));
        Ok(term)
    }

    pub async fn keep(&self) -> Result<Option<i64>, Silence> {
        match self.belief.get().term(Instant::now().into_std()) {
            Some(term) => Ok(Some(term)),
            None => self.hold().await,
        }
    }
}

/// The software of a replica's host.
pub async fn host(world: Rc<World>, name: &'static str) -> turmoil::Result {
    let port = Port::open(world, name).await?;
    let listening = port.listen(|port: &Port, ask: Ask, asker: Asker| forward(port.clone(), ask, asker));
    let (listened, _) = join(listening, join(relay(port.clone()), write(port.clone()))).await;
    listened
}

/// A consumer's question goes to the database.
fn forward(port: Port, ask: Ask, asker: Asker) {
    tokio::task::spawn_local(async move {
        if let Some(answer) = port.ask(JOURNAL, ask, REQUEST).await {
            port.answer(asker, answer);
        }
    });
}

/// As `Relay::run`.
async fn relay(port: Port) {
    let (lease, mut courier) = (SimLease::new(port.clone(), JOURNAL), Courier::default());
    loop {
        let passed = match lease.keep().await.unwrap_or(None) {
            Some(term) => timeout(courier::PATIENCE, pass(&port, &mut courier, term)).await.unwrap_or_else(|_| {
                courier.lost();
                Err(Silence)
            }),
            None => Ok(false),
        };
        match passed {
            Ok(true) => continue,
            Ok(false) => {}
            Err(Silence) => sleep(courier::BACKOFF).await,
        }
        sleep(courier::TICK).await;
    }
}

/// As `Relay::pass`.
async fn pass(port: &Port, courier: &mut Courier, term: i64) -> Result<bool, Silence> {
    let Some(Answer::Progress { published, head }) = port.ask(JOURNAL, Ask::Progress, courier::PATIENCE).await else { return Err(Silence) };
    let from = match courier.step(published, head) {
        Step::Rest => return Ok(false),
        Step::Find => {
            let Some(Answer::Stream { existed }) = port.ask(BROKER, Ask::Find, ACKNOWLEDGED).await else { return Err(Silence) };
            let from = courier.found(existed, published);
            if from < published {
                mark(port, term, from).await?;
            }
            from
        }
        Step::Publish => published,
    };
    let Some(Answer::Rows(rows)) = port.ask(JOURNAL, Ask::Rows(from), courier::PATIENCE).await else { return Err(Silence) };
    let Some(mut window) = Window::of(rows.iter().map(|row| row.position)) else { return Ok(false) };
    for answer in join_all(rows.into_iter().map(|row| port.ask(BROKER, Ask::Publish(row), ACKNOWLEDGED))).await {
        let Some(Answer::Done) = answer else {
            courier.lost();
            return Err(Silence);
        };
        window.taken();
    }
    if let Some(last) = window.mark() {
        mark(port, term, last).await?;
    }
    Ok(true)
}

async fn mark(port: &Port, term: i64, position: i64) -> Result<(), Silence> {
    let ask = Ask::Mark { by: port.name(), term, position };
    port.ask(JOURNAL, ask, courier::PATIENCE).await.map(|_| ()).ok_or(Silence)
}

/// Writes for as long as the world wants it. A request that is not answered is sent again with the same id.
async fn write(port: Port) {
    let mut versions: BTreeMap<Uuid, i64> = BTreeMap::new();
    loop {
        sleep(Duration::from_millis(100 + port.world().below(900))).await;
        if !port.world().writing.get() {
            continue;
        }
        let entry = entry(port.world(), &versions);
        let verdict = loop {
            match port.ask(JOURNAL, Ask::Append(entry.clone()), REQUEST).await {
                Some(Answer::Verdict(verdict)) => break verdict,
                _ => sleep(Duration::from_millis(300)).await,
            }
        };
        if matches!(verdict, Verdict::Admitted { .. } | Verdict::Replayed(_)) {
            port.note("acknowledged", entry.finish.events.len() as i64, i64::from(matches!(verdict, Verdict::Replayed(_))));
            port.world().acknowledged.borrow_mut().extend(entry.finish.events.iter().map(|event| event.id));
        }
        // What it knows is old after a conflict, and when the other replica writes to the same aggregate.
        if let Some(Answer::Versions(present)) = port.ask(JOURNAL, Ask::Versions, REQUEST).await {
            versions = present;
        }
    }
}

fn entry(world: &World, versions: &BTreeMap<Uuid, i64>) -> Entry<()> {
    let aggregate = AggregateRef { kind: "ticket", id: Uuid::from_u128(0xa000 + u128::from(world.below(5))) };
    let expected = versions.get(&aggregate.id).copied().unwrap_or(0);
    let poisonous = world.poison.get() && world.chance(0.2);
    if poisonous {
        world.poison.set(false);
    }
    let event = |_| NewEvent { id: Uuid::from_u128(u128::from(world.number())), aggregate, body: Default::default() };
    Entry::new("demo".parse().unwrap(), if poisonous { POISON } else { "system" }, OffsetDateTime::UNIX_EPOCH)
        .expect(aggregate.kind, aggregate.id, expected)
        .events((0..1 + world.below(3)).map(event))
        .request(Some(RequestKey::internal("Write", world.number().to_string())))
}
