//! A clean file has its content, and no object is without a row for long (I11). Looks into databases and the folder of objects.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Row};

use super::{Scene, database};
use crate::stack::World;

/// How old an object without a row may be: what the services grant it.
pub const GRACE: Duration = Duration::from_secs(3 * 24 * 3600);

/// Who keeps files, and how each writes "clean".
const KEEPERS: [(&str, &str); 3] = [("tickets", "2"), ("knowledge", "'clean'"), ("community", "'clean'")];

/// I11: every row that is clean has an object with its hash; an object without a row is younger than [`GRACE`], and without a fault there is none.
pub(super) async fn clean_files_have_their_content(scene: &Scene<'_>) {
    for (service, clean) in KEEPERS {
        let mut connection = database(scene.world, service).await;
        let question = format!("SELECT id::text, encode(sha256, 'hex') FROM attachment WHERE state = {clean}");
        let rows = sqlx::query(AssertSqlSafe(question)).fetch_all(&mut connection).await.expect("the files' rows");
        for row in rows {
            let (id, expected): (String, String) = (row.get(0), row.get(1));
            let path = objects(scene.world, service).join(&id);
            let content = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error} (I11)", path.display()));
            assert_eq!(hex::encode(Sha256::digest(&content)), expected, "{} (I11)", path.display());
        }
    }
    let lost = objects_without_row(scene.world).await;
    let old: Vec<&PathBuf> = lost.iter().filter(|path| age(path) > GRACE).collect();
    assert!(old.is_empty(), "older than {} days and without a row (I11): {old:?}", GRACE.as_secs() / 86_400);
    // A try that was broken off after its PUT leaves an object, which is swept one day.
    if scene.history.faults().is_empty() && scene.history.troubled() == 0 {
        assert!(lost.is_empty(), "nothing broke, and these have no row (I11): {lost:?}");
    }
}

/// The folder of a service's objects.
pub fn objects(world: &World, service: &str) -> PathBuf {
    world.data().join("blobs").join(service)
}

fn age(path: &Path) -> Duration {
    let written = std::fs::metadata(path).and_then(|about| about.modified());
    // One that is swept at this moment has no age any more.
    written.ok().and_then(|at| SystemTime::now().duration_since(at).ok()).unwrap_or_default()
}

/// Objects below the keepers' prefixes that no row names: a fault may leave some, and when they are older than [`GRACE`] they are swept.
pub async fn objects_without_row(world: &World) -> Vec<PathBuf> {
    let mut lost = Vec::new();
    for (service, _) in KEEPERS {
        // Objects first: a row that comes after its object is there when the rows are read.
        let folder = objects(world, service);
        let objects: Vec<PathBuf> = std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        let mut connection = database(world, service).await;
        let rows = sqlx::query("SELECT id::text FROM attachment").fetch_all(&mut connection).await.expect("the files' rows");
        let known: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
        let unknown = |path: &PathBuf| path.is_file() && !path.file_name().is_some_and(|name| known.contains(&*name.to_string_lossy()));
        lost.extend(objects.into_iter().filter(unknown));
    }
    lost
}
