//! Taking staged uploads over: the objects are copied first, the rows are committed with the uploads' ids as claims, staging goes last.

use std::collections::HashSet;

use futures_util::{StreamExt, TryStreamExt, stream};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Blobs, Upload, unusable};
use crate::error::Error;
use crate::failpoint::{self, Point};
use crate::journal::Claim;

/// Files with one request.
pub const MOST_UPLOADS: usize = 20;
/// The space of the claims: who finds one taken answers [`unusable`].
pub const UPLOADS: &str = "upload";
/// Objects of one request on their way at once: [`MOST_UPLOADS`] of them in a far bucket are through within one deadline, and no request
/// takes all the connections.
const AT_ONCE: usize = 4;

/// Uploads whose objects are where their owner's files live, each with the id of the file that it became.
#[derive(Debug, Clone, Default)]
pub struct Claimed(Vec<(Uuid, Upload)>);

impl Claimed {
    /// Goes into the entry, so that each upload is used once.
    #[must_use]
    pub fn claims(&self) -> Vec<Claim> {
        self.0.iter().map(|(file, upload)| Claim::Take { space: UPLOADS, key: upload.id.to_string(), owner: *file }).collect()
    }
}

impl Blobs {
    /// Takes staged uploads over, each to the path of the file that it becomes, and looks whether the copies are what the tickets say; doing it
    /// again is harmless. Objects whose entry is refused afterwards are swept.
    ///
    /// # Errors
    /// `uploads` is invalid when one comes twice (nothing is copied then), and when a staged object is gone or holds anything else.
    pub async fn claim(&self, uploads: Vec<(Uuid, Upload)>, path: impl Fn(Uuid) -> String) -> Result<Claimed, Error> {
        let different: HashSet<Uuid> = uploads.iter().map(|(_, upload)| upload.id).collect();
        if different.len() < uploads.len() {
            return Err(unusable());
        }
        let copies: Vec<_> = uploads.iter().map(|(file, upload)| self.take_over(upload, path(*file))).collect();
        stream::iter(copies).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        if !uploads.is_empty() {
            failpoint::reach(Point::AfterPut);
        }
        Ok(Claimed(uploads))
    }

    /// Deletes the staged objects after the commit; what can't be deleted now is swept by the gateway.
    pub async fn settle(&self, claimed: &Claimed) {
        let staged: Vec<_> = claimed.0.iter().map(|(_, upload)| upload.staged()).collect();
        let delete = |object: String| async move {
            if let Err(error) = self.delete(&object).await {
                tracing::debug!(%error, "a staged object stays until it is swept");
            }
        };
        stream::iter(staged).for_each_concurrent(AT_ONCE, delete).await;
    }

    /// Nothing is left of a copy that is not what was signed.
    async fn take_over(&self, upload: &Upload, to: String) -> Result<(), Error> {
        match self.copy(&upload.staged(), &to).await {
            Err(Error::NotFound { .. }) => return Err(unusable()),
            copied => copied?,
        }
        // The copy is looked at, because nobody writes there any more; what is staged could change after the look.
        let (size, sha256) = self.measure(&to).await?;
        if (size, sha256.as_str()) == (upload.size, upload.sha256.as_str()) {
            return Ok(());
        }
        tracing::error!(upload = %upload.id, "a staged object is not what was signed");
        self.delete(&to).await?;
        Err(unusable())
    }

    /// Bytes and SHA-256 of an object.
    async fn measure(&self, path: &str) -> Result<(u64, String), Error> {
        let (mut size, mut hash) = (0, Sha256::new());
        let mut content = self.get(path).await?;
        while let Some(chunk) = content.try_next().await? {
            size += chunk.len() as u64;
            hash.update(&chunk);
        }
        Ok((size, hex::encode(hash.finalize())))
    }
}
