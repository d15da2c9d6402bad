//! The malware scanner: every file that a service claims is quarantined until it was looked at, and what is infected is never given out.
//!
//! With `PORTICO_SCANNER` (`host:port`) a clamd looks; without it a file is searched for the EICAR test string and is clean otherwise.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::TryStreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::blobs::Blobs;
use crate::chore;
use crate::db::Db;
use crate::error::Error;
use crate::lease::Lease;
use crate::run::Boot;

/// How often new files are looked for: also about how long a file waits at most.
const EVERY: Duration = Duration::from_millis(250);
/// Files in one pass.
const PAGE: i64 = 16;
/// How long clamd may take to take a connection.
const CONNECTING: Duration = Duration::from_secs(5);
/// How long clamd may take for one file.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes of one chunk to clamd.
const CHUNK: usize = 64 * 1024;
/// A file that could not be looked at rests for this long, then twice as long, and so on …
const REST: Duration = Duration::from_secs(1);
/// … up to this.
const LONGEST_REST: Duration = Duration::from_secs(600);
/// A file that clamd refused so often is not given out: nobody can say that it is clean.
const REFUSALS: u32 = 4;
/// Files that rest at once; beyond them the oldest rest is forgotten, which costs one look.
const RESTING: usize = 1000;
/// The test string that every scanner knows; it is harmless and stands for what is not (S55).
const EICAR: &[u8] = b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!";

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may be given out.
    Clean,
    /// It may never be given out: malware, or nobody can tell.
    Infected,
}

/// The files of a service that wait.
#[async_trait]
pub trait Quarantine: Send + Sync + 'static {
    /// The oldest files that wait, but for those that rest.
    async fn waiting(&self, resting: &[Uuid], limit: i64) -> Result<Vec<Uuid>, Error>;

    /// Where the object of a file lies.
    fn path(&self, file: Uuid) -> String;

    /// Notes the verdict on a file that still waits.
    async fn judged(&self, file: Uuid, verdict: Verdict) -> Result<(), Error>;
}

/// Starts scanning, on one replica at a time. `clamd` is its address.
pub fn start<C>(boot: &Boot<C>, db: &Db, blobs: &Blobs, clamd: Option<String>, files: impl Quarantine) {
    let scanner = Arc::new(Scanner { blobs: blobs.clone(), clamd, files, resting: Mutex::default() });
    chore::start(boot, db, "scanner", EVERY, move |lease| {
        let scanner = scanner.clone();
        async move { scanner.pass(&lease).await }
    });
}

/// Why a file has no verdict.
#[derive(Debug)]
enum Trouble {
    /// Nobody is there to look: it says nothing about the file, and the others need not be tried.
    Away,
    /// clamd has seen this file and refused it.
    Refused(String),
    /// It broke off.
    Broken(String),
    /// The object could not be read: clamd still waits for the rest of it.
    Unread(String),
}

/// A file that is left alone.
#[derive(Clone, Copy)]
struct Rest {
    tries: u32,
    refusals: u32,
    until: Instant,
}

struct Scanner<Q> {
    blobs: Blobs,
    clamd: Option<String>,
    files: Q,
    resting: Mutex<HashMap<Uuid, Rest>>,
}

impl<Q: Quarantine> Scanner<Q> {
    /// One page. A file in trouble rests and holds up nobody; without a scanner everything waits (S55).
    async fn pass(&self, lease: &Lease) -> Result<(), Error> {
        for file in self.files.waiting(&self.left_alone(), PAGE).await? {
            if lease.keep().await?.is_none() {
                return Ok(());
            }
            let verdict = match self.look(&self.files.path(file)).await {
                Ok(verdict) => verdict,
                Err(Trouble::Away) => return Err(Error::Unavailable("the scanner")),
                Err(Trouble::Refused(reason)) => {
                    tracing::warn!(%file, reason, "the scanner refused a file");
                    if self.rest(file, true).refusals < REFUSALS {
                        continue;
                    }
                    Verdict::Infected
                }
                Err(Trouble::Broken(reason) | Trouble::Unread(reason)) => {
                    tracing::warn!(%file, reason, "a file could not be looked at");
                    self.rest(file, false);
                    continue;
                }
            };
            self.files.judged(file, verdict).await?;
            self.lock().remove(&file);
        }
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Uuid, Rest>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn left_alone(&self) -> Vec<Uuid> {
        let now = Instant::now();
        self.lock().iter().filter(|(_, rest)| rest.until > now).map(|(file, _)| *file).collect()
    }

    fn rest(&self, file: Uuid, refused: bool) -> Rest {
        let mut resting = self.lock();
        let before = resting.get(&file).copied().unwrap_or(Rest { tries: 0, refusals: 0, until: Instant::now() });
        let time = REST.saturating_mul(1 << before.tries.min(16)).min(LONGEST_REST);
        let rest = Rest { tries: before.tries + 1, refusals: before.refusals + u32::from(refused), until: Instant::now() + time };
        if resting.len() >= RESTING
            && let Some(first) = resting.iter().min_by_key(|(_, rest)| rest.until).map(|(file, _)| *file)
        {
            resting.remove(&first);
        }
        resting.insert(file, rest);
        rest
    }

    async fn look(&self, path: &str) -> Result<Verdict, Trouble> {
        let content = match self.blobs.get(path).await {
            Ok(content) => content,
            // Without its object a file can't be downloaded anyway.
            Err(Error::NotFound { .. }) => return Ok(Verdict::Infected),
            Err(error) => return Err(broken(error)),
        };
        match &self.clamd {
            None => search(content).await,
            Some(address) => {
                let connecting = tokio::time::timeout(CONNECTING, TcpStream::connect(address));
                let Ok(Ok(clamd)) = connecting.await else { return Err(Trouble::Away) };
                tokio::time::timeout(PATIENCE, ask(clamd, content)).await.map_err(broken)?
            }
        }
    }
}

fn broken(error: impl std::fmt::Display) -> Trouble {
    Trouble::Broken(error.to_string())
}

type Content = futures_util::stream::BoxStream<'static, Result<bytes::Bytes, Error>>;

/// Looks for the test string; the tail of each chunk is kept, because the string may lie across two.
async fn search(mut content: Content) -> Result<Verdict, Trouble> {
    let mut window: Vec<u8> = Vec::new();
    while let Some(chunk) = content.try_next().await.map_err(broken)? {
        window.extend_from_slice(&chunk);
        if window.windows(EICAR.len()).any(|part| part == EICAR) {
            return Ok(Verdict::Infected);
        }
        let keep = window.len().saturating_sub(EICAR.len() - 1);
        window.drain(..keep);
    }
    Ok(Verdict::Clean)
}

/// clamd's INSTREAM: chunks, each after its length, until one of length 0; the answer ends in `OK`, `FOUND` or `ERROR`.
async fn ask(mut clamd: TcpStream, content: Content) -> Result<Verdict, Trouble> {
    let sent = send(&mut clamd, content).await;
    if let Err(unread @ Trouble::Unread(_)) = sent {
        return Err(unread);
    }
    let mut answer = Vec::new();
    let read = clamd.take(4096).read_to_end(&mut answer).await;
    // clamd answers and closes before it has everything when a file is longer than it takes: the answer says more than the broken pipe.
    if answer.is_empty() {
        sent?;
        read.map_err(broken)?;
    }
    verdict(&answer)
}

async fn send(clamd: &mut TcpStream, mut content: Content) -> Result<(), Trouble> {
    clamd.write_all(b"zINSTREAM\0").await.map_err(broken)?;
    while let Some(bytes) = content.try_next().await.map_err(|error| Trouble::Unread(error.to_string()))? {
        for chunk in bytes.chunks(CHUNK) {
            clamd.write_u32(u32::try_from(chunk.len()).unwrap_or(0)).await.map_err(broken)?;
            clamd.write_all(chunk).await.map_err(broken)?;
        }
    }
    clamd.write_u32(0).await.map_err(broken)
}

fn verdict(answer: &[u8]) -> Result<Verdict, Trouble> {
    let text = String::from_utf8_lossy(answer);
    match text.trim_matches(['\0', '\n', ' ']) {
        text if text.ends_with("FOUND") => Ok(Verdict::Infected),
        text if text.ends_with("OK") => Ok(Verdict::Clean),
        text if text.ends_with("ERROR") => Err(Trouble::Refused(text.to_owned())),
        text => Err(Trouble::Broken(format!("the scanner said {text:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_answer_is_a_verdict() {
        assert!(matches!(verdict(b"stream: OK\0"), Ok(Verdict::Clean)));
        assert!(matches!(verdict(b"stream: Eicar-Test-Signature FOUND\0"), Ok(Verdict::Infected)));
        assert!(matches!(verdict(b"INSTREAM size limit exceeded. ERROR\0"), Err(Trouble::Refused(_))));
        assert!(matches!(verdict(b""), Err(Trouble::Broken(_))));
    }

    #[tokio::test]
    async fn the_test_string_is_found_across_two_chunks() {
        // S55.
        let stream = |parts: Vec<&'static [u8]>| -> Content {
            Box::pin(futures_util::stream::iter(parts.into_iter().map(|part| Ok(bytes::Bytes::from_static(part)))))
        };
        let (first, second) = EICAR.split_at(9);
        assert_eq!(search(stream(vec![b"so far so good ", first, second])).await.ok(), Some(Verdict::Infected));
        assert_eq!(search(stream(vec![first, b" ", second])).await.ok(), Some(Verdict::Clean));
    }
}
