//! Files of topics and posts.

use time::OffsetDateTime;

use super::ids::AttachmentId;

/// Files of one topic or post.
pub const ATTACHMENTS_MAX: usize = 10;

/// Whether a file may be downloaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanState {
    /// Not looked at yet.
    Quarantined,
    /// May be downloaded.
    Clean,
    /// Never.
    Infected,
}

/// A file that was claimed from the gateway's staging area.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Names it.
    pub id: AttachmentId,
    /// As the uploader called it, cleaned by the gateway.
    pub name: String,
    /// Bytes.
    pub size: i64,
    /// What the content is, found out by the gateway.
    pub content_type: String,
    /// SHA-256 of the content.
    pub sha256: Vec<u8>,
    /// Whether it may be downloaded.
    pub state: ScanState,
    /// When it was attached.
    pub created_at: OffsetDateTime,
}
