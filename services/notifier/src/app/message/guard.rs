//! Limits that are checked before and after a message is parsed (S64).

use mail_parser::{Message, PartType};

use super::Unreadable;

const HEADER_BYTES: usize = 256 * 1024;
const HEADER_LINES: usize = 1_000;
const MAX_DEPTH: usize = 20;
const MAX_PARTS: usize = 200;
/// Lines that may be boundaries, before the parser is let loose. More than this in 200 parts means a bomb.
const BOUNDARY_LINES: usize = 20_000;
/// Mentions of nested messages. Their nesting costs the parser's stack when it is taken apart.
const NESTED_MENTIONS: usize = 200;

/// The header block has a bound in bytes and lines.
pub(super) fn check_header(raw: &[u8]) -> Result<(), Unreadable> {
    let mut lines = 0;
    let mut length = 0;
    for line in raw.split_inclusive(|byte| *byte == b'\n') {
        if matches!(line, b"\n" | b"\r\n") {
            return if lines == 0 { Err(Unreadable::Malformed) } else { Ok(()) };
        }
        lines += 1;
        length += line.len();
        if lines > HEADER_LINES || length > HEADER_BYTES {
            return Err(Unreadable::Header);
        }
    }
    if lines == 0 { Err(Unreadable::Malformed) } else { Ok(()) }
}

/// Counts what makes structure, on the raw text. A block is a run of lines without an empty one: every header of a part is within one.
pub(super) fn check_structure(raw: &[u8]) -> Result<(), Unreadable> {
    if raw.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"--")).count() > BOUNDARY_LINES {
        return Err(Unreadable::Parts);
    }
    let lower = raw.to_ascii_lowercase();
    let text = String::from_utf8_lossy(&lower).replace("\r\n", "\n");
    if text.matches("rfc822").count() + text.matches("message/global").count() > NESTED_MENTIONS {
        return Err(Unreadable::Depth);
    }
    let hides_messages = |block: &&str| {
        let encoded = block.contains("base64") || block.contains("quoted-printable");
        let message = block.contains("message") && (block.contains("rfc822") || block.contains("global"));
        block.contains("content-type") && ((message && encoded) || (block.contains("multipart") && block.contains("digest")))
    };
    if text.split("\n\n").any(|block| hides_messages(&block)) { Err(Unreadable::Structure) } else { Ok(()) }
}

/// Depth and number of parts, those of nested messages included.
pub(super) fn check_parts(message: &Message<'_>) -> Result<(), Unreadable> {
    let mut parts = 0;
    let mut open: Vec<(&Message<'_>, u32, usize)> = vec![(message, 0, 1)];
    while let Some((message, id, depth)) = open.pop() {
        parts += 1;
        if parts > MAX_PARTS {
            return Err(Unreadable::Parts);
        }
        if depth > MAX_DEPTH {
            return Err(Unreadable::Depth);
        }
        match message.parts.get(id as usize).map(|part| &part.body) {
            Some(PartType::Multipart(children)) => open.extend(children.iter().map(|child| (message, *child, depth + 1))),
            Some(PartType::Message(inner)) => open.push((inner, 0, depth + 1)),
            _ => {}
        }
    }
    Ok(())
}
