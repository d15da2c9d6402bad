//! Stages the files of a message and signs upload tickets for them, as the gateway does for uploads.

use bytes::Bytes;
use futures_util::stream;
use portico_chassis::blobs::Upload;
use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use uuid::Uuid;

use crate::app::App;
use crate::app::digest::{named_uuid, sha256};
use crate::app::message::{Body, File};
use crate::domain::file_name;

/// Who the uploads belong to: this service.
const UPLOADER: &str = "service:notifier";
/// The largest single file.
const MAX_FILE: usize = 25 * 1024 * 1024;
/// How long an upload ticket is good.
const GOOD_FOR: time::Duration = time::Duration::hours(24);

/// Files as tickets gets them.
#[derive(Debug, Default)]
pub struct Staged {
    /// Their upload tickets.
    pub uploads: Vec<String>,
    /// Files that are empty, too large or too many.
    pub left_out: usize,
}

impl App {
    /// Stages the files of message `mail`. Staging again gives the same uploads: a repeated submission claims each once.
    pub(super) async fn stage(&self, portal: &PortalId, mail: Uuid, body: Body) -> Result<Staged, Error> {
        let mut staged = Staged { uploads: Vec::new(), left_out: body.left_out };
        for (index, file) in body.files.into_iter().enumerate() {
            if file.bytes.is_empty() || file.bytes.len() > MAX_FILE {
                staged.left_out += 1;
                continue;
            }
            let id = named_uuid(&sha256(format!("inbound file {mail} {index}").as_bytes()));
            staged.uploads.push(self.stage_one(portal, id, file).await?);
        }
        Ok(staged)
    }

    async fn stage_one(&self, portal: &PortalId, id: Uuid, file: File) -> Result<String, Error> {
        let upload = Upload {
            id,
            portal: portal.clone(),
            uploader: UPLOADER.to_owned(),
            sha256: hex::encode(sha256(&file.bytes)),
            size: file.bytes.len() as u64,
            name: file_name::clean(&file.name),
            content_type: file_name::content_type(&file.content_type),
            expires: (self.clock.now() + GOOD_FOR).unix_timestamp(),
        };
        let content = stream::iter([Ok::<_, Error>(Bytes::from(file.bytes))]);
        self.blobs.put(&upload.staged(), content, MAX_FILE as u64).await?;
        upload.ticket(&self.keys)
    }
}
