//! Caught mail.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use mail_parser::MessageParser;
use time::OffsetDateTime;

use crate::wait;

/// One mail that left.
#[derive(Debug, Clone)]
pub struct Mail {
    /// The file's name; later mail sorts after earlier.
    pub name: String,
    /// When the server kept it, by the wall clock.
    pub arrived: OffsetDateTime,
    /// Its only recipient.
    pub to: String,
    /// `X-Portico-Kind`.
    pub kind: String,
    /// `X-Portico-Ticket`; empty when it is not about one.
    pub ticket: String,
    /// The subject, decoded.
    pub subject: String,
    /// `Message-ID` without brackets.
    pub message_id: String,
    /// The address for answers.
    pub reply_to: String,
    /// The plain text.
    pub text: String,
    /// The HTML.
    pub html: String,
    /// Everything, as sent.
    pub raw: String,
}

impl Mail {
    /// The token of the one-time link in this mail.
    #[track_caller]
    pub fn token(&self) -> String {
        let token = ["/invite/", "/verify/", "/reset/"].iter().find_map(|mark| {
            let (_, rest) = self.text.split_once(mark)?;
            Some(rest.chars().take_while(|letter| letter.is_ascii_alphanumeric() || "-_.~=".contains(*letter)).collect::<String>())
        });
        token.unwrap_or_else(|| panic!("no one-time link in {}: {}", self.name, self.text))
    }

    fn parse(name: &str, arrived: OffsetDateTime, raw: &[u8]) -> Option<Self> {
        let message = MessageParser::default().parse(raw)?;
        let header = |key: &str| message.header_raw(key).map(|text| text.trim().to_owned()).unwrap_or_default();
        let first = |address: Option<&mail_parser::Address<'_>>| {
            address.and_then(|list| list.first()).and_then(|one| one.address()).unwrap_or_default().to_owned()
        };
        Some(Self {
            name: name.to_owned(),
            arrived,
            to: first(message.to()),
            kind: header("X-Portico-Kind"),
            ticket: header("X-Portico-Ticket"),
            subject: message.subject().unwrap_or_default().to_owned(),
            message_id: message.message_id().unwrap_or_default().to_owned(),
            reply_to: first(message.reply_to()),
            text: message.body_text(0).map(std::borrow::Cow::into_owned).unwrap_or_default(),
            html: message.body_html(0).map(std::borrow::Cow::into_owned).unwrap_or_default(),
            raw: String::from_utf8_lossy(raw).into_owned(),
        })
    }
}

/// The folder of caught mail; each file is read once.
#[derive(Debug, Clone)]
pub struct Mailbox {
    folder: PathBuf,
    seen: Arc<Mutex<BTreeMap<String, Option<Mail>>>>,
}

impl Mailbox {
    /// Over a stack's `mail_dir`.
    pub fn open(folder: &Path) -> Self {
        Self { folder: folder.to_path_buf(), seen: Arc::default() }
    }

    /// Every mail to an address so far, oldest first.
    pub fn to(&self, address: &str) -> Vec<Mail> {
        self.of(|mail| mail.to.eq_ignore_ascii_case(address))
    }

    /// Every mail so far, to whomever.
    pub fn all(&self) -> Vec<Mail> {
        self.of(|_| true)
    }

    fn of(&self, wanted: impl Fn(&Mail) -> bool) -> Vec<Mail> {
        let mut seen = self.seen.lock().expect("no panic while reading mail");
        for entry in std::fs::read_dir(&self.folder).expect("the folder of mail").flatten() {
            let Some(name) = entry.file_name().to_str().and_then(|name| name.strip_suffix(".eml")).map(str::to_owned) else { continue };
            if let std::collections::btree_map::Entry::Vacant(place) = seen.entry(name) {
                // A file is whole from the moment in which it has its name, and never written again.
                let arrived = entry.metadata().and_then(|about| about.modified()).map(OffsetDateTime::from);
                let read = arrived.and_then(|arrived| Ok((arrived, std::fs::read(entry.path())?))).ok();
                let mail = read.and_then(|(arrived, raw)| Mail::parse(place.key(), arrived, &raw));
                place.insert(mail);
            }
        }
        seen.values().flatten().filter(|mail| wanted(mail)).cloned().collect()
    }

    /// The mails of one kind to an address so far, oldest first.
    pub fn of_kind(&self, address: &str, kind: &str) -> Vec<Mail> {
        self.to(address).into_iter().filter(|mail| mail.kind == kind).collect()
    }

    /// Waits for the first mail of a kind to an address.
    pub async fn first(&self, address: &str, kind: &str) -> Mail {
        self.nth(address, kind, 1).await
    }

    /// Waits for the nth mail (1, 2, …) of a kind to an address.
    pub async fn nth(&self, address: &str, kind: &str, nth: usize) -> Mail {
        let what = format!("mail {nth} of kind {kind} to {address}");
        wait::until(&what, async || self.of_kind(address, kind).into_iter().nth(nth - 1)).await
    }

    /// Waits for a mail of a kind about a ticket.
    pub async fn about(&self, address: &str, kind: &str, ticket: &str) -> Mail {
        let what = format!("mail of kind {kind} about {ticket} to {address}");
        wait::until(&what, async || self.of_kind(address, kind).into_iter().find(|mail| mail.ticket == ticket)).await
    }
}
