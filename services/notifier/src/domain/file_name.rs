//! Names and types of files that came by mail (S49).

/// The longest name, in characters.
const LONGEST: usize = 120;
/// The longest ending that is kept when a name is cut.
const ENDING: usize = 12;

/// A name without folders, controls, direction marks and leading or trailing dots; `attachment` when nothing is left.
pub fn clean(name: &str) -> String {
    let line = super::text::one_line(name, 1_000);
    let last = line.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept: String = last.chars().filter(|character| !matches!(character, ':' | '*' | '?' | '"' | '<' | '>' | '|')).collect();
    let trimmed = kept.trim_matches(['.', ' ']);
    match trimmed.chars().count() {
        0 => "attachment".to_owned(),
        1..=LONGEST => trimmed.to_owned(),
        _ => shorten(trimmed),
    }
}

fn shorten(name: &str) -> String {
    let (stem, ending) = match name.rsplit_once('.') {
        Some((stem, ending)) if ending.chars().count() <= ENDING => (stem, format!(".{ending}")),
        _ => (name, String::new()),
    };
    let room = LONGEST - ending.chars().count();
    format!("{}{ending}", stem.chars().take(room).collect::<String>())
}

/// The sender's type when it is well-formed, else `application/octet-stream`. Nobody is served a file with it: it is shown only.
pub fn content_type(claimed: &str) -> String {
    let token = |text: &str| {
        (1..=60).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    let claimed = claimed.trim().to_ascii_lowercase();
    match claimed.split_once('/') {
        Some((kind, subtype)) if token(kind) && token(subtype) => claimed,
        _ => "application/octet-stream".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_no_folders_and_no_tricks() {
        for (name, expected) in [
            ("report.pdf", "report.pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\temp\\a.txt", "a.txt"),
            ("invoice\u{202E}fdp.exe", "invoicefdp.exe"),
            ("a\r\nb.txt", "a b.txt"),
            ("...", "attachment"),
            ("", "attachment"),
            ("  .hidden. ", "hidden"),
            ("Rechnung ü.pdf", "Rechnung ü.pdf"),
        ] {
            assert_eq!(clean(name), expected, "{name:?}");
        }
    }

    #[test]
    fn a_long_name_keeps_its_ending() {
        let long = clean(&format!("{}.pdf", "ü".repeat(500)));
        assert!(long.ends_with(".pdf") && long.chars().count() == LONGEST);
        assert_eq!(clean(&format!("a.{}", "x".repeat(10_000))).chars().count(), LONGEST);
    }

    #[test]
    fn a_type_is_two_tokens() {
        assert_eq!(content_type("Image/PNG"), "image/png");
        for bad in ["", "image", "image/", "a/b/c", "text/html\r\nx: y", "text/ html"] {
            assert_eq!(content_type(bad), "application/octet-stream", "{bad:?}");
        }
    }
}
