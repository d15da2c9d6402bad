//! What a person wrote above the mail that they answer.

/// The longest text that is looked through, in bytes; what is longer is returned as it is up to this length.
pub const LONGEST: usize = 200_000;

/// Removes the quoted mail below an answer, and the signature. `from_html`: the text was made from HTML, so quoted lines carry no `>`.
/// When nothing would be left, or the writer answered below or between the quoted lines, the whole text stays.
pub fn answer_of(text: &str, from_html: bool) -> String {
    let text = bounded(text).replace("\r\n", "\n");
    let lines: Vec<&str> = text.lines().collect();
    let cut = (0..lines.len()).find_map(|index| marker_at(&lines, index).map(|length| (index, length)));
    let kept = match cut {
        Some((index, length)) if from_html || !written_below(&lines[index + length..]) => &lines[..index],
        Some(_) => &lines[..],
        None => without_trailing_quote(&lines),
    };
    let answer = tidy(without_signature(kept));
    if answer.is_empty() { tidy(&lines) } else { answer }
}

/// The text of a message that is no answer: whole, only trimmed.
pub fn whole(text: &str) -> String {
    let text = bounded(text).replace("\r\n", "\n");
    tidy(&text.lines().collect::<Vec<_>>())
}

/// The beginning of a text, up to [`LONGEST`], cut at a character.
pub fn bounded(text: &str) -> &str {
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// How many lines the beginning of a quoted mail takes at `index`; `None` when none begins there.
fn marker_at(lines: &[&str], index: usize) -> Option<usize> {
    let line = lines[index].trim();
    if is_attribution(line) {
        return Some(1);
    }
    if starts_attribution(line) {
        // Mail programs break the line of the attribution once or twice.
        for length in 2..=3 {
            let joined = lines.get(index..index + length)?.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
            if is_attribution(&joined) {
                return Some(length);
            }
        }
    }
    let folded = line.trim_matches(['-', '_', ' ', '*']).to_lowercase();
    let divider = matches!(
        folded.as_str(),
        "original message"
            | "ursprüngliche nachricht"
            | "message d'origine"
            | "mensaje original"
            | "forwarded message"
            | "reply above this line"
    ) && line.len() > folded.len();
    if divider {
        return Some(1);
    }
    header_block(lines, index)
}

fn starts_attribution(line: &str) -> bool {
    ["On ", "Am ", "Le ", "El ", "Il ", "Op "].iter().any(|start| line.starts_with(start))
}

/// `On Mon, 23 Nov 2026 at 10:00, Support <x@y> wrote:` and its sisters.
fn is_attribution(line: &str) -> bool {
    if line.starts_with('>') || line.len() > 400 || !line.ends_with(':') || !line.bytes().any(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let lower = line.trim_end_matches(':').trim_end().to_lowercase();
    let (start, end) = (lower.as_str(), lower.as_str());
    [("on ", "wrote"), ("am ", "schrieb"), ("le ", "a écrit"), ("el ", "escribió"), ("il ", "ha scritto"), ("op ", "schreef")]
        .iter()
        .any(|(first, last)| start.starts_with(first) && end.contains(last))
}

/// Outlook's block: `From:` followed within four lines by `Sent:` or `Date:` and `To:` or `Subject:`.
fn header_block(lines: &[&str], index: usize) -> Option<usize> {
    let starts = |line: &str, words: &[&str]| {
        let line = line.trim_start_matches(['*', ' ']).to_lowercase();
        words.iter().any(|word| line.starts_with(word))
    };
    if !starts(lines[index], &["from:", "von:", "de:"]) {
        return None;
    }
    let next = &lines[index + 1..lines.len().min(index + 6)];
    let dated = next.iter().any(|line| starts(line, &["sent:", "date:", "gesendet:", "datum:", "envoyé:", "enviado:"]));
    let addressed = next.iter().any(|line| starts(line, &["to:", "subject:", "an:", "betreff:", "à:", "objet:", "para:", "asunto:"]));
    (dated && addressed).then_some(1)
}

/// Whether the writer went on after the quoted lines.
fn written_below(lines: &[&str]) -> bool {
    let quoted = lines.iter().any(|line| line.trim_start().starts_with('>'));
    quoted && without_signature(lines).iter().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('>'))
}

fn without_trailing_quote<'a, 'b>(lines: &'b [&'a str]) -> &'b [&'a str] {
    let end = lines.iter().rposition(|line| !line.trim().is_empty() && !line.trim_start().starts_with('>'));
    end.map_or(lines, |end| &lines[..=end])
}

/// RFC 3676: the line `-- ` begins the signature.
fn without_signature<'a, 'b>(lines: &'b [&'a str]) -> &'b [&'a str] {
    lines.iter().position(|line| *line == "-- " || *line == "--").map_or(lines, |at| &lines[..at])
}

fn tidy(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n").trim_matches('\n').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_above_a_quoted_mail_is_kept_alone() {
        let cases = [
            "It works now.\n\nOn Mon, 23 Nov 2026 at 10:00, Support <s@x.test> wrote:\n> Does it work?\n> Yours",
            "It works now.\r\n\r\nOn Mon, 23 Nov 2026 at 10:00,\r\nSupport <s@x.test> wrote:\r\n\r\n> Does it work?",
            "It works now.\n\nAm 23.11.26 um 10:00 schrieb Support:\n> Geht es?",
            "It works now.\n\nLe lun. 23 nov. 2026 à 10:00, Support a écrit :\n> Ça marche ?",
            "It works now.\n\n-----Original Message-----\nFrom: Support\nDoes it work?",
            "It works now.\n\n________________________________\nFrom: Support <s@x.test>\nSent: Monday\nTo: Alice\nSubject: x\n\nDoes it work?",
            "It works now.\n> Does it work?\n> Yours\n",
            "It works now.\n-- \nAlice\nACME",
        ];
        for case in cases {
            let answer = answer_of(case, false);
            assert!(answer.starts_with("It works now."), "{case:?} gave {answer:?}");
            assert!(!answer.contains("Does it") && !answer.contains("ACME") && !answer.contains("Geht"), "{case:?} gave {answer:?}");
        }
    }

    #[test]
    fn an_answer_below_or_between_the_quotes_stays_whole() {
        let below = "On Mon, 23 Nov 2026 at 10:00, Support wrote:\n> Does it work?\n\nYes it does.";
        assert_eq!(answer_of(below, false), below);
        let between = "> Which printer?\nThe big one.\n> Which floor?\nThird.";
        assert_eq!(answer_of(between, false), between);
    }

    #[test]
    fn a_mail_that_is_only_a_quote_stays_whole() {
        let only = "> Does it work?";
        assert_eq!(answer_of(only, false), only);
    }

    #[test]
    fn html_lost_its_quote_marks_so_all_below_the_attribution_goes() {
        assert_eq!(answer_of("Yes.\n\nOn 23 Nov 2026 Support wrote:\nDoes it work?", true), "Yes.");
    }

    #[test]
    fn prose_that_looks_a_little_like_an_attribution_stays() {
        let prose = "On Monday I wrote:\nnothing arrived\nFrom: the printer\nit smokes";
        assert_eq!(answer_of(prose, false), prose);
    }

    #[test]
    fn a_very_long_text_is_cut_at_a_character() {
        assert!(whole(&"ü".repeat(LONGEST)).len() <= LONGEST);
    }
}
