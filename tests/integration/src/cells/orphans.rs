//! Objects whose row was never committed are swept when they are old enough, and nothing else is (I11).

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use uuid::Uuid;

use super::bench::Bench;
use crate::invariants::{GRACE, objects, objects_without_row};
use crate::wait;

/// A service looks for them 20 s after its start, and one replica of two does.
const SWEPT: Duration = Duration::from_secs(60);

/// Makes all objects older than the grace time, by their folder's time, and waits until those without a row are gone: what the faults left,
/// and one more of each service, as a process leaves it that ends after its PUT. Those with a row stay, and so does a young one without.
/// To be played without load: an object may be older than its row by a moment.
pub(super) async fn are_swept(bench: &mut Bench, keepers: &[&str]) {
    let folders: Vec<PathBuf> = keepers.iter().map(|service| objects(&bench.world, service)).collect();
    folders.iter().for_each(|folder| drop(leave(folder)));
    let lost = objects_without_row(&bench.world).await;
    assert!(lost.len() >= keepers.len(), "the objects that were left have no row: {lost:?}");
    let all: Vec<PathBuf> = folders.iter().flat_map(|folder| objects_in(folder)).collect();
    let kept: Vec<&PathBuf> = all.iter().filter(|path| !lost.contains(path)).collect();
    assert!(!kept.is_empty(), "the load has files");
    all.iter().for_each(|path| grow_old(path));
    let young: Vec<PathBuf> = folders.iter().map(|folder| leave(folder)).collect();

    bench.begins("restart for a sweep", &[]);
    for service in keepers {
        bench.world.restart(service).await;
    }
    wait::within(SWEPT, "old objects without a row are swept (I11)", async || lost.iter().all(|path| !path.exists()).then_some(())).await;
    bench.heals("restart for a sweep").await;
    let gone: Vec<&PathBuf> = kept.into_iter().chain(&young).filter(|path| !path.exists()).collect();
    assert!(gone.is_empty(), "swept, though it has a row or is young (I11): {gone:?}");
    bench.note = format!("{}; {} objects were swept", bench.note, lost.len());
}

/// Leaves an object that has no row.
fn leave(folder: &Path) -> PathBuf {
    let path = folder.join(Uuid::new_v4().to_string());
    std::fs::write(&path, "no row names it").expect("the folder of objects can be written");
    path
}

fn objects_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder of objects").flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect()
}

fn grow_old(path: &Path) {
    let file = File::options().write(true).open(path).expect("an object");
    file.set_modified(SystemTime::now() - GRACE - Duration::from_secs(3_600)).expect("an object's time");
}
