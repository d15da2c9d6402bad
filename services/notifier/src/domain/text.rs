//! Text that reaches a header: one line, no controls, bounded.

/// The longest subject that leaves, in characters, the number included.
pub const SUBJECT_CHARS: usize = 200;
/// The longest display name that leaves, in characters.
pub const NAME_CHARS: usize = 80;

/// Makes `text` fit for a header: every control and every Unicode line or paragraph separator becomes a space, runs of spaces become
/// one, direction marks and other invisible format characters go, and what is longer than `max` characters ends in `…` (S58).
pub fn one_line(text: &str, max: usize) -> String {
    let mut line = String::with_capacity(text.len().min(max * 4));
    let mut count = 0;
    for character in text.chars() {
        if is_invisible(character) {
            continue;
        }
        let character = if character.is_control() || character.is_whitespace() { ' ' } else { character };
        if character == ' ' && (line.is_empty() || line.ends_with(' ')) {
            continue;
        }
        if count == max {
            line.truncate(line.trim_end().len());
            drop_last(&mut line);
            line.push('…');
            return line;
        }
        line.push(character);
        count += 1;
    }
    line.truncate(line.trim_end().len());
    line
}

/// A subject that names the ticket: `[DEMO-7] Printer is on fire`, without naming it twice.
pub fn subject(number: &str, text: &str) -> String {
    let number = one_line(number, 60);
    let text = one_line(text, SUBJECT_CHARS);
    if number.is_empty() || text.contains(&format!("[{number}]")) { text } else { one_line(&format!("[{number}] {text}"), SUBJECT_CHARS) }
}

fn drop_last(line: &mut String) {
    line.pop();
}

fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}'
        | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_break_of_any_kind_survives() {
        for hostile in ["a\r\nBcc: eve@x.test", "a\nb", "a\0b", "a\u{2028}b", "a\u{2029}b", "a\u{85}b", "a\u{0b}b", "a\r\n\r\nbody"] {
            let line = one_line(hostile, 100);
            assert!(!line.chars().any(|c| c.is_control() || c == '\u{2028}' || c == '\u{2029}'), "{line:?}");
            assert!(line.starts_with("a ") && line.len() > 2);
        }
    }

    #[test]
    fn a_hundred_kilobytes_become_one_bounded_line() {
        let line = one_line(&"ü".repeat(100_000), SUBJECT_CHARS);
        assert_eq!(line.chars().count(), SUBJECT_CHARS);
        assert!(line.ends_with('…'));
    }

    #[test]
    fn direction_marks_cannot_disguise_a_name() {
        assert_eq!(one_line("Ali\u{202E}ce\u{200B}", 80), "Alice");
    }

    #[test]
    fn the_number_is_in_the_subject_once() {
        assert_eq!(subject("DEMO-7", "Printer on fire"), "[DEMO-7] Printer on fire");
        assert_eq!(subject("DEMO-7", "Re: [DEMO-7] Printer"), "Re: [DEMO-7] Printer");
        assert_eq!(subject("", "Hello"), "Hello");
        assert!(subject("DEMO-7", &"x".repeat(5000)).starts_with("[DEMO-7] "));
    }
}
