//! Files in a folder and in a bucket: the same way from staging to the service and back (real S3 server).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests end at the first surprise")]

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use portico_chassis::blobs::{Blobs, Stored, Upload, unusable};
use portico_chassis::config::{Common, NoConfig};
use portico_chassis::error::Error;
use portico_chassis::testing::Stage;
use portico_chassis::testing::s3::{BUCKET, S3Server};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

fn chunks(parts: Vec<Vec<u8>>) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send {
    futures_util::stream::iter(parts.into_iter().map(|part| Ok(Bytes::from(part))))
}

async fn read(blobs: &Blobs, path: &str) -> Result<Vec<u8>, Error> {
    let parts: Vec<Bytes> = blobs.get(path).await?.try_collect().await?;
    Ok(parts.concat())
}

/// What the gateway signs for an object in staging.
fn signed(id: u128, stored: &Stored) -> Upload {
    Upload {
        id: Uuid::from_u128(id),
        portal: "demo".parse().unwrap(),
        uploader: "alice".into(),
        sha256: stored.sha256.clone(),
        size: stored.size,
        name: "a.txt".into(),
        content_type: "text/plain".into(),
        expires: i64::MAX,
    }
}

/// I11, S49: what is taken over is what was signed, whatever lies in staging by then.
async fn a_claim_is_what_was_signed(blobs: &Blobs) {
    let path = signed(7, &Stored { size: 0, sha256: String::new(), head: Vec::new() }).staged();
    let stored = blobs.put(&path, chunks(vec![b"evidence".to_vec()]), 64).await.unwrap();
    let upload = signed(7, &stored);
    blobs.claim(&upload, "tickets/claimed").await.unwrap();
    blobs.claim(&upload, "tickets/claimed").await.unwrap();
    assert_eq!(read(blobs, "tickets/claimed").await.unwrap(), b"evidence");
    for other in [&b"EVIDENCE"[..], b"evidence and more", b""] {
        blobs.put(&path, chunks(vec![other.to_vec()]), 64).await.unwrap();
        assert_eq!(blobs.claim(&upload, "tickets/forged").await, Err(unusable()));
        assert_eq!(read(blobs, "tickets/forged").await, Err(Error::NOT_FOUND), "nothing is left of the copy");
    }
    assert_eq!(read(blobs, "tickets/claimed").await.unwrap(), b"evidence", "what was claimed stays as it was");
    blobs.delete(&path).await.unwrap();
    assert_eq!(blobs.claim(&upload, "tickets/late").await, Err(unusable()));
}

/// Staging, claim, read, delete, sweep; what breaks off or is too long leaves nothing.
async fn the_whole_way(blobs: &Blobs) {
    // Longer than one part of a multipart upload.
    let large: Vec<Vec<u8>> = (0..12_u8).map(|n| vec![n; 1024 * 1024]).collect();
    let stored = blobs.put("staging/large", chunks(large.clone()), 64 << 20).await.unwrap();
    assert_eq!(stored.size, 12 << 20);
    assert_eq!(stored.head, vec![0; 512]);
    blobs.copy("staging/large", "tickets/large").await.unwrap();
    blobs.copy("staging/large", "tickets/large").await.unwrap();
    blobs.delete("staging/large").await.unwrap();
    blobs.delete("staging/large").await.unwrap();
    assert!(read(blobs, "tickets/large").await.unwrap() == large.concat(), "what is read is what was put");
    assert_eq!(read(blobs, "staging/large").await, Err(Error::NOT_FOUND));
    assert_eq!(blobs.copy("staging/large", "tickets/other").await, Err(Error::NOT_FOUND));

    a_claim_is_what_was_signed(blobs).await;

    let empty = blobs.put("staging/empty", chunks(Vec::new()), 5).await.unwrap();
    assert_eq!(empty.size, 0);
    assert_eq!(read(blobs, "staging/empty").await.unwrap(), b"");

    let refused = blobs.put("staging/long", chunks(vec![b"hello".to_vec(), b"!".to_vec()]), 5).await;
    assert_eq!(refused, Err(Error::TooLarge { field: "file".into() }));
    assert_eq!(read(blobs, "staging/long").await, Err(Error::NOT_FOUND));
    let broken = futures_util::stream::iter([Ok(Bytes::from_static(b"he")), Err(std::io::Error::other("gone"))]);
    assert!(matches!(blobs.put("staging/broken", broken, 5).await, Err(Error::Malformed { .. })));
    assert_eq!(read(blobs, "staging/broken").await, Err(Error::NOT_FOUND));

    blobs.put("staging/wanted", chunks(vec![b"a".to_vec()]), 5).await.unwrap();
    let hour = Duration::hours(1);
    assert_eq!(blobs.sweep("staging", now() - hour, |_| false).await, Ok(0), "young ones stay");
    assert_eq!(blobs.sweep("staging", now() + hour, |path| path == "staging/wanted").await, Ok(1));
    assert_eq!(read(blobs, "staging/wanted").await.unwrap(), b"a");
    assert_eq!(read(blobs, "staging/empty").await, Err(Error::NOT_FOUND));
    assert!(read(blobs, "tickets/large").await.is_ok(), "another service's prefix is not swept");
}

#[allow(clippy::disallowed_methods, reason = "the store's clock is the machine's")]
fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

async fn common(stage: &mut Stage) -> Common {
    stage.boot("gateway", NoConfig {}).await.common
}

#[tokio::test]
async fn a_file_goes_its_whole_way_in_a_folder() {
    let mut stage = Stage::new().await;
    the_whole_way(&Blobs::open(&common(&mut stage).await).unwrap()).await;
    stage.clear().await;
}

/// What a process that was killed had begun to write does not fill the disk.
#[tokio::test]
async fn half_uploads_of_a_process_that_died_are_swept_and_young_ones_stay() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::folder(dir.path()).unwrap();
    let staging = dir.path().join("staging");
    std::fs::create_dir(&staging).unwrap();
    let write = |name: &str, hours: i64| {
        let file = std::fs::File::create(staging.join(name)).unwrap();
        file.set_modified((now() - Duration::hours(hours)).into()).unwrap();
    };
    for (name, hours) in [("a#1", 49), ("b#1", 47), ("c", 49), ("d", 47), ("e#note", 47)] {
        write(name, hours);
    }
    assert_eq!(blobs.sweep("staging", now() - Duration::hours(48), |_| false).await, Ok(2));
    let mut left: Vec<_> = std::fs::read_dir(&staging).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    left.sort();
    assert_eq!(left, ["b#1", "d", "e#note"]);
    assert_eq!(blobs.sweep("nothing", now(), |_| false).await, Ok(0), "a service without files has no folder");
}

#[tokio::test]
async fn a_file_goes_its_whole_way_in_a_bucket() {
    let mut stage = Stage::new().await;
    let server = S3Server::start().await;
    let common = Common { blobs: Some(format!("s3://{BUCKET}/one/two")), s3: server.config(), ..common(&mut stage).await };
    the_whole_way(&Blobs::open(&common).unwrap()).await;
    // Another prefix of the same bucket sees nothing of it.
    let other = Common { blobs: Some(format!("s3://{BUCKET}")), ..common };
    let other = Blobs::open(&other).unwrap();
    assert_eq!(read(&other, "tickets/large").await, Err(Error::NOT_FOUND));
    assert!(read(&other, "one/two/tickets/large").await.is_ok());
    stage.clear().await;
}

#[tokio::test]
async fn a_bucket_that_is_away_is_unavailable_and_bad_keys_are_named_without_their_text() {
    let mut stage = Stage::new().await;
    let server = S3Server::start().await;
    let config = server.config();
    drop(server);
    let common = Common { blobs: Some(format!("s3://{BUCKET}")), s3: config, ..common(&mut stage).await };
    let blobs = Blobs::open(&common).unwrap();
    assert_eq!(read(&blobs, "a").await, Err(Error::Unavailable("the blob store")));
    let half = portico_chassis::config::S3 { access_key_id: None, ..common.s3.clone() };
    let said = Blobs::open(&Common { s3: half, ..common.clone() }).unwrap_err().to_string();
    assert!(said.contains("s3.access_key_id") && !said.contains("the key of a test"), "{said}");
    let neither = Blobs::open(&Common { blobs: Some("ftp://x".into()), ..common }).unwrap_err().to_string();
    assert!(neither.contains("`blobs`"), "{neither}");
    stage.clear().await;
}
