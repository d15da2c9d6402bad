//! Who listens, and what they would have missed: bounded in everything, so that a slow client costs nothing.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use chassis::auth::Person;
use chassis::error::Error;
use chassis::inbox::{self, Tail};
use chassis::peers::Peers;
use chassis::run::Boot;
use portico_proto::events::v1::Envelope;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::note::{Message, Note};

/// Notes that wait for one client; one that falls further behind is cut, reconnects and catches up.
const MAILBOX: usize = 64;
/// Notes that are kept for clients that reconnect: at 50 events a second the last minute and a half.
const KEPT: usize = 4096;
/// Streams of one person: that many windows are enough.
const STREAMS_A_PERSON: usize = 16;
/// The producers, in the order in which their positions stand in an id.
const PRODUCERS: [&str; 2] = ["tickets", "notifier"];

/// How far the journals were heard: what `Last-Event-ID` says. The same on every replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Heard([i64; PRODUCERS.len()]);

impl std::fmt::Display for Heard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.0[0], self.0[1])
    }
}

impl Heard {
    /// An id that no journal can have reached.
    pub const NEVER: Self = Self([-1; PRODUCERS.len()]);

    /// Reads an id; `None` for anything that is none of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let (tickets, notifier) = text.split_once('-')?;
        Some(Self([tickets.parse().ok()?, notifier.parse().ok()?]))
    }
}

/// What a stream sends, with its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// For `Last-Event-ID`.
    pub id: Heard,
    /// What is said.
    pub message: Message,
}

/// A listener's end: dropping it ends the listening.
pub struct Listener {
    hub: Hub,
    number: u64,
    /// What was missed since `Last-Event-ID`, then what happens. Ends when the client was cut.
    pub deliveries: mpsc::Receiver<Delivery>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.hub.lock().listeners.remove(&self.number);
    }
}

struct Ear {
    person: Person,
    deliveries: mpsc::Sender<Delivery>,
}

#[derive(Default)]
struct Inner {
    listeners: HashMap<u64, Ear>,
    next: u64,
    /// The producer's index, its position, the id after it and the note.
    kept: VecDeque<(usize, i64, Heard, Note)>,
    heard: Heard,
    /// Positions from which on everything is kept; `None` while a producer has not been heard since the last gap.
    since: [Option<i64>; PRODUCERS.len()],
}

/// The hub. Cheap to clone.
#[derive(Clone)]
pub struct Hub {
    inner: Arc<Mutex<Inner>>,
    most: usize,
    stopping: CancellationToken,
}

impl Hub {
    /// A hub for at most `most` streams, whose streams end with `stopping`.
    pub fn new(most: usize, stopping: CancellationToken) -> Self {
        Self { inner: Arc::default(), most, stopping }
    }

    /// Follows the journals of tickets and notifier until the process stops serving.
    ///
    /// # Errors
    /// When a peer has no address.
    pub fn follow<C>(&self, boot: &Boot<C>, peers: &Peers, nats: &async_nats::Client) -> anyhow::Result<()> {
        for (index, producer) in PRODUCERS.into_iter().enumerate() {
            inbox::follow(boot, peers, nats.clone(), producer, Arc::new(Source { hub: self.clone(), index }))?;
        }
        Ok(())
    }

    /// Ends with the streams at a shutdown.
    pub fn stopping(&self) -> CancellationToken {
        self.stopping.clone()
    }

    /// Begins to listen. `last` is the id that the client saw last: what it missed comes first, or a resync when that is no longer known.
    ///
    /// # Errors
    /// 503 when all streams are taken, 429 when this person has too many.
    pub fn listen(&self, person: Person, last: Option<Heard>) -> Result<Listener, Error> {
        let mut inner = self.lock();
        if inner.listeners.len() >= self.most {
            return Err(Error::Overloaded { retry_after: std::time::Duration::from_secs(5) });
        }
        if inner.listeners.values().filter(|ear| ear.person.id == person.id).count() >= STREAMS_A_PERSON {
            return Err(Error::RateLimited { code: "rate_limited".into(), retry_after: std::time::Duration::from_secs(10) });
        }
        let (sender, deliveries) = mpsc::channel(MAILBOX);
        for delivery in inner.missed(&person, last) {
            // The first ones fit: there are at most as many as the mailbox holds.
            let _ = sender.try_send(delivery);
        }
        inner.next += 1;
        let number = inner.next;
        inner.listeners.insert(number, Ear { person, deliveries: sender });
        Ok(Listener { hub: self.clone(), number, deliveries })
    }

    /// How many listen.
    pub fn listeners(&self) -> usize {
        self.lock().listeners.len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, index: usize, event: Option<&Envelope>) {
        let mut inner = self.lock();
        match event {
            Some(event) => inner.take(index, event),
            None => inner.gap(index),
        }
    }
}

impl Inner {
    fn take(&mut self, index: usize, event: &Envelope) {
        self.heard.0[index] = event.position;
        self.since[index].get_or_insert(event.position - 1);
        let Some(note) = Note::of(event) else { return };
        let id = self.heard;
        // An ear whose mailbox is full, or that is gone, is cut.
        self.listeners.retain(|_, ear| match note.for_person(&ear.person) {
            Some(message) => ear.deliveries.try_send(Delivery { id, message }).is_ok(),
            None => true,
        });
        self.kept.push_back((index, event.position, id, note));
        if self.kept.len() > KEPT
            && let Some((index, position, _, _)) = self.kept.pop_front()
        {
            self.since[index] = Some(position);
        }
    }

    fn gap(&mut self, index: usize) {
        self.kept.clear();
        // What the other producer kept is gone too, so its record begins where it was heard last.
        for (at, since) in self.since.iter_mut().enumerate() {
            *since = if at == index { None } else { since.map(|_| self.heard.0[at]) };
        }
        let delivery = Delivery { id: self.heard, message: Message::resync() };
        self.listeners.retain(|_, ear| ear.deliveries.try_send(delivery.clone()).is_ok());
    }

    /// What a client that saw `last` has missed.
    fn missed(&self, person: &Person, last: Option<Heard>) -> Vec<Delivery> {
        let Some(last) = last else { return Vec::new() };
        let resync = vec![Delivery { id: self.heard, message: Message::resync() }];
        let known = (0..PRODUCERS.len()).all(|at| {
            // Nothing heard yet: only a client that saw nothing has missed nothing.
            self.since[at].map_or(last.0[at] == 0 && self.heard.0[at] == 0, |since| (since..=self.heard.0[at]).contains(&last.0[at]))
        });
        if !known {
            return resync;
        }
        let missed: Vec<Delivery> = self
            .kept
            .iter()
            .filter(|(index, position, _, _)| *position > last.0[*index])
            .filter_map(|(_, _, id, note)| note.for_person(person).map(|message| Delivery { id: *id, message }))
            .take(MAILBOX + 1)
            .collect();
        if missed.len() > MAILBOX { resync } else { missed }
    }
}

/// One producer's way into the hub.
struct Source {
    hub: Hub,
    index: usize,
}

impl Tail for Source {
    fn hear(&self, event: Option<&Envelope>) {
        self.hub.hear(self.index, event);
    }
}

#[cfg(test)]
mod tests {
    use super::super::note::tests::{person, ticket_event};
    use super::*;
    use chassis::auth::{Role, Visibility};

    fn hub() -> Hub {
        Hub::new(100, CancellationToken::new())
    }

    fn alice() -> Person {
        person(1, Role::Customer, None, Visibility::Own)
    }

    fn drain(listener: &mut Listener) -> Vec<(String, &'static str)> {
        std::iter::from_fn(|| listener.deliveries.try_recv().ok())
            .map(|delivery| (delivery.id.to_string(), delivery.message.event))
            .collect()
    }

    #[test]
    fn a_client_that_reconnects_gets_what_it_missed_and_nothing_twice() {
        let hub = hub();
        hub.hear(0, Some(&ticket_event(7, true)));
        hub.hear(0, Some(&ticket_event(8, false)));
        hub.hear(0, Some(&ticket_event(9, true)));
        let mut after_seven = hub.listen(alice(), Heard::parse("7-0")).unwrap();
        // The notifier has not been heard, and the client never saw anything of it.
        assert_eq!(drain(&mut after_seven), [("9-0".to_owned(), "ticket")]);
        let mut after_nine = hub.listen(alice(), Heard::parse("9-0")).unwrap();
        assert_eq!(drain(&mut after_nine), []);
    }

    #[test]
    fn a_client_from_before_our_memory_or_from_the_future_is_told_to_read_again() {
        let hub = hub();
        hub.hear(0, Some(&ticket_event(7, true)));
        for id in ["5-0", "8-0", "7-3"] {
            let mut listener = hub.listen(alice(), Heard::parse(id)).unwrap();
            assert_eq!(drain(&mut listener), [("7-0".to_owned(), "resync")], "{id}");
        }
    }

    #[test]
    fn after_a_gap_everybody_reads_again() {
        let hub = hub();
        let mut listener = hub.listen(alice(), None).unwrap();
        hub.hear(0, Some(&ticket_event(7, true)));
        hub.hear(0, None);
        assert_eq!(drain(&mut listener), [("7-0".to_owned(), "ticket"), ("7-0".to_owned(), "resync")]);
        let mut late = hub.listen(alice(), Heard::parse("7-0")).unwrap();
        assert_eq!(drain(&mut late), [("7-0".to_owned(), "resync")]);
    }

    #[test]
    fn a_slow_client_is_cut_and_others_go_on() {
        let hub = hub();
        let slow = hub.listen(alice(), None).unwrap();
        let mut fast = hub.listen(alice(), None).unwrap();
        for position in 1..=i64::try_from(MAILBOX).unwrap() + 1 {
            hub.hear(0, Some(&ticket_event(position, true)));
            assert_eq!(drain(&mut fast).len(), 1);
        }
        assert_eq!(hub.listeners(), 1);
        drop(slow);
        drop(fast);
        assert_eq!(hub.listeners(), 0);
    }

    #[test]
    fn the_number_of_streams_is_bounded_in_all_and_a_person() {
        let hub = Hub::new(STREAMS_A_PERSON + 1, CancellationToken::new());
        let held: Vec<_> = (0..STREAMS_A_PERSON).map(|_| hub.listen(alice(), None).unwrap()).collect();
        assert_eq!(hub.listen(alice(), None).err().map(|error| error.http_status()), Some(429));
        let other = hub.listen(person(2, Role::Agent, None, Visibility::Own), None).unwrap();
        assert_eq!(hub.listen(person(3, Role::Agent, None, Visibility::Own), None).err().map(|error| error.http_status()), Some(503));
        drop((held, other));
    }

    #[test]
    fn only_our_own_ids_are_understood() {
        assert_eq!(Heard::parse("12-7").map(|id| id.to_string()).as_deref(), Some("12-7"));
        for bad in ["", "12", "a-b", "1-2-3"] {
            assert_eq!(Heard::parse(bad), None);
        }
    }
}
