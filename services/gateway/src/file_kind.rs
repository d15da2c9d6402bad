//! Names and types of uploaded files: what is stored as a name, and which types are taken (S49).

use unicode_normalization::UnicodeNormalization;

/// Longest stored name in characters.
const NAME: usize = 120;
/// Longest extension in characters; a longer one is none.
const EXTENSION: usize = 12;

/// Extensions that are taken, with the type that is told. Nothing of these is ever shown inline: downloads are sandboxed attachments.
const ALLOWED: &[(&str, &str)] = &[
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("gif", "image/gif"),
    ("webp", "image/webp"),
    ("avif", "image/avif"),
    ("heic", "image/heic"),
    ("bmp", "image/bmp"),
    ("tif", "image/tiff"),
    ("tiff", "image/tiff"),
    ("svg", "image/svg+xml"),
    ("pdf", "application/pdf"),
    ("txt", "text/plain"),
    ("log", "text/plain"),
    ("md", "text/markdown"),
    ("csv", "text/csv"),
    ("tsv", "text/tab-separated-values"),
    ("json", "application/json"),
    ("jsonl", "application/x-ndjson"),
    ("xml", "application/xml"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
    ("toml", "application/toml"),
    ("ini", "text/plain"),
    ("conf", "text/plain"),
    ("html", "text/html"),
    ("htm", "text/html"),
    ("css", "text/css"),
    ("sql", "application/sql"),
    ("ics", "text/calendar"),
    ("vcf", "text/vcard"),
    ("eml", "message/rfc822"),
    ("msg", "application/vnd.ms-outlook"),
    ("rtf", "application/rtf"),
    ("doc", "application/msword"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("xls", "application/vnd.ms-excel"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("ppt", "application/vnd.ms-powerpoint"),
    ("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    ("odt", "application/vnd.oasis.opendocument.text"),
    ("ods", "application/vnd.oasis.opendocument.spreadsheet"),
    ("odp", "application/vnd.oasis.opendocument.presentation"),
    ("zip", "application/zip"),
    ("gz", "application/gzip"),
    ("tgz", "application/gzip"),
    ("tar", "application/x-tar"),
    ("7z", "application/x-7z-compressed"),
    ("xz", "application/x-xz"),
    ("zst", "application/zstd"),
    ("mp3", "audio/mpeg"),
    ("wav", "audio/wav"),
    ("ogg", "audio/ogg"),
    ("m4a", "audio/mp4"),
    ("mp4", "video/mp4"),
    ("m4v", "video/mp4"),
    ("mov", "video/quicktime"),
    ("webm", "video/webm"),
    ("mkv", "video/x-matroska"),
    ("avi", "video/x-msvideo"),
    ("har", "application/json"),
    ("pcap", "application/vnd.tcpdump.pcap"),
    ("dmp", "application/octet-stream"),
    ("bin", "application/octet-stream"),
    ("dat", "application/octet-stream"),
];

/// How the content of some types must begin. An offset and the bytes there.
const SIGNATURES: &[(&str, usize, &[u8])] = &[
    ("image/png", 0, b"\x89PNG\r\n\x1a\n"),
    ("image/jpeg", 0, b"\xff\xd8\xff"),
    ("image/gif", 0, b"GIF8"),
    ("image/webp", 8, b"WEBP"),
    ("application/pdf", 0, b"%PDF-"),
    ("application/zip", 0, b"PK"),
    ("application/gzip", 0, b"\x1f\x8b"),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", 0, b"PK"),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", 0, b"PK"),
    ("application/vnd.openxmlformats-officedocument.presentationml.presentation", 0, b"PK"),
    ("video/mp4", 4, b"ftyp"),
    ("video/webm", 0, b"\x1aE\xdf\xa3"),
];

/// Programs, whatever they are called.
const PROGRAMS: &[&[u8]] = &[b"MZ", b"\x7fELF", b"\xca\xfe\xba\xbe", b"\xcf\xfa\xed\xfe"];

/// The file cannot be taken; the text says why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not among the taken types.
    #[error("Files of this type cannot be uploaded.")]
    Type,
    /// The content is something else than the name says.
    #[error("The content of the file does not fit its name.")]
    Content,
}

/// The name that is kept: the last part of a path, normalised, without control, direction and invisible characters and trailing dots.
pub fn clean_name(name: &str) -> String {
    let normal: String = name.nfc().collect();
    let last = normal.rsplit(['/', '\\']).next().unwrap_or_default();
    let visible: String = last.chars().filter(|c| !is_hidden(*c)).map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    let trimmed = visible.trim_matches(|c: char| c == '.' || c == ' ');
    if trimmed.is_empty() {
        return "file".to_owned();
    }
    match extension_of(trimmed) {
        Some(extension) => {
            let stem: String =
                trimmed.chars().take(trimmed.chars().count() - extension.chars().count() - 1).take(NAME - EXTENSION - 1).collect();
            format!("{}.{extension}", stem.trim_end_matches(['.', ' ']))
        }
        None => trimmed.chars().take(NAME).collect(),
    }
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*')
}

fn extension_of(name: &str) -> Option<&str> {
    let (stem, extension) = name.rsplit_once('.')?;
    let fits = !stem.is_empty() && (1..=EXTENSION).contains(&extension.chars().count());
    fits.then_some(extension)
}

/// The type that a cleaned name and the first bytes agree on.
///
/// # Errors
/// [`Refused`] for programs, types that are not taken, and content that is something else than the name says.
pub fn recognise(name: &str, head: &[u8]) -> Result<&'static str, Refused> {
    if PROGRAMS.iter().any(|magic| head.starts_with(magic)) {
        return Err(Refused::Type);
    }
    let Some(extension) = extension_of(name) else { return Ok("application/octet-stream") };
    let extension = extension.to_ascii_lowercase();
    let kind = ALLOWED.iter().find(|(known, _)| *known == extension).map(|(_, kind)| *kind).ok_or(Refused::Type)?;
    let mut wanted = SIGNATURES.iter().filter(|(typed, _, _)| *typed == kind).peekable();
    let fits = wanted.peek().is_none() || wanted.any(|(_, at, bytes)| head.get(*at..at + bytes.len()) == Some(*bytes));
    if fits { Ok(kind) } else { Err(Refused::Content) }
}

/// `Content-Disposition` of a download (RFC 6266): an ASCII fallback and the name itself.
pub fn disposition(name: &str) -> String {
    let name = clean_name(name);
    let ascii: String =
        name.chars().map(|c| if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%' | ';') || c == ' ' { c } else { '_' }).collect();
    let encoded = percent_encoding::utf8_percent_encode(&name, percent_encoding::NON_ALPHANUMERIC);
    format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_loses_everything_that_could_fool_a_reader_or_a_path_s49() {
        for (given, kept) in [
            ("report.pdf", "report.pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\a\\bild.PNG", "bild.PNG"),
            ("invoice\u{202e}fdp.exe", "invoicefdp.exe"),
            ("a\u{200b}b\r\nc.txt", "abc.txt"),
            ("trailing.txt. . .", "trailing.txt"),
            ("...", "file"),
            ("", "file"),
            ("Übersicht Äpfel.txt", "Übersicht Äpfel.txt"),
        ] {
            assert_eq!(clean_name(given), kept, "{given:?}");
        }
        assert!(clean_name(&format!("{}.txt", "x".repeat(10_000))).chars().count() <= NAME);
        assert!(clean_name(&format!("x.{}", "y".repeat(10_000))).chars().count() <= NAME);
    }

    #[test]
    fn a_type_is_what_name_and_content_agree_on() {
        assert_eq!(recognise("a.png", b"\x89PNG\r\n\x1a\n...."), Ok("image/png"));
        assert_eq!(recognise("a.png", b"<html>"), Err(Refused::Content));
        assert_eq!(recognise("a.exe", b"MZ"), Err(Refused::Type));
        assert_eq!(recognise("a.txt", b"MZ\x90"), Err(Refused::Type));
        assert_eq!(recognise("a.sh", b"#!/bin/sh"), Err(Refused::Type));
        assert_eq!(recognise("a.log", b"anything"), Ok("text/plain"));
        assert_eq!(recognise("README", b"anything"), Ok("application/octet-stream"));
    }

    #[test]
    fn a_download_keeps_its_name_in_both_forms() {
        assert_eq!(disposition("a b.txt"), "attachment; filename=\"a b.txt\"; filename*=UTF-8''a%20b%2Etxt");
        let odd = disposition("ü\"\r\nx.txt");
        assert!(!odd.contains(['\r', '\n']) && odd.contains("filename=\"_x.txt\"") && odd.contains("%C3%BCx"));
    }
}
