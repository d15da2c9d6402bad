//! What may befall the broker's data and its messages.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_nats::HeaderMap;
use async_nats::jetstream;
use async_nats::jetstream::context::{GetStreamError, GetStreamErrorKind};
use futures_util::StreamExt;
use portico_chassis::relay::stream_name;
use tokio::task::JoinHandle;

use crate::stack::World;
use crate::wait;

/// What the local deployment puts before streams and subjects.
pub(crate) const PREFIX: &str = "portico";
/// Marks what the double publisher sent, so that it does not double its own.
const DOUBLE: &str = "portico-double";
/// Messages that are sent again together, the last one first.
const WINDOW: usize = 5;
/// Messages that are asked for at once.
const ASKED: usize = 32;
/// How often each is sent again.
const TIMES: usize = 10;

/// The broker's store.
pub fn store(world: &World) -> PathBuf {
    world.status()["nats_data_dir"].as_str().expect("the broker's folder").into()
}

/// Deletes the store while the broker writes into it: sweeps until a moment finds it empty.
pub async fn delete_while_written(store: &Path) {
    wait::until("the broker's folder is deleted", async || match std::fs::remove_dir_all(store) {
        Ok(()) => Some(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(()),
        Err(_) => None,
    })
    .await;
}

/// Copies what is in a folder, modes and times included, into one that may be there.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    let copied = Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status().expect("cp");
    assert!(copied.success(), "{} was not copied", from.display());
}

/// The largest file of messages.
pub fn largest_block(store: &Path) -> PathBuf {
    let mut folders = vec![store.to_path_buf()];
    let mut blocks = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the broker's folder").flatten() {
            let (path, about) = (entry.path(), entry.metadata().expect("a file"));
            if about.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "blk") {
                blocks.push((about.len(), path));
            }
        }
    }
    blocks.into_iter().max().expect("the broker has messages").1
}

/// Cuts the second half off.
pub fn truncate(block: &Path) {
    let file = std::fs::OpenOptions::new().write(true).open(block).expect("the block");
    let size = file.metadata().expect("the block").len();
    file.set_len(size / 2).expect("the block is cut");
}

/// Flips one bit in the middle.
pub fn flip(block: &Path) {
    let mut bytes = std::fs::read(block).expect("the block");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(block, bytes).expect("the block is written");
}

/// Deletes every stream, as somebody with the broker's own tool does.
pub async fn delete_streams(world: &World) {
    let client = connect(world).await;
    let broker = jetstream::new(client);
    for service in world.services() {
        broker.delete_stream(stream_name(PREFIX, &service)).await.expect("the stream is deleted");
    }
}

/// What a stream holds: when it was made, and the hash of each message by its sequence; none when there is no such stream.
pub type Held = Option<(String, BTreeMap<u64, u64>)>;

/// What each producer's stream holds; none while the broker does not answer.
pub async fn contents(world: &World) -> Option<BTreeMap<String, Held>> {
    let url = world.status()["nats"].as_str().expect("the broker's URL").to_owned();
    let broker = jetstream::new(async_nats::connect(url).await.ok()?);
    let mut all = BTreeMap::new();
    for service in world.services() {
        let stream = match broker.get_stream(stream_name(PREFIX, &service)).await {
            Ok(stream) => stream,
            Err(error) if is_not_found(&error) => {
                all.insert(service, None);
                continue;
            }
            Err(_) => return None,
        };
        let (made, state) = (format!("{:?}", stream.cached_info().created), &stream.cached_info().state);
        let mut messages = BTreeMap::new();
        for sequence in state.first_sequence..=state.last_sequence {
            // A message that the broker can't read back is as good as gone.
            let Ok(message) = stream.get_raw_message(sequence).await else { continue };
            let mut hasher = DefaultHasher::new();
            (message.subject.as_str(), &message.payload[..]).hash(&mut hasher);
            messages.insert(sequence, hasher.finish());
        }
        all.insert(service, Some((made, messages)));
    }
    Some(all)
}

/// What a producer's stream holds, each message as it was published.
pub async fn messages(world: &World, service: &str) -> Vec<Vec<u8>> {
    let broker = jetstream::new(connect(world).await);
    let stream = broker.get_stream(stream_name(PREFIX, service)).await.expect("the stream");
    let state = &stream.cached_info().state;
    let asked = (state.first_sequence..=state.last_sequence).map(|sequence| stream.get_raw_message(sequence));
    let answers = futures_util::stream::iter(asked).buffered(ASKED).map(|message| message.expect("a message").payload.to_vec());
    answers.collect().await
}

/// Whether anything of `before` is gone, or another one, now: a stream, or a message at its sequence.
pub fn is_damaged(before: &BTreeMap<String, Held>, now: &BTreeMap<String, Held>) -> bool {
    before.iter().any(|(service, held)| {
        let Some((made, messages)) = held else { return false };
        match now.get(service) {
            Some(Some((made_now, there))) => made != made_now || messages.iter().any(|(at, hash)| there.get(at) != Some(hash)),
            _ => true,
        }
    })
}

fn is_not_found(error: &GetStreamError) -> bool {
    matches!(error.kind(), GetStreamErrorKind::JetStream(refusal) if refusal.error_code() == jetstream::ErrorCode::STREAM_NOT_FOUND)
}

/// Sends every event again, ten times and backwards.
#[derive(Debug)]
pub struct Doubles {
    sent: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Doubles {
    /// Listens to what producers publish from now on.
    pub async fn begin(world: &World) -> Self {
        let client = connect(world).await;
        let mut heard = client.subscribe(format!("{PREFIX}ev.>")).await.expect("a subscription");
        let sent: Arc<AtomicU64> = Arc::default();
        let count = Arc::clone(&sent);
        let task = tokio::spawn(async move {
            let mut kept = Vec::new();
            while let Some(message) = heard.next().await {
                if message.headers.as_ref().is_some_and(|headers| headers.get(DOUBLE).is_some()) {
                    continue;
                }
                kept.push(message);
                if kept.len() < WINDOW {
                    continue;
                }
                for message in (0..TIMES).flat_map(|_| kept.iter().rev()) {
                    let mut headers = HeaderMap::new();
                    headers.insert(DOUBLE, "1");
                    let again = client.publish_with_headers(message.subject.clone(), headers, message.payload.clone()).await;
                    if again.is_ok() {
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                }
                kept.clear();
            }
        });
        Self { sent, task }
    }

    /// Ends; how many it sent.
    pub fn end(self) -> u64 {
        self.task.abort();
        self.sent.load(Ordering::Relaxed)
    }
}

/// Has the broker ask for a password from now on: what it asked for before is refused at once.
pub fn ask_for(world: &World, password: &str) {
    let path = world.data().join("nats.conf");
    let text = std::fs::read_to_string(&path).expect("the broker's configuration");
    let plain = text.split("authorization {").next().unwrap_or_default();
    let users = format!("authorization {{ users = [ {{ user: \"portico\", password: \"{password}\" }} ] }}\n");
    std::fs::write(&path, format!("{plain}{users}")).expect("the broker's configuration is written");
    world.signal("nats", "HUP");
}

/// The broker's URL with a password.
pub fn url_with(world: &World, password: &str) -> String {
    let url = world.status()["nats"].as_str().expect("the broker's URL").to_owned();
    url.replace("nats://", &format!("nats://portico:{password}@"))
}

async fn connect(world: &World) -> async_nats::Client {
    let url = world.status()["nats"].as_str().expect("the broker's URL").to_owned();
    async_nats::connect(url).await.expect("the broker answers")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_or_another_one_is_damage_and_what_was_added_is_none() {
        let held = |made: &str, messages: &[(u64, u64)]| {
            BTreeMap::from([("t".to_owned(), Some((made.to_owned(), messages.iter().copied().collect())))])
        };
        let before = held("noon", &[(1, 7), (2, 8)]);
        assert!(!is_damaged(&before, &held("noon", &[(1, 7), (2, 8), (3, 9)])));
        for now in [held("noon", &[(1, 7)]), held("noon", &[(1, 7), (2, 9)]), held("later", &[(1, 7), (2, 8)])] {
            assert!(is_damaged(&before, &now));
        }
        assert!(is_damaged(&before, &BTreeMap::from([("t".to_owned(), None)])));
    }
}
