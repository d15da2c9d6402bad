//! How hosts talk: datagrams that get lost, late and out of order. A datagram is the number of a message that lies in the world's post office, so
//! that nothing need be encoded.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use portico_chassis::inbox::order::Cursor;
use portico_chassis::journal::Entry;
use portico_chassis::journal::admit::Verdict;
use portico_proto::events::v1::{Envelope, GetHeadRequest, GetHeadResponse};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use tokio::sync::{Notify, oneshot};
use turmoil::net::UdpSocket;
use uuid::Uuid;

const PORT: u16 = 7000;

/// What one host asks another. Each statement or transaction of a database is one question: it takes effect at once and as a whole.
#[derive(Clone)]
pub enum Ask {
    Hold(&'static str),
    Append(Entry<()>),
    Versions,
    Progress,
    Rows(i64),
    Mark { by: &'static str, term: i64, position: i64 },
    Head(GetHeadRequest),
    Pull(i64),
    Find,
    Publish(Envelope),
    Subscribe(&'static str),
    Cursor,
    Apply { cursor: Cursor, run: Vec<Envelope> },
    Park { cursor: Cursor, event: Envelope },
    Stop,
}

/// What it hears, if it hears anything.
#[derive(Clone)]
pub enum Answer {
    Done,
    Term(Option<i64>),
    Verdict(Verdict),
    Versions(BTreeMap<Uuid, i64>),
    Progress { published: i64, head: i64 },
    Rows(Vec<Envelope>),
    Head(GetHeadResponse),
    Stream { existed: bool },
    Refused,
    Cursor { cursor: Cursor, stopped: bool },
    Superseded,
    Poisoned,
}

enum Message {
    Ask(u64, Ask),
    Answer(u64, Answer),
    Event(Envelope),
}

/// What happened, for the checks and for who reads the story of a seed: when (ms), who, what, and two numbers.
pub type Line = (u64, &'static str, &'static str, i64, i64);

/// What is nobody's own.
pub struct World {
    pub random: RefCell<ChaCha8Rng>,
    messages: RefCell<BTreeMap<u64, Message>>,
    numbers: Cell<u64>,
    /// The part of all datagrams that get lost.
    pub loss: Cell<f64>,
    /// Whether the replicas of the producer go on writing.
    pub writing: Cell<bool>,
    /// Whether somebody should still write what no consumer can apply.
    pub poison: Cell<bool>,
    /// The events whose commit was acknowledged to a writer.
    pub acknowledged: RefCell<Vec<Uuid>>,
    pub story: RefCell<Vec<Line>>,
    /// What was wrong already while it went on.
    pub wrong: RefCell<Vec<String>>,
    /// The defect that a test of the simulation builds in.
    pub defect: Option<Defect>,
}

/// Something that production does right and that must be noticed when it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// Consumers believe the broker: the producer is never asked.
    NoHealing,
    /// The consumer's cursor is not compared before a run is applied.
    NoFence,
}

impl World {
    pub fn new(random: ChaCha8Rng, loss: f64, defect: Option<Defect>) -> Self {
        Self {
            random: RefCell::new(random),
            messages: RefCell::default(),
            numbers: Cell::new(0),
            loss: Cell::new(loss),
            writing: Cell::new(true),
            poison: Cell::new(false),
            acknowledged: RefCell::default(),
            story: RefCell::default(),
            wrong: RefCell::default(),
            defect,
        }
    }

    /// A number that nobody had before, in this life or another.
    pub fn number(&self) -> u64 {
        self.numbers.set(self.numbers.get() + 1);
        self.numbers.get()
    }

    pub fn chance(&self, probability: f64) -> bool {
        self.random.borrow_mut().random_bool(probability)
    }

    pub fn below(&self, bound: u64) -> u64 {
        self.random.borrow_mut().random_range(0..bound)
    }

    pub fn note(&self, who: &'static str, what: &'static str, one: i64, two: i64) {
        let at = now().as_millis() as u64;
        self.story.borrow_mut().push((at, who, what, one, two));
    }
}

/// The time of the simulation: the databases' clock.
pub fn now() -> Duration {
    turmoil::sim_elapsed().unwrap_or_default()
}

/// To whom an answer goes.
#[derive(Clone, Copy)]
pub struct Asker {
    call: u64,
    pub address: SocketAddr,
}

/// A host's connection to the others. Cheap to clone.
#[derive(Clone)]
pub struct Port(Rc<Inner>);

struct Inner {
    world: Rc<World>,
    name: &'static str,
    socket: UdpSocket,
    calls: RefCell<BTreeMap<u64, oneshot::Sender<Answer>>>,
    events: RefCell<VecDeque<Envelope>>,
    arrived: Notify,
}

impl Port {
    pub async fn open(world: Rc<World>, name: &'static str) -> std::io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, PORT)).await?;
        let (calls, events, arrived) = (RefCell::default(), RefCell::default(), Notify::new());
        Ok(Self(Rc::new(Inner { world, name, socket, calls, events, arrived })))
    }

    pub fn world(&self) -> &World {
        &self.0.world
    }

    pub fn name(&self) -> &'static str {
        self.0.name
    }

    pub fn note(&self, what: &'static str, one: i64, two: i64) {
        self.0.world.note(self.0.name, what, one, two);
    }

    fn send(&self, to: SocketAddr, message: Message) {
        let world = &self.0.world;
        let loss = world.loss.get();
        if loss > 0.0 && world.chance(loss) {
            return;
        }
        let number = world.number();
        world.messages.borrow_mut().insert(number, message);
        self.0.socket.try_send_to(&number.to_le_bytes(), to).unwrap();
    }

    fn address(host: &str) -> SocketAddr {
        SocketAddr::new(turmoil::lookup(host), PORT)
    }

    /// Asks and waits for the answer; `None` when none came in time, whether the question took effect or not.
    pub async fn ask(&self, host: &str, ask: Ask, patience: Duration) -> Option<Answer> {
        let call = self.0.world.number();
        let (answer, answered) = oneshot::channel();
        self.0.calls.borrow_mut().insert(call, answer);
        self.send(Self::address(host), Message::Ask(call, ask));
        let answered = tokio::time::timeout(patience, answered).await;
        self.0.calls.borrow_mut().remove(&call);
        answered.ok()?.ok()
    }

    /// Says something that is not answered.
    pub fn tell(&self, host: &str, ask: Ask) {
        self.send(Self::address(host), Message::Ask(0, ask));
    }

    pub fn answer(&self, asker: Asker, answer: Answer) {
        self.send(asker.address, Message::Answer(asker.call, answer));
    }

    pub fn deliver(&self, to: SocketAddr, event: Envelope) {
        self.send(to, Message::Event(event));
    }

    /// Events that came from the broker, at most after `patience`.
    pub async fn events(&self, patience: Duration) -> VecDeque<Envelope> {
        if self.0.events.borrow().is_empty() {
            // Whether it was woken or not, it looks.
            let _ = tokio::time::timeout(patience, self.0.arrived.notified()).await;
        }
        self.forget_events()
    }

    /// Takes what lies there: a new subscription begins without.
    pub fn forget_events(&self) -> VecDeque<Envelope> {
        std::mem::take(&mut *self.0.events.borrow_mut())
    }

    /// Takes everything in, for as long as the host lives.
    pub async fn listen(&self, mut serve: impl FnMut(&Self, Ask, Asker)) -> turmoil::Result {
        let mut bytes = [0; 8];
        loop {
            let (_, address) = self.0.socket.recv_from(&mut bytes).await?;
            let message = self.0.world.messages.borrow_mut().remove(&u64::from_le_bytes(bytes));
            match message {
                Some(Message::Ask(call, ask)) => serve(self, ask, Asker { call, address }),
                Some(Message::Answer(call, answer)) => {
                    let waiting = self.0.calls.borrow_mut().remove(&call);
                    if let Some(waiting) = waiting {
                        // Who gave up does not hear it.
                        let _ = waiting.send(answer);
                    }
                }
                Some(Message::Event(event)) => {
                    self.0.events.borrow_mut().push_back(event);
                    self.0.arrived.notify_one();
                }
                None => {}
            }
        }
    }
}
