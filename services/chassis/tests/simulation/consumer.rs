//! A replica of a consumer: its inbox applies the producer's events when it has the lease. The order of things is that of `inbox/run.rs`, every
//! decision is production's.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join;
use portico_chassis::inbox::order::Order;
use portico_chassis::inbox::pace::{HOLE_PATIENCE, PATIENCE, Pace, REST, RUN};
use portico_chassis::inbox::suspect::{Blame, Suspects};
use portico_proto::events::v1::{Envelope, GetHeadRequest};
use tokio::time::{Instant, sleep};

use crate::net::{Answer, Ask, Asker, Defect, Port, World};
use crate::producer::{Silence, SimLease};
use crate::{BROKER, PRODUCERS};

/// How long a producer may take to answer.
const QUESTION: Duration = Duration::from_secs(5);

/// A consuming service's names: the durable at the broker, and its database.
#[derive(Clone, Copy)]
pub struct Service {
    pub name: &'static str,
    pub database: &'static str,
}

/// Why a term of work ended.
enum End {
    Superseded,
    StandsStill,
    Diverged,
    TooOld,
    Failed,
}

impl From<Silence> for End {
    fn from(_: Silence) -> Self {
        Self::Failed
    }
}

/// The software of a replica's host.
pub async fn host(world: Rc<World>, name: &'static str, service: Service) -> turmoil::Result {
    let port = Port::open(world, name).await?;
    let listening = port.listen(|_: &Port, _: Ask, _: Asker| {});
    let lease = SimLease::new(port.clone(), service.database);
    let inbox = Inbox { port: port.clone(), service, lease, suspects: RefCell::default(), turn: Cell::new(0) };
    join(listening, inbox.run()).await.0
}

struct Inbox {
    port: Port,
    service: Service,
    lease: SimLease,
    suspects: RefCell<Suspects>,
    /// Which producer is asked next.
    turn: Cell<usize>,
}

impl Inbox {
    async fn run(&self) {
        loop {
            let end = match self.lease.hold().await {
                Ok(Some(_)) => self.work().await.err().unwrap_or(End::Failed),
                Ok(None) => End::Superseded,
                Err(Silence) => End::Failed,
            };
            match end {
                End::Superseded | End::StandsStill | End::Failed => {}
                // Neither may happen here: the producer's database is never restored and its journal never cut.
                End::Diverged | End::TooOld => {
                    self.port.world().wrong.borrow_mut().push(format!("{} takes the journal for another one", self.port.name()));
                    self.port.tell(self.service.database, Ask::Stop);
                }
            }
            sleep(REST).await;
        }
    }

    /// Works while the lease is held.
    async fn work(&self) -> Result<(), End> {
        let answer = self.port.ask(self.service.database, Ask::Cursor, PATIENCE).await;
        let Some(Answer::Cursor { cursor, stopped }) = answer else { return Err(End::Failed) };
        if stopped {
            return Err(End::StandsStill);
        }
        self.port.forget_events();
        let (mut order, mut pace) = (Order::after(cursor), Pace::default());
        loop {
            self.drain(&mut order).await?;
            if pace.is_due(Instant::now()) || order.met_another_epoch() {
                self.heal(&mut order).await?;
                pace.asked(Instant::now());
            }
            pace.looked(order.has_hole(), Instant::now());
            self.keep_lease().await?;
            self.port.tell(BROKER, Ask::Subscribe(self.service.name));
            let before = order.duplicates;
            self.port.events(HOLE_PATIENCE).await.into_iter().for_each(|event| order.offer(event));
            if order.duplicates > before {
                self.port.note("dropped doubles", (order.duplicates - before) as i64, 0);
            }
        }
    }

    async fn heal(&self, order: &mut Order) -> Result<(), End> {
        if self.port.world().defect == Some(Defect::NoHealing) {
            return Ok(());
        }
        let asked = GetHeadRequest { position: order.cursor().position, event_id: order.cursor().event_id.clone() };
        let Some(Answer::Head(head)) = self.ask_producer(Ask::Head(asked)).await else { return Ok(()) };
        order.cursor().behind(&head).map_err(|_| End::Diverged)?;
        while order.cursor().position < head.position {
            let before = order.cursor().position;
            let Some(Answer::Rows(page)) = self.ask_producer(Ask::Pull(before)).await else { return Ok(()) };
            if order.cursor().is_too_old_for(&page) {
                return Err(End::TooOld);
            }
            self.port.note("fetched", before, page.len() as i64);
            order.fill(page);
            self.drain(order).await?;
            if order.cursor().position == before {
                break;
            }
        }
        Ok(())
    }

    /// The replicas of the producer take turns.
    async fn ask_producer(&self, ask: Ask) -> Option<Answer> {
        let turn = self.turn.replace(self.turn.get() + 1);
        self.port.ask(PRODUCERS[turn % PRODUCERS.len()], ask, QUESTION).await
    }

    async fn keep_lease(&self) -> Result<(), End> {
        self.lease.keep().await?.map(|_| ()).ok_or(End::Superseded)
    }

    async fn drain(&self, order: &mut Order) -> Result<(), End> {
        loop {
            let limit = self.suspects.borrow().limit(RUN);
            let run = order.run(limit).map_err(|_| End::Diverged)?;
            let (Some(first), Some(last)) = (run.first(), run.last()) else { return Ok(()) };
            self.keep_lease().await?;
            let ask = Ask::Apply { cursor: order.cursor().clone(), run: run.clone() };
            let is_transient = match self.port.ask(self.service.database, ask, PATIENCE).await {
                Some(Answer::Done) => {
                    order.advance(last);
                    self.suspects.borrow_mut().passed(last.position);
                    continue;
                }
                Some(Answer::Superseded) => return Err(End::Superseded),
                Some(Answer::Poisoned) => false,
                _ => true,
            };
            let now = Instant::now().into_std();
            let blame = self.suspects.borrow_mut().blame(first.position, last.position, is_transient, now);
            match blame {
                Blame::Nobody | Blame::NotYet => return Err(End::Failed),
                Blame::OneOfThem => continue,
                Blame::TheEvent => self.park(order, first).await?,
            }
        }
    }

    async fn park(&self, order: &mut Order, event: &Envelope) -> Result<(), End> {
        let ask = Ask::Park { cursor: order.cursor().clone(), event: event.clone() };
        match self.port.ask(self.service.database, ask, PATIENCE).await {
            Some(Answer::Done) => {
                order.advance(event);
                self.suspects.borrow_mut().passed(event.position);
                Ok(())
            }
            Some(Answer::Superseded) => Err(End::Superseded),
            _ => Err(End::Failed),
        }
    }
}
