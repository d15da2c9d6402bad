//! Reads a raw message into what inbound mail needs, within limits (S60, S64).

mod guard;

use std::borrow::Cow;

use mail_parser::{Address, Message, MessageParser, MimeHeaders, PartType};

use crate::domain::inbound::{bare_message_id, is_usable_message_id};
use crate::domain::loops::Signs;
use crate::domain::quote;
use crate::domain::sender::{is_plain_address, single_address};
use crate::domain::text::one_line;

/// Attachments taken from one message; the rest is left out.
pub const MAX_FILES: usize = 20;
/// Other addresses taken from To and Cc.
const MAX_CC: usize = 20;
/// The longest subject that is kept, in characters.
const SUBJECT_CHARS: usize = 300;
/// The longest name that is kept, in characters.
const NAME_CHARS: usize = 120;

/// Why a message is set aside without being read further: the `reason` of a quarantined mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// No headers, or nothing at all.
    #[error("malformed")]
    Malformed,
    /// A header block of more than 256 KiB or 1,000 lines.
    #[error("header_too_large")]
    Header,
    /// Deeper than 20 levels.
    #[error("too_deep")]
    Depth,
    /// More than 200 parts.
    #[error("too_many_parts")]
    Parts,
    /// Messages hidden in a transfer encoding, or a digest of messages: RFC 2046 forbids the one, lists make the other.
    #[error("unsafe_structure")]
    Structure,
    /// From names nobody, several, or can be read in two ways.
    #[error("ambiguous_sender")]
    Sender,
}

/// A file that came with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// As the sender named it; may be empty.
    pub name: String,
    /// As the sender typed it.
    pub content_type: String,
    /// The content, decoded.
    pub bytes: Vec<u8>,
}

/// What the header of a message says, before its body is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Without angle brackets; `None` when it has none that can name a message.
    pub message_id: Option<String>,
    /// The one address in From; `Err` when there is not exactly one.
    pub from_address: Result<String, Unreadable>,
    /// The name in From.
    pub from_name: String,
    /// One line.
    pub subject: String,
    /// The topmost `Authentication-Results`.
    pub authentication: Option<String>,
    /// What tells a machine from a person.
    pub signs: Signs,
    /// All addresses it was sent to, as To, Cc and the delivering system say, lower case.
    pub recipients: Vec<String>,
    /// Addresses in To and Cc alone, lower case.
    pub to_and_cc: Vec<String>,
}

/// What was written and sent along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// The text.
    pub text: String,
    /// The text was made from HTML.
    pub from_html: bool,
    /// At most [`MAX_FILES`].
    pub files: Vec<File>,
    /// Files that were left out because there were more.
    pub left_out: usize,
}

impl Body {
    /// What the writer added: without quotes when it answers a mail of ours, else whole.
    pub fn written(&self, is_answer: bool) -> String {
        if is_answer { quote::answer_of(&self.text, self.from_html) } else { quote::whole(&self.text) }
    }
}

/// Reads the header only. `mail_domain` tells our own Message-IDs.
pub fn read_head(raw: &[u8], mail_domain: &str) -> Result<Head, Unreadable> {
    guard::check_header(raw)?;
    let message = MessageParser::default().parse_headers(raw).ok_or(Unreadable::Malformed)?;
    if message.headers().is_empty() {
        return Err(Unreadable::Malformed);
    }
    let from = only(&values(&message, raw, "From")).map(|value| value.into_owned());
    let from_address = from.as_deref().and_then(single_address).filter(|address| agrees(&message, address)).ok_or(Unreadable::Sender);
    let message_id = values(&message, raw, "Message-ID").first().map(|value| bare_message_id(value).to_owned());
    let message_id = message_id.filter(|id| is_usable_message_id(id));
    let signs = signs(&message, raw, message_id.as_deref(), from_address.as_deref().unwrap_or_default(), mail_domain);
    let to_and_cc = addresses(message.all_to().chain(message.all_cc()));
    let mut recipients = to_and_cc.clone();
    for name in ["Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To"] {
        recipients.extend(values(&message, raw, name).iter().map(|value| bare_message_id(value).to_ascii_lowercase()));
    }
    recipients.truncate(200);
    Ok(Head {
        message_id,
        from_address,
        from_name: one_line(message.from().and_then(Address::first).and_then(|first| first.name()).unwrap_or_default(), NAME_CHARS),
        subject: one_line(message.subject().unwrap_or_default(), SUBJECT_CHARS),
        authentication: values(&message, raw, "Authentication-Results").into_iter().next().map(Cow::into_owned),
        signs,
        recipients,
        to_and_cc,
    })
}

/// Reads text and files. Blocking: up to a second for the largest message.
pub fn read_body(raw: &[u8]) -> Result<Body, Unreadable> {
    guard::check_header(raw)?;
    guard::check_structure(raw)?;
    let message = MessageParser::default().parse(raw).ok_or(Unreadable::Malformed)?;
    guard::check_parts(&message)?;
    let (text, from_html) = text_of(&message);
    let all: Vec<&mail_parser::MessagePart<'_>> = message.attachments().filter(|part| !part.is_multipart()).collect();
    let files: Vec<File> = all.iter().take(MAX_FILES).map(|part| file(part)).collect();
    Ok(Body { text, from_html, left_out: all.len() - files.len(), files })
}

/// Addresses in To and Cc that are not `own` (the portal's inbound address, with or without a token) nor the sender's.
pub fn others(head: &Head, own: &str) -> Vec<String> {
    let base = |address: &str| match address.split_once('@') {
        Some((local, domain)) => format!("{}@{domain}", local.split('+').next().unwrap_or_default()),
        None => String::new(),
    };
    let own = base(&own.to_ascii_lowercase());
    let own_domain = own.split_once('@').map(|(_, domain)| domain.to_owned()).unwrap_or_default();
    let sender = head.from_address.as_deref().unwrap_or_default();
    let is_ours =
        |address: &str| base(address) == own || address == format!("reply@{own_domain}") || base(address) == format!("reply@{own_domain}");
    head.to_and_cc.iter().filter(|address| address.as_str() != sender && !is_ours(address)).take(MAX_CC).cloned().collect()
}

fn agrees(message: &Message<'_>, address: &str) -> bool {
    let parsed: Vec<&str> = message.from().map(|from| from.iter().filter_map(|one| one.address()).collect()).unwrap_or_default();
    parsed.len() == 1 && parsed[0].eq_ignore_ascii_case(address)
}

fn only<'a>(found: &[Cow<'a, str>]) -> Option<Cow<'a, str>> {
    if found.len() == 1 { found.first().cloned() } else { None }
}

/// The values of a header as they stand, topmost first, unfolded, trimmed.
fn values<'a>(message: &Message<'_>, raw: &'a [u8], name: &str) -> Vec<Cow<'a, str>> {
    let wanted = |header: &&mail_parser::Header<'_>| header.name().eq_ignore_ascii_case(name);
    let value = |header: &mail_parser::Header<'_>| {
        let bytes = raw.get(header.offset_start() as usize..header.offset_end() as usize).unwrap_or_default();
        match String::from_utf8_lossy(bytes) {
            Cow::Borrowed(text) if !text.trim().contains(['\r', '\n']) => Cow::Borrowed(text.trim()),
            text => Cow::Owned(text.trim().replace("\r\n", "").replace('\n', "")),
        }
    };
    message.headers().iter().filter(wanted).map(value).collect()
}

fn signs(message: &Message<'_>, raw: &[u8], id: Option<&str>, from: &str, mail_domain: &str) -> Signs {
    let first = |name: &str| values(message, raw, name).into_iter().next().map(Cow::into_owned);
    let has = |name: &str| message.headers().iter().any(|header| header.name().eq_ignore_ascii_case(name));
    let domain = id.and_then(|id| id.rsplit_once('@')).map(|(_, domain)| domain);
    Signs {
        auto_submitted: first("Auto-Submitted"),
        return_path: first("Return-Path"),
        precedence: first("Precedence"),
        from_list: has("List-Id") || has("List-Unsubscribe"),
        suppress: first("X-Auto-Response-Suppress"),
        our_header: has("X-Portico-Kind"),
        loop_header: has("X-Loop") || has("X-Autoreply") || has("X-Autorespond"),
        our_message_id: domain.is_some_and(|domain| domain.eq_ignore_ascii_case(mail_domain)),
        local_part: from.split('@').next().unwrap_or_default().to_owned(),
        report: message.content_type().is_some_and(|kind| kind.ctype() == "multipart" && kind.subtype() == Some("report")),
    }
}

fn addresses<'a>(lists: impl Iterator<Item = &'a Address<'a>>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for address in lists.flat_map(|list| list.iter()).filter_map(|one| one.address()).take(200) {
        let address = address.trim().to_ascii_lowercase();
        if is_plain_address(&address) && !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

/// The text of all body parts, in order, and whether any of it had to be made from HTML.
fn text_of(message: &Message<'_>) -> (String, bool) {
    let mut text = String::new();
    let mut from_html = false;
    for index in 0..message.text_body_count() {
        let is_html = message.text_part(index as u32).is_some_and(|part| matches!(part.body, PartType::Html(_)));
        from_html |= is_html;
        let Some(part) = message.body_text(index) else { continue };
        if !text.is_empty() && !part.trim().is_empty() {
            text.push_str("\n\n");
        }
        text.push_str(quote::bounded(part.trim_matches('\n')));
        if text.len() > quote::LONGEST {
            break;
        }
    }
    let readable = text.chars().filter(|character| !character.is_control() || matches!(character, '\n' | '\t')).collect();
    (readable, from_html)
}

fn file(part: &mail_parser::MessagePart<'_>) -> File {
    let content_type = part.content_type().map(|kind| format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or("octet-stream")));
    let content_type = content_type.unwrap_or_else(|| "application/octet-stream".to_owned());
    let name = match part.attachment_name() {
        Some(name) => one_line(name, 200),
        None if part.is_message() => "message.eml".to_owned(),
        None => default_name(&content_type),
    };
    File { name, content_type, bytes: part.contents().to_vec() }
}

fn default_name(content_type: &str) -> String {
    let extension = match content_type {
        "image/png" => ".png",
        "image/jpeg" => ".jpg",
        "image/gif" => ".gif",
        "text/calendar" => ".ics",
        "text/html" => ".html",
        "text/plain" => ".txt",
        "application/pdf" => ".pdf",
        _ => ".bin",
    };
    format!("attachment{extension}")
}

#[cfg(test)]
mod tests;
