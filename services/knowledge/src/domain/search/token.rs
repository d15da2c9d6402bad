//! Words of a text.

/// A word with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Lower case, with plain apostrophes.
    pub text: String,
    /// Ordinal of the word in its text, from 0. The parts of a compound share the compound's position.
    pub position: u32,
    /// Byte offsets in the text.
    pub start: usize,
    /// End, exclusive.
    pub end: usize,
    /// A part of a compound written in mixed case (`DataPower` → `data`, `power`).
    pub part: bool,
}

/// Words longer than this are no words; they are left out of the index. In bytes.
pub const MAX_WORD: usize = 60;

/// Splits a text into words: runs of letters and digits, apostrophes inside kept.
///
/// A word in mixed case gives its parts too, at the same position.
#[must_use]
pub fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    for (position, (start, end)) in (0..).zip(spans(text)) {
        let raw = &text[start..end];
        if raw.len() <= MAX_WORD {
            found.push(Token { text: normal(raw), position, start, end, part: false });
            push_parts(raw, position, start, &mut found);
        }
    }
    found
}

/// A word as it is compared: lower case, with plain apostrophes.
#[must_use]
pub fn normal(raw: &str) -> String {
    if raw.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
        raw.to_owned()
    } else {
        raw.replace('’', "'").to_lowercase()
    }
}

/// Byte ranges of words, of those too that are longer than [`MAX_WORD`].
#[must_use]
pub fn spans(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut start = None;
    let mut chars = text.char_indices().peekable();
    while let Some((at, ch)) = chars.next() {
        if ch.is_alphanumeric() {
            start.get_or_insert(at);
            continue;
        }
        let inside = matches!(ch, '\'' | '’') && start.is_some() && chars.peek().is_some_and(|(_, next)| next.is_alphanumeric());
        if !inside && let Some(from) = start.take() {
            found.push((from, at));
        }
    }
    if let Some(from) = start {
        found.push((from, text.len()));
    }
    found
}

fn push_parts(raw: &str, position: u32, start: usize, found: &mut Vec<Token>) {
    let mut cuts = vec![0];
    let mut previous_lower = false;
    for (at, ch) in raw.char_indices() {
        if previous_lower && ch.is_uppercase() {
            cuts.push(at);
        }
        previous_lower = ch.is_lowercase();
    }
    if cuts.len() < 2 {
        return;
    }
    cuts.push(raw.len());
    for pair in cuts.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        if raw[from..to].chars().count() > 1 {
            found.push(Token { text: normal(&raw[from..to]), position, start: start + from, end: start + to, part: true });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::tokens;

    fn words(text: &str) -> Vec<String> {
        tokens(text).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn words_are_runs_of_letters_and_digits_in_lower_case() {
        assert_eq!(words("How do I re-set my Pass_word, v2.1?"), ["how", "do", "i", "re", "set", "my", "pass", "word", "v2", "1"]);
        assert_eq!(words("don’t 'quote' Ünïcode"), ["don't", "quote", "ünïcode"]);
        assert_eq!(words(" … "), Vec::<String>::new());
    }

    #[test]
    fn mixed_case_gives_its_parts_at_the_same_position() {
        let found = tokens("use DataPower now");
        let shown: Vec<(&str, u32)> = found.iter().map(|token| (token.text.as_str(), token.position)).collect();
        assert_eq!(shown, [("use", 0), ("datapower", 1), ("data", 1), ("power", 1), ("now", 2)]);
    }

    #[test]
    fn offsets_point_into_the_text() {
        let text = "Größe ändern";
        for token in tokens(text) {
            assert_eq!(text[token.start..token.end].to_lowercase(), token.text);
        }
    }
}
