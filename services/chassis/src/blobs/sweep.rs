//! Deleting what is old and what lost its row.

use std::collections::HashSet;
use std::future::ready;
use std::pin::pin;

use futures_util::{StreamExt, TryStreamExt};
use object_store::path::Path;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{Blobs, half, unavailable};
use crate::error::Error;

/// An object without a row is left alone for this long: its entry may be on its way, and in a folder it is as old as its upload, which may be
/// claimed for a day. The rest is room for a database that is away and for clocks that differ.
const GRACE: Duration = Duration::days(3);
/// Objects whose rows are asked for at once.
const PAGE: usize = 500;

impl Blobs {
    /// Deletes objects below `prefix` that are older than `before`, and what is left of uploads that were cut off; says how many.
    pub async fn sweep(&self, prefix: &str, before: OffsetDateTime) -> Result<usize, Error> {
        self.sweep_but(prefix, before, |_| ready(Ok(Vec::new()))).await
    }

    /// Deletes objects `{prefix}/{id of a row}` that have had no row for three days, and what is left of uploads that were cut off; says how many.
    /// `with_row` answers which of some ids have a row that wants its object; it is asked page by page.
    pub async fn sweep_lost<F>(&self, prefix: &str, now: OffsetDateTime, with_row: impl Fn(Vec<Uuid>) -> F) -> Result<usize, Error>
    where
        F: Future<Output = Result<Vec<Uuid>, Error>>,
    {
        let swept = self.sweep_but(prefix, now - GRACE, with_row).await?;
        if swept > 0 {
            tracing::info!(prefix, swept, "objects without a row were swept");
        }
        Ok(swept)
    }

    async fn sweep_but<F>(&self, prefix: &str, before: OffsetDateTime, wanted: impl Fn(Vec<Uuid>) -> F) -> Result<usize, Error>
    where
        F: Future<Output = Result<Vec<Uuid>, Error>>,
    {
        let mut swept = match &self.folder {
            Some(folder) => half::sweep(&folder.join(prefix), before).await?,
            // A bucket ends them by its own rule.
            None => 0,
        };
        let old = self.store.list(Some(&Path::from(prefix))).map_err(unavailable);
        let old = old.try_filter(move |object| ready(object.last_modified.timestamp() < before.unix_timestamp()));
        let mut pages = pin!(old.map_ok(|object| object.location).try_chunks(PAGE));
        while let Some(page) = pages.next().await {
            let page: Vec<_> = page.map_err(|broken| broken.1)?.into_iter().map(|path| (row(&path), path)).collect();
            let kept: HashSet<Uuid> = wanted(page.iter().filter_map(|(row, _)| *row).collect()).await?.into_iter().collect();
            for (_, path) in page.iter().filter(|(row, _)| row.is_none_or(|row| !kept.contains(&row))) {
                self.delete(path.as_ref()).await?;
                swept += 1;
            }
        }
        Ok(swept)
    }
}

/// The row that an object belongs to; one with any other name has none.
fn row(path: &Path) -> Option<Uuid> {
    Uuid::try_parse(path.filename()?).ok()
}
