//! Upload tickets: what was signed when a file was taken in, and what whoever shows one may do with it.

use portico_proto::common::v1::UploadTicket;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::auth::Keys;
use crate::error::Error;
use crate::ids::PortalId;

const PURPOSE: &str = "portico upload ticket";
/// Only the gateway takes uploads in; the notifier's inbound door brings the files of mails.
const ISSUERS: [&str; 2] = ["gateway", "notifier"];

/// What the gateway vouches for when it has taken an upload in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// The upload's id: names the staged object, and is claimed once.
    pub id: Uuid,
    /// Where it may be used.
    pub portal: PortalId,
    /// Who may use it: [`crate::auth::Caller::actor`], for a guest with the source.
    pub uploader: String,
    /// SHA-256 of the content, in hexadecimal.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// The cleaned file name.
    pub name: String,
    /// The type that the content and the name agree on.
    pub content_type: String,
    /// Unix seconds until which it may be claimed.
    pub expires: i64,
}

impl Upload {
    /// Signs it.
    pub fn ticket(&self, keys: &Keys) -> Result<String, Error> {
        let message = serde_json::to_vec(self).map_err(Error::internal)?;
        keys.sign(PURPOSE, &message).map_err(Error::internal)
    }

    /// Reads a ticket for this portal and uploader; anything else is an invalid `uploads`.
    pub fn read(ticket: &str, keys: &Keys, portal: &PortalId, uploader: &str, now: OffsetDateTime) -> Result<Self, Error> {
        let verified = keys.verify(PURPOSE, ticket).map_err(|_| unusable())?;
        if !ISSUERS.contains(&verified.issuer.as_str()) {
            return Err(unusable());
        }
        let upload: Self = serde_json::from_slice(&verified.message).map_err(|_| unusable())?;
        let good = upload.portal == *portal && upload.uploader == uploader && now.unix_timestamp() < upload.expires;
        if good { Ok(upload) } else { Err(unusable()) }
    }

    /// The tickets of one request, each as [`Self::read`] reads it; more than `most` are `too_many`.
    pub fn read_all(
        tickets: &[String],
        most: usize,
        keys: &Keys,
        portal: &PortalId,
        uploader: &str,
        now: OffsetDateTime,
    ) -> Result<Vec<Self>, Error> {
        if tickets.len() > most {
            return Err(Error::invalid("uploads", "too_many", format!("At most {most} files at once.")));
        }
        tickets.iter().map(|ticket| Self::read(ticket, keys, portal, uploader, now)).collect()
    }

    /// Where the gateway put it.
    pub fn staged(&self) -> String {
        format!("staging/{}", self.id)
    }
}

/// The refusal of an upload that can't be used (again).
pub fn unusable() -> Error {
    Error::invalid("uploads", "invalid", "The upload is not known, was used, or has expired. Upload the file again.")
}

/// The message as the fingerprint of its request sees it: a file is its name and content, not its ticket. A form that is sent twice brings its
/// files twice, and is one request all the same. Nothing is verified here: whoever forges a ticket gets their own earlier answer.
pub fn by_content<M: Clone>(message: &M, uploads: impl FnOnce(&mut M) -> &mut Vec<UploadTicket>) -> M {
    let mut message = message.clone();
    for ticket in uploads(&mut message) {
        let claimed = Keys::unverified(&ticket.token).and_then(|payload| serde_json::from_slice::<Upload>(&payload).ok());
        let content =
            claimed.and_then(|upload| serde_json::to_string(&(upload.sha256, upload.size, upload.content_type, upload.name)).ok());
        if let Some(content) = content {
            ticket.token = content;
        }
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload(id: u128) -> Upload {
        Upload {
            id: Uuid::from_u128(id),
            portal: "demo".parse().unwrap(),
            uploader: "alice".into(),
            sha256: String::new(),
            size: 1,
            name: "a.png".into(),
            content_type: "image/png".into(),
            expires: 100,
        }
    }

    #[test]
    fn a_ticket_is_good_for_its_uploader_only() {
        let dir = tempfile::tempdir().unwrap();
        Keys::write_missing(dir.path(), &["gateway", "tickets"]).unwrap();
        let gateway = Keys::read(dir.path(), "gateway").unwrap();
        let tickets = Keys::read(dir.path(), "tickets").unwrap();
        let (portal, upload) = ("demo".parse().unwrap(), upload(1));
        let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).unwrap();
        let ticket = upload.ticket(&gateway).unwrap();
        assert_eq!(Upload::read(&ticket, &tickets, &portal, "alice", at(99)), Ok(upload.clone()));
        assert!(Upload::read(&ticket, &tickets, &portal, "bob", at(99)).is_err());
        assert!(Upload::read(&ticket, &tickets, &portal, "alice", at(100)).is_err());
        assert!(Upload::read(&ticket, &tickets, &"other".parse().unwrap(), "alice", at(99)).is_err());
        assert!(Upload::read(&upload.ticket(&tickets).unwrap(), &tickets, &portal, "alice", at(99)).is_err());
    }

    #[test]
    fn the_same_file_uploaded_twice_is_the_same_in_a_fingerprint_and_another_file_is_not() {
        let dir = tempfile::tempdir().unwrap();
        Keys::write_missing(dir.path(), &["gateway"]).unwrap();
        let keys = Keys::read(dir.path(), "gateway").unwrap();
        let seen = |upload: &Upload| {
            let message = vec![UploadTicket { token: upload.ticket(&keys).unwrap() }];
            by_content(&message, |message| message)
        };
        assert_eq!(seen(&upload(1)), seen(&Upload { expires: 200, ..upload(2) }));
        for other in [
            Upload { sha256: "ab".into(), ..upload(1) },
            Upload { size: 2, ..upload(1) },
            Upload { name: "b.png".into(), ..upload(1) },
            Upload { content_type: "image/gif".into(), ..upload(1) },
        ] {
            assert_ne!(seen(&upload(1)), seen(&other), "{other:?}");
        }
        let strange = vec![UploadTicket { token: "v4.public.AAAA".into() }];
        assert_eq!(by_content(&strange, |message| message), strange);
    }
}
