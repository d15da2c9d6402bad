//! Builds one mail: one recipient, HTML and text, headers that nobody can write into (S58).

use askama::Template;
use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart, SinglePart};
use portico_chassis::ids::PortalId;
use portico_chassis::markdown;
use time::OffsetDateTime;

use super::content::{Content, portal_path};
use super::digest::MailKey;
use super::words::Language;
use crate::domain::delivery::DeliveryId;
use crate::domain::kind::Kind;
use crate::domain::reply_address;
use crate::domain::sender::is_plain_address;
use crate::domain::text::{NAME_CHARS, SUBJECT_CHARS, one_line, subject};

/// The longest quoted text in a mail, in bytes; the rest is behind the button.
const QUOTE_BYTES: usize = 40_000;

/// What is the same for all mails of this installation.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The base of links, without a slash at the end.
    pub public_url: String,
    /// The right part of our Message-IDs.
    pub mail_domain: String,
    /// Makes reply addresses and conversation ids.
    pub key: MailKey,
}

/// What is particular to one mail.
#[derive(Debug)]
pub struct Letter<'a> {
    /// Names the mail: the left part of its Message-ID.
    pub id: DeliveryId,
    /// Whose mail it is.
    pub portal: &'a PortalId,
    /// What it is about.
    pub kind: Kind,
    /// Whether its reader may switch such mails off.
    pub optional: bool,
    /// The person who gets it, when it is one: whose answers the reply address carries.
    pub reader: Option<&'a str>,
    /// The portal's inbound address: the mail's From.
    pub inbound_address: &'a str,
    /// The words.
    pub content: &'a Content,
    /// The mail's Date.
    pub now: OffsetDateTime,
}

/// A mail that is ready to go.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Null sender (RFC 3834), one recipient.
    pub envelope: Envelope,
    /// The message, CRLF line ends.
    pub bytes: Vec<u8>,
    /// Where it goes, lower case.
    pub domain: String,
    /// The token of its reply address, to be stored before the mail leaves.
    pub reply_token: Option<String>,
}

/// Why no mail can be made. Trying again gives the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    /// The recipient's address can't be used over SMTP.
    #[error("bad_address")]
    Address,
    /// The portal's own inbound address can't be used.
    #[error("bad_inbound_address")]
    InboundAddress,
    /// The mail could not be put together.
    #[error("bad_content")]
    Content,
}

#[derive(Template)]
#[template(path = "mail.html")]
struct Html<'a> {
    lang: &'a str,
    subject: &'a str,
    portal_title: &'a str,
    number: &'a str,
    intro: &'a [String],
    wrote: &'a str,
    body_html: &'a str,
    facts: &'a [(String, String)],
    action_label: &'a str,
    action_url: &'a str,
    link_hint: &'a str,
    footer: &'a [String],
}

#[derive(Template)]
#[template(path = "mail.txt", escape = "none")]
struct Text<'a> {
    portal_title: &'a str,
    number: &'a str,
    intro: &'a [String],
    wrote: &'a str,
    body_text: &'a str,
    facts: &'a [(String, String)],
    action_label: &'a str,
    action_url: &'a str,
    footer: &'a [String],
}

/// Builds the mail. The same letter always gets the same Message-ID.
pub fn compose(frame: &Frame, letter: &Letter<'_>) -> Result<Outgoing, ComposeError> {
    let content = letter.content;
    let to = mailbox(&content.to_name, &content.to_address).ok_or(ComposeError::Address)?;
    let title = one_line(&content.portal_title, NAME_CHARS);
    let from = mailbox(&title, letter.inbound_address).ok_or(ComposeError::InboundAddress)?;
    let envelope = Envelope::new(None, vec![to.email.clone()]).map_err(|_| ComposeError::Address)?;
    let domain = to.email.domain().to_ascii_lowercase();
    let subject = subject_of(content);

    let mut builder = Message::builder()
        .envelope(envelope.clone())
        .from(from)
        .to(to)
        .subject(subject.clone())
        .date(std::time::SystemTime::from(letter.now))
        .message_id(Some(message_id(frame, letter.id)))
        .raw_header(header("Auto-Submitted", "auto-generated"))
        .raw_header(header("X-Auto-Response-Suppress", "All"))
        .raw_header(header("X-Portico-Kind", letter.kind.name()));
    let number = header_word(&content.ticket_number);
    if !number.is_empty() {
        builder = builder.raw_header(header("X-Portico-Ticket", &number));
    }
    if !content.thread_root.is_empty() {
        let root = format!("<{}@{}>", frame.key.thread_id(letter.portal, &content.thread_root), frame.mail_domain);
        builder = builder.in_reply_to(root.clone()).references(root);
    }
    let reply_token = reply_token(frame, letter);
    if let Some(token) = &reply_token {
        let address = reply_address::with_token(letter.inbound_address, token).ok_or(ComposeError::InboundAddress)?;
        builder = builder.reply_to(mailbox(&title, &address).ok_or(ComposeError::InboundAddress)?);
    }
    let message = builder.multipart(body(frame, letter, &title, &subject, &number)?).map_err(|_| ComposeError::Content)?;
    Ok(Outgoing { envelope, bytes: message.formatted(), domain, reply_token })
}

/// The one Message-ID of a delivery, in angle brackets.
pub fn message_id(frame: &Frame, id: DeliveryId) -> String {
    format!("<{id}@{}>", frame.mail_domain)
}

/// Subject and bell title: one line, with the ticket's number.
pub fn subject_of(content: &Content) -> String {
    let line = subject(&content.ticket_number, &content.subject);
    if line.is_empty() { one_line(&content.portal_title, SUBJECT_CHARS) } else { line }
}

fn reply_token(frame: &Frame, letter: &Letter<'_>) -> Option<String> {
    let reader = letter.reader?;
    (letter.content.answerable && !letter.content.thread_root.is_empty())
        .then(|| frame.key.reply_token(letter.portal, &letter.content.thread_root, reader))
}

fn body(frame: &Frame, letter: &Letter<'_>, title: &str, subject: &str, number: &str) -> Result<MultiPart, ComposeError> {
    let content = letter.content;
    let language = Language::of(&content.locale);
    let quoted = bounded(&content.body_markdown);
    let name = one_line(&content.author_name, NAME_CHARS);
    let wrote = if name.is_empty() { String::new() } else { language.wrote(&name) };
    let action_url = format!("{}{}", frame.public_url, portal_path(letter.portal.as_str(), &content.action_path));
    let footer = footer(letter, language, title);
    let body_html = if quoted.trim().is_empty() { String::new() } else { styled(&markdown::render(&quoted)) };
    let html = Html {
        lang: language.tag(),
        subject,
        portal_title: title,
        number,
        intro: &content.intro,
        wrote: &wrote,
        body_html: &body_html,
        facts: &content.facts,
        action_label: &content.action_label,
        action_url: &action_url,
        link_hint: language.link_hint(),
        footer: &footer,
    };
    let text = Text {
        portal_title: title,
        number,
        intro: &content.intro,
        wrote: &wrote,
        body_text: quoted.trim(),
        facts: &content.facts,
        action_label: &content.action_label,
        action_url: &action_url,
        footer: &footer,
    };
    let plain = without_controls(&text.render().map_err(|_| ComposeError::Content)?);
    let rich = without_controls(&html.render().map_err(|_| ComposeError::Content)?);
    Ok(MultiPart::alternative()
        .singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(plain))
        .singlepart(SinglePart::builder().header(ContentType::TEXT_HTML).body(rich)))
}

/// Long lines of code wrap instead of making the mail as wide as they are. `<` in what a person wrote is escaped, so the tag is ours.
fn styled(html: &str) -> String {
    html.replace("<pre>", "<pre style=\"white-space:pre-wrap\">")
}

fn footer(letter: &Letter<'_>, language: Language, title: &str) -> Vec<String> {
    let mut lines = Vec::with_capacity(3);
    if letter.content.answerable && letter.reader.is_some() {
        lines.push(language.answer_hint().to_owned());
    }
    lines.push(language.sent_by(title));
    if letter.optional {
        lines.push(language.settings_hint().to_owned());
    }
    lines
}

/// An address with a name. Only unquoted ASCII addresses go out: an address is never a place for tricks.
fn mailbox(name: &str, address: &str) -> Option<Mailbox> {
    let address = address.trim();
    if !is_plain_address(address) {
        return None;
    }
    let name = one_line(name, NAME_CHARS);
    Some(Mailbox::new((!name.is_empty()).then_some(name), address.parse().ok()?))
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// A value of visible ASCII alone, at most 60 characters.
fn header_word(text: &str) -> String {
    text.chars().filter(char::is_ascii_graphic).take(60).collect()
}

fn bounded(text: &str) -> String {
    if text.len() <= QUOTE_BYTES {
        return text.to_owned();
    }
    let mut end = QUOTE_BYTES;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

/// Line ends and tabs stay, other controls go: NUL and escape sequences have no place in a mail.
fn without_controls(text: &str) -> String {
    text.chars().filter(|character| !character.is_control() || matches!(character, '\n' | '\t')).collect()
}

#[cfg(test)]
mod tests;
