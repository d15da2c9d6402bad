//! Files that wait for the scanner, with a clamd on a real socket (S55).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests end at the first surprise")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::common::Replica;
use async_trait::async_trait;
use bytes::Bytes;
use portico_chassis::blobs::Blobs;
use portico_chassis::error::Error;
use portico_chassis::scan::{self, Quarantine, Verdict};
use portico_chassis::testing::clamd::{Clamd, LONGEST};
use portico_chassis::testing::{Stage, eventually};
use uuid::Uuid;

/// Files by age, and what became of them.
#[derive(Clone, Default)]
struct Files(Arc<Mutex<BTreeMap<Uuid, Option<Verdict>>>>, Arc<AtomicUsize>);

#[async_trait]
impl Quarantine for Files {
    async fn waiting(&self, resting: &[Uuid], limit: i64) -> Result<Vec<Uuid>, Error> {
        self.1.fetch_add(1, Ordering::SeqCst);
        let files = self.0.lock().unwrap();
        let waiting = files.iter().filter(|(file, verdict)| verdict.is_none() && !resting.contains(file));
        Ok(waiting.map(|(file, _)| *file).take(usize::try_from(limit).unwrap()).collect())
    }

    fn path(&self, file: Uuid) -> String {
        format!("test/{file}")
    }

    async fn judged(&self, file: Uuid, verdict: Verdict) -> Result<(), Error> {
        self.0.lock().unwrap().insert(file, Some(verdict));
        Ok(())
    }
}

struct Yard {
    stage: Stage,
    replica: Replica,
    blobs: Blobs,
    files: Files,
}

impl Yard {
    async fn new() -> Self {
        let mut stage = Stage::new().await;
        let replica = Replica::start(&mut stage).await;
        let blobs = Blobs::folder(&stage.path("blobs")).unwrap();
        Self { stage, replica, blobs, files: Files::default() }
    }

    fn start(&self, clamd: Option<String>) {
        scan::start(&self.replica.boot, &self.replica.foundation.db, &self.blobs, clamd, self.files.clone());
    }

    async fn file(&self, content: impl Into<Vec<u8>>) -> Uuid {
        let file = Uuid::now_v7();
        let bytes: Result<_, std::io::Error> = Ok(Bytes::from(content.into()));
        self.blobs.put(&format!("test/{file}"), futures_util::stream::iter([bytes]), 1 << 30).await.unwrap();
        self.files.0.lock().unwrap().insert(file, None);
        file
    }

    fn verdict(&self, file: Uuid) -> Option<Verdict> {
        self.files.0.lock().unwrap()[&file]
    }

    async fn judged(&self, file: Uuid) -> Verdict {
        eventually("a verdict", || async { self.verdict(file) }).await
    }

    async fn end(self) {
        self.replica.stop().await;
        self.stage.clear().await;
    }
}

#[tokio::test]
async fn without_a_clamd_only_the_test_string_is_infected() {
    let yard = Yard::new().await;
    let clean = yard.file("just words").await;
    let bad = yard.file("X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*").await;
    let lost = Uuid::now_v7();
    yard.files.0.lock().unwrap().insert(lost, None);
    yard.start(None);
    assert_eq!(yard.judged(bad).await, Verdict::Infected);
    assert_eq!(yard.judged(clean).await, Verdict::Clean);
    assert_eq!(yard.judged(lost).await, Verdict::Infected, "what has no object is not given out");
    yard.end().await;
}

#[tokio::test]
async fn while_the_scanner_is_away_every_file_waits() {
    let yard = Yard::new().await;
    let clamd = Clamd::away();
    let file = yard.file("words").await;
    yard.start(Some(clamd.address.clone()));
    eventually("a pass that found nobody", || async { (yard.files.1.load(Ordering::SeqCst) > 1).then_some(()) }).await;
    assert_eq!(yard.verdict(file), None);
    clamd.serve().await;
    assert_eq!(yard.judged(file).await, Verdict::Clean);
    yard.end().await;
}

#[tokio::test]
async fn a_file_that_the_scanner_refuses_holds_up_nobody_and_is_never_given_out() {
    let yard = Yard::new().await;
    let clamd = Clamd::away();
    clamd.serve().await;
    // The oldest come first in every pass: more of them than a page.
    let mut odd = vec![yard.file(vec![b'a'; LONGEST * 3]).await];
    for _ in 0..20 {
        odd.push(yard.file("ODD").await);
    }
    let (bad, good) = (yard.file("EICAR").await, yard.file(vec![b'b'; LONGEST / 2]).await);
    yard.start(Some(clamd.address.clone()));
    assert_eq!((yard.judged(bad).await, yard.judged(good).await), (Verdict::Infected, Verdict::Clean));
    for file in odd {
        assert_eq!(yard.judged(file).await, Verdict::Infected);
    }
    yard.end().await;
}
