//! Mail from machines must not make mail from us (RFC 3834; S62).

/// What of a message's header tells a machine from a person. Values as they stand, trimmed; `None` when absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signs {
    /// `Auto-Submitted`.
    pub auto_submitted: Option<String>,
    /// `Return-Path`.
    pub return_path: Option<String>,
    /// `Precedence`.
    pub precedence: Option<String>,
    /// Whether a `List-Id` or `List-Unsubscribe` is there.
    pub from_list: bool,
    /// `X-Auto-Response-Suppress`.
    pub suppress: Option<String>,
    /// Whether `X-Portico-Kind` is there: only our own mail carries it.
    pub our_header: bool,
    /// Whether `X-Loop`, `X-Autoreply` or `X-Autorespond` is there.
    pub loop_header: bool,
    /// The Message-ID's domain is the one of our own mail.
    pub our_message_id: bool,
    /// The sender's local part, in lower case.
    pub local_part: String,
    /// Whether the content type is `multipart/report`: a bounce or a receipt.
    pub report: bool,
}

/// Why a message makes nothing, as `reason` tells; `None` when a person seems to have written it.
pub fn reason(signs: &Signs) -> Option<&'static str> {
    let word = |value: &Option<String>| value.as_deref().map(first_word).unwrap_or_default();
    let automatic = word(&signs.auto_submitted);
    if signs.our_header || signs.our_message_id {
        Some("own_mail")
    } else if !automatic.is_empty() && automatic != "no" {
        Some("auto_submitted")
    } else if signs.report {
        Some("report")
    } else if signs.return_path.as_deref().is_some_and(|path| matches!(path.trim(), "<>" | "")) {
        Some("null_return_path")
    } else if matches!(word(&signs.precedence).as_str(), "bulk" | "list" | "junk" | "auto_reply") {
        Some("bulk")
    } else if signs.from_list {
        Some("mailing_list")
    } else if signs.suppress.as_deref().is_some_and(suppresses) {
        Some("auto_response_suppressed")
    } else if signs.loop_header {
        Some("loop_header")
    } else if matches!(signs.local_part.as_str(), "mailer-daemon" | "postmaster" | "bounce" | "bounces") {
        Some("machine_sender")
    } else {
        None
    }
}

fn first_word(value: &str) -> String {
    value.trim().split([';', ' ', '\t', '(']).next().unwrap_or_default().to_ascii_lowercase()
}

/// `None` and `DR` (delivery reports) say nothing about answers.
fn suppresses(value: &str) -> bool {
    value.split(',').any(|word| matches!(word.trim().to_ascii_lowercase().as_str(), "all" | "oof" | "autoreply"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn a_person_is_let_in() {
        assert_eq!(reason(&Signs::default()), None);
        let polite = Signs {
            auto_submitted: some("no"),
            return_path: some("<alice@acme.test>"),
            precedence: some("normal"),
            suppress: some("DR, RN"),
            local_part: "alice".into(),
            ..Signs::default()
        };
        assert_eq!(reason(&polite), None);
    }

    #[test]
    fn every_sign_of_a_machine_is_heeded() {
        let cases = [
            (Signs { auto_submitted: some("auto-replied; owner=x"), ..Signs::default() }, "auto_submitted"),
            (Signs { auto_submitted: some("Auto-Generated"), ..Signs::default() }, "auto_submitted"),
            (Signs { return_path: some("<>"), ..Signs::default() }, "null_return_path"),
            (Signs { precedence: some("Bulk"), ..Signs::default() }, "bulk"),
            (Signs { precedence: some("list"), ..Signs::default() }, "bulk"),
            (Signs { precedence: some("junk"), ..Signs::default() }, "bulk"),
            (Signs { from_list: true, ..Signs::default() }, "mailing_list"),
            (Signs { suppress: some("DR, AutoReply"), ..Signs::default() }, "auto_response_suppressed"),
            (Signs { suppress: some("All"), ..Signs::default() }, "auto_response_suppressed"),
            (Signs { our_header: true, ..Signs::default() }, "own_mail"),
            (Signs { our_message_id: true, ..Signs::default() }, "own_mail"),
            (Signs { loop_header: true, ..Signs::default() }, "loop_header"),
            (Signs { report: true, ..Signs::default() }, "report"),
            (Signs { local_part: "mailer-daemon".into(), ..Signs::default() }, "machine_sender"),
        ];
        for (signs, expected) in cases {
            assert_eq!(reason(&signs), Some(expected), "{signs:?}");
        }
    }
}
