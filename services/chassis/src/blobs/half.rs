//! Half uploads in a folder: what a process that died had begun to write. The store hides their names (`…#1`), so they are found here.

use std::io::ErrorKind;
use std::path::Path;

use time::OffsetDateTime;

use crate::error::Error;

/// Deletes those in one folder that were last written before a time; says how many.
pub(super) async fn sweep(folder: &Path, before: OffsetDateTime) -> Result<usize, Error> {
    let mut entries = match tokio::fs::read_dir(folder).await {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(failed(&error)),
    };
    let mut swept = 0;
    while let Some(entry) = entries.next_entry().await.map_err(|error| failed(&error))? {
        let half =
            entry.file_name().to_string_lossy().rsplit_once('#').is_some_and(|(_, rest)| rest.bytes().all(|byte| byte.is_ascii_digit()));
        if half && is_older(&entry, before).await {
            match tokio::fs::remove_file(entry.path()).await {
                Ok(()) => swept += 1,
                // Its upload ended a moment ago.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(failed(&error)),
            }
        }
    }
    Ok(swept)
}

async fn is_older(entry: &tokio::fs::DirEntry, before: OffsetDateTime) -> bool {
    match entry.metadata().await {
        Ok(found) => found.is_file() && found.modified().is_ok_and(|at| OffsetDateTime::from(at) < before),
        Err(_) => false,
    }
}

fn failed(error: &std::io::Error) -> Error {
    tracing::warn!(%error, "the blob store's folder can't be read");
    Error::Unavailable("the blob store")
}
