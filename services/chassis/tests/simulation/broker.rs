//! A courier that forgets: it delivers most events, some twice, some late, some never, and may lose all that it has.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use portico_proto::events::v1::Envelope;

use crate::net::{Answer, Ask, Asker, Port, World, now};

/// How long a subscriber is believed to listen after it said so.
const LISTENS: Duration = Duration::from_secs(1);

/// What is on its disk.
pub struct Broker {
    /// The stream, if there is one.
    stream: Option<Vec<Envelope>>,
    durables: BTreeMap<&'static str, Durable>,
    /// The part of all deliveries that it forgets.
    pub forgets: f64,
}

#[derive(Default)]
struct Durable {
    /// How many events of the stream were delivered.
    delivered: usize,
    subscriber: Option<(SocketAddr, Duration)>,
}

impl Broker {
    /// A new disk.
    pub fn new(forgets: f64) -> Self {
        Self { stream: None, durables: BTreeMap::new(), forgets }
    }

    /// Everything is gone, also what was delivered to whom.
    pub fn wipe(&mut self) {
        self.stream = None;
        self.durables.clear();
    }

    /// An older copy of the disk: the last events are gone.
    pub fn restore(&mut self, kept: usize) {
        if let Some(stream) = &mut self.stream {
            stream.truncate(kept);
            let length = stream.len();
            self.durables.values_mut().for_each(|durable| durable.delivered = durable.delivered.min(length));
        }
    }

    fn serve(&mut self, port: &Port, ask: Ask, asker: Asker) {
        match ask {
            Ask::Find => {
                let existed = self.stream.is_some();
                self.stream.get_or_insert_default();
                port.note("stream", i64::from(existed), 0);
                port.answer(asker, Answer::Stream { existed });
            }
            Ask::Publish(event) => {
                let answer = if self.take(event) { Answer::Done } else { Answer::Refused };
                port.answer(asker, answer);
            }
            Ask::Subscribe(durable) => {
                self.durables.entry(durable).or_default().subscriber = Some((asker.address, now() + LISTENS));
            }
            _ => {}
        }
        self.deliver(port);
    }

    /// False without a stream. An event that is there already is acknowledged and not stored again.
    fn take(&mut self, event: Envelope) -> bool {
        let Some(stream) = &mut self.stream else { return false };
        if stream.iter().all(|stored| stored.position != event.position) {
            stream.push(event);
        }
        true
    }

    fn deliver(&mut self, port: &Port) {
        let Some(stream) = &self.stream else { return };
        for durable in self.durables.values_mut() {
            let Some((address, _)) = durable.subscriber.filter(|(_, until)| now() < *until) else { continue };
            for event in stream.iter().skip(durable.delivered) {
                if port.world().chance(self.forgets) {
                    continue;
                }
                port.deliver(address, event.clone());
                if port.world().chance(0.1) {
                    let again = port.world().below(stream.len() as u64) as usize;
                    port.deliver(address, stream[again].clone());
                }
            }
            durable.delivered = stream.len();
        }
    }
}

/// The software of its host.
pub async fn host(world: Rc<World>, name: &'static str, broker: Rc<RefCell<Broker>>) -> turmoil::Result {
    let port = Port::open(world, name).await?;
    port.listen(|port: &Port, ask: Ask, asker: Asker| broker.borrow_mut().serve(port, ask, asker)).await
}
