//! Caught mail on disk: one `.eml` file each, named in the order of arrival.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use anyhow::{Context, Result};
use mail_parser::{Address, MessageParser, MimeHeaders};

use crate::layout::write_atomically;

/// The folder of caught mail.
#[derive(Debug, Clone)]
pub struct Shelf {
    folder: PathBuf,
    next: Arc<AtomicU64>,
}

/// What the list shows of a mail.
#[derive(Debug, Clone)]
pub struct Summary {
    /// The file's name without `.eml`.
    pub name: String,
    /// Who got it.
    pub to: String,
    /// Who sent it.
    pub from: String,
    /// Its subject.
    pub subject: String,
    /// `X-Portico-Kind`.
    pub kind: String,
    /// When it arrived.
    pub arrived: Option<SystemTime>,
}

/// A whole mail, ready to be shown.
#[derive(Debug, Clone)]
pub struct Letter {
    /// What the list shows too.
    pub summary: Summary,
    /// The plain text part.
    pub text: String,
    /// The HTML part, as it came.
    pub html: Option<String>,
    /// Names and sizes of attached files.
    pub files: Vec<(String, usize)>,
}

impl Shelf {
    /// Opens the folder; numbering goes on after what is there.
    pub fn open(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let last = names(folder)?.iter().filter_map(|name| name.split('-').next()?.parse::<u64>().ok()).max().unwrap_or(0);
        Ok(Self { folder: folder.to_path_buf(), next: Arc::new(AtomicU64::new(last + 1)) })
    }

    /// Keeps one mail; when this returns it is a whole file.
    pub fn keep(&self, raw: &[u8]) -> Result<String> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let kind = MessageParser::default()
            .parse_headers(raw)
            .and_then(|message| message.header_raw("X-Portico-Kind").map(|kind| kind.trim().to_owned()))
            .filter(|kind| !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
            .unwrap_or_else(|| "mail".to_owned());
        let name = format!("{number:06}-{kind}");
        write_atomically(&self.folder.join(format!("{name}.eml")), raw, 0o644).context("a mail cannot be kept")?;
        Ok(name)
    }

    /// Deletes the oldest mails until no more than given are left, with no more bytes than given.
    pub fn tidy(&self, most: usize, bytes: u64) -> Result<()> {
        let mut all = names(&self.folder)?;
        all.sort_unstable_by(|one, two| two.cmp(one));
        let mut sum = 0;
        for (index, name) in all.into_iter().enumerate() {
            let path = self.folder.join(format!("{name}.eml"));
            sum += std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
            if index >= most || sum > bytes {
                std::fs::remove_file(&path).with_context(|| format!("{} cannot be removed", path.display()))?;
            }
        }
        Ok(())
    }

    /// The newest mails, at most as many as given, whose recipient, sender or subject contains the words.
    pub fn newest(&self, words: &str, limit: usize) -> Result<Vec<Summary>> {
        let wanted = words.to_lowercase();
        let mut all = names(&self.folder)?;
        all.sort_unstable_by(|one, two| two.cmp(one));
        let summaries = all.into_iter().filter_map(|name| self.letter(&name).map(|letter| letter.summary));
        let fits = |summary: &Summary| {
            wanted.is_empty()
                || [&summary.to, &summary.subject, &summary.from, &summary.kind].iter().any(|text| text.to_lowercase().contains(&wanted))
        };
        Ok(summaries.filter(fits).take(limit).collect())
    }

    /// The bytes of one mail; none for a name that is not on the shelf.
    pub fn raw(&self, name: &str) -> Option<Vec<u8>> {
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if !plain {
            return None;
        }
        std::fs::read(self.folder.join(format!("{name}.eml"))).ok()
    }

    /// One mail, parsed.
    pub fn letter(&self, name: &str) -> Option<Letter> {
        let raw = self.raw(name)?;
        let message = MessageParser::default().parse(&raw)?;
        let summary = Summary {
            name: name.to_owned(),
            to: people(message.to()),
            from: people(message.from()),
            subject: message.subject().unwrap_or("(no subject)").to_owned(),
            kind: message.header_raw("X-Portico-Kind").map(|kind| kind.trim().to_owned()).unwrap_or_default(),
            arrived: std::fs::metadata(self.folder.join(format!("{name}.eml"))).and_then(|metadata| metadata.modified()).ok(),
        };
        let text = message.body_text(0).map(|text| text.into_owned()).unwrap_or_default();
        let html = (message.html_body_count() > 0).then(|| message.body_html(0).map(|html| html.into_owned())).flatten();
        let files =
            message.attachments().map(|part| (part.attachment_name().unwrap_or("file").to_owned(), part.contents().len())).collect();
        Some(Letter { summary, text, html, files })
    }
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    Ok(entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str().and_then(|name| name.strip_suffix(".eml")).map(str::to_owned))
        .collect())
}

fn people(address: Option<&Address<'_>>) -> String {
    let Some(address) = address else { return String::new() };
    let each = address.iter().map(|one| match (one.name(), one.address()) {
        (Some(name), Some(address)) => format!("{name} <{address}>"),
        (_, address) => address.unwrap_or_default().to_owned(),
    });
    each.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &[u8] =
        b"From: Help <help@demo.test>\r\nTo: alice@acme.test\r\nSubject: We got it\r\nX-Portico-Kind: receipt\r\n\r\nHello Alice\r\n";

    #[test]
    fn a_kept_mail_is_listed_and_numbering_goes_on_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(folder.path()).unwrap();
        assert_eq!(shelf.keep(MAIL).unwrap(), "000001-receipt");
        let again = Shelf::open(folder.path()).unwrap();
        assert_eq!(again.keep(b"Subject: plain\r\n\r\nx").unwrap(), "000002-mail");
        let listed = again.newest("alice", 10).unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].subject, "We got it");
        assert_eq!(again.letter("000001-receipt").unwrap().text.trim(), "Hello Alice");
    }

    #[test]
    fn the_oldest_mails_leave_when_there_are_too_many() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(folder.path()).unwrap();
        for _ in 0..4 {
            shelf.keep(MAIL).unwrap();
        }
        shelf.tidy(3, u64::MAX).unwrap();
        assert!(shelf.raw("000001-receipt").is_none() && shelf.raw("000002-receipt").is_some());
        shelf.tidy(3, u64::try_from(MAIL.len()).unwrap()).unwrap();
        assert!(shelf.raw("000003-receipt").is_none() && shelf.raw("000004-receipt").is_some());
    }

    #[test]
    fn a_name_never_leaves_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(folder.path()).unwrap();
        assert!(shelf.raw("../secret").is_none());
    }
}
