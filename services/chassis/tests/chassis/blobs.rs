//! Files in a folder and in a bucket: the same way from staging to the service and back (real S3 server).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests end at the first surprise")]

use std::future::ready;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use portico_chassis::blobs::{Blobs, MOST_UPLOADS, Stored, UPLOADS, Upload, unusable};
use portico_chassis::config::{Common, NoConfig};
use portico_chassis::error::Error;
use portico_chassis::journal::Claim;
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

fn claimed(file: Uuid) -> String {
    format!("tickets/{file}")
}

/// Puts a file into staging: the upload that is signed for it, and the id of the file that it is to become.
async fn staged(blobs: &Blobs, id: u128, content: &[u8]) -> (Uuid, Upload) {
    let stored = blobs.put(&format!("staging/{}", Uuid::from_u128(id)), chunks(vec![content.to_vec()]), 64).await.unwrap();
    (Uuid::from_u128(id + 1000), signed(id, &stored))
}

/// I11, S49: what is taken over is what was signed, whatever lies in staging by then.
async fn a_claim_is_what_was_signed(blobs: &Blobs) {
    let (file, upload) = staged(blobs, 7, b"evidence").await;
    let (forged, late) = (Uuid::from_u128(1), Uuid::from_u128(2));
    for _ in 0..2 {
        blobs.claim(vec![(file, upload.clone())], claimed).await.unwrap();
    }
    assert_eq!(read(blobs, &claimed(file)).await.unwrap(), b"evidence");
    let other = staged(blobs, 8, b"more evidence").await;
    for content in [&b"EVIDENCE"[..], b"evidence and more", b""] {
        staged(blobs, 7, content).await;
        assert_eq!(blobs.claim(vec![other.clone(), (forged, upload.clone())], claimed).await.unwrap_err(), unusable());
        assert_eq!(read(blobs, &claimed(forged)).await, Err(Error::NOT_FOUND), "nothing is left of the copy");
    }
    assert_eq!(read(blobs, &claimed(file)).await.unwrap(), b"evidence", "what was claimed stays as it was");
    for upload in [&upload, &other.1] {
        blobs.delete(&upload.staged()).await.unwrap();
    }
    assert_eq!(blobs.claim(vec![(late, upload)], claimed).await.unwrap_err(), unusable());
}

/// I11: as many as one request may bring are claimed together, each for its own file; none twice; staging is empty afterwards.
async fn the_uploads_of_one_request_are_claimed_together(blobs: &Blobs) {
    let mut uploads = Vec::new();
    for id in 1..=MOST_UPLOADS as u128 {
        uploads.push(staged(blobs, 100 + id, format!("file {id}").as_bytes()).await);
    }
    let twice: Vec<_> = uploads.iter().cloned().chain([(Uuid::from_u128(3), uploads[0].1.clone())]).collect();
    assert_eq!(blobs.claim(twice, claimed).await.unwrap_err(), unusable());
    for (file, _) in &uploads {
        assert_eq!(read(blobs, &claimed(*file)).await, Err(Error::NOT_FOUND), "nothing is copied for a request that brings one twice");
    }
    let taken = blobs.claim(uploads.clone(), claimed).await.unwrap();
    let claim = |(file, upload): &(Uuid, Upload)| Claim::Take { space: UPLOADS, key: upload.id.to_string(), owner: *file };
    assert_eq!(taken.claims(), uploads.iter().map(claim).collect::<Vec<_>>(), "in their order");
    blobs.settle(&taken).await;
    for (n, (file, upload)) in uploads.iter().enumerate() {
        assert_eq!(read(blobs, &claimed(*file)).await.unwrap(), format!("file {}", n + 1).as_bytes());
        assert_eq!(read(blobs, &upload.staged()).await, Err(Error::NOT_FOUND));
    }
}

/// What no row wants goes after three days: all but the first and the last of these objects, and one that is named after no row.
async fn objects_without_a_row_are_swept(blobs: &Blobs, ids: &[Uuid]) {
    let (first, last) = (ids[0], ids[ids.len() - 1]);
    let asked = AtomicUsize::new(0);
    let sweep = |now| {
        blobs.sweep_lost("swept", now, |page| {
            asked.fetch_add(page.len(), Ordering::SeqCst);
            ready(Ok(page.into_iter().filter(|id| *id == first || *id == last).collect()))
        })
    };
    let (days, hour) = (Duration::days(3), Duration::hours(1));
    assert_eq!(sweep(now() + days - hour).await, Ok(0), "young ones stay");
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    let down = blobs.sweep_lost("swept", now() + days + hour, |_| ready(Err(Error::Unavailable("the database"))));
    assert_eq!(down.await, Err(Error::Unavailable("the database")), "nothing goes when nobody says what has a row");
    assert_eq!(sweep(now() + days + hour).await, Ok(ids.len() - 1));
    assert_eq!(asked.load(Ordering::SeqCst), ids.len());
    assert_eq!(sweep(now() + days + hour).await, Ok(0));
    for (there, name) in [(true, first.to_string()), (false, ids[1].to_string()), (true, last.to_string()), (false, "note".to_owned())] {
        assert_eq!(read(blobs, &format!("swept/{name}")).await.is_ok(), there, "{name}");
    }
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
    the_uploads_of_one_request_are_claimed_together(blobs).await;

    let empty = blobs.put("staging/empty", chunks(Vec::new()), 5).await.unwrap();
    assert_eq!(empty.size, 0);
    assert_eq!(read(blobs, "staging/empty").await.unwrap(), b"");

    let refused = blobs.put("staging/long", chunks(vec![b"hello".to_vec(), b"!".to_vec()]), 5).await;
    assert_eq!(refused, Err(Error::TooLarge { field: "file".into() }));
    assert_eq!(read(blobs, "staging/long").await, Err(Error::NOT_FOUND));
    let broken = futures_util::stream::iter([Ok(Bytes::from_static(b"he")), Err(std::io::Error::other("gone"))]);
    assert!(matches!(blobs.put("staging/broken", broken, 5).await, Err(Error::Malformed { .. })));
    assert_eq!(read(blobs, "staging/broken").await, Err(Error::NOT_FOUND));

    let hour = Duration::hours(1);
    assert_eq!(blobs.sweep("staging", now() - hour).await, Ok(0), "young ones stay");
    assert_eq!(blobs.sweep("staging", now() + hour).await, Ok(1));
    assert_eq!(read(blobs, "staging/empty").await, Err(Error::NOT_FOUND));
    assert!(read(blobs, "tickets/large").await.is_ok(), "another service's prefix is not swept");

    let ids: Vec<Uuid> = (1..=4).map(Uuid::from_u128).collect();
    for name in ids.iter().map(Uuid::to_string).chain(["note".to_owned()]) {
        blobs.put(&format!("swept/{name}"), chunks(Vec::new()), 5).await.unwrap();
    }
    objects_without_a_row_are_swept(blobs, &ids).await;
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
    assert_eq!(blobs.sweep("staging", now() - Duration::hours(48)).await, Ok(2));
    let mut left: Vec<_> = std::fs::read_dir(&staging).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    left.sort();
    assert_eq!(left, ["b#1", "d", "e#note"]);
    assert_eq!(blobs.sweep("nothing", now()).await, Ok(0), "a service without files has no folder");
}

/// More objects than are asked for at once.
#[tokio::test]
async fn a_thousand_objects_without_a_row_are_swept() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::folder(dir.path()).unwrap();
    std::fs::create_dir(dir.path().join("swept")).unwrap();
    let ids: Vec<Uuid> = (1..=1002).map(Uuid::from_u128).collect();
    for name in ids.iter().map(Uuid::to_string).chain(["note".to_owned()]) {
        std::fs::write(dir.path().join("swept").join(name), "").unwrap();
    }
    objects_without_a_row_are_swept(&blobs, &ids).await;
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
