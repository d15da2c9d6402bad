//! The notifier's own words, in the languages it has: what stands around the owner's text.

/// A language that the notifier speaks; all others get English.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// `en`, and every language that is not listed here.
    English,
    /// `de`.
    German,
}

impl Language {
    /// From a BCP 47 tag.
    pub fn of(locale: &str) -> Self {
        match locale.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "de" => Self::German,
            _ => Self::English,
        }
    }

    /// The tag for the mail's `lang`.
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// Below a mail that can be answered.
    pub fn answer_hint(self) -> &'static str {
        match self {
            Self::English => "You can answer this mail to write on the request.",
            Self::German => "Sie können auf diese E-Mail antworten, um zur Anfrage zu schreiben.",
        }
    }

    /// Below the button.
    pub fn link_hint(self) -> &'static str {
        match self {
            Self::English => "If the button does not work, open this address:",
            Self::German => "Falls die Schaltfläche nicht funktioniert, öffnen Sie diese Adresse:",
        }
    }

    /// The button of an answer about a closed request.
    pub fn create_follow_up(self) -> &'static str {
        match self {
            Self::English => "Create a follow-up",
            Self::German => "Folgeanfrage anlegen",
        }
    }

    /// The last line.
    pub fn sent_by(self, portal: &str) -> String {
        match self {
            Self::English => format!("Sent by {portal}."),
            Self::German => format!("Gesendet von {portal}."),
        }
    }

    /// How to get fewer mails.
    pub fn settings_hint(self) -> &'static str {
        match self {
            Self::English => "You can choose which mails you get in your settings.",
            Self::German => "Welche E-Mails Sie erhalten, bestimmen Sie in Ihren Einstellungen.",
        }
    }

    /// Before a quoted text: `Ann wrote:`.
    pub fn wrote(self, name: &str) -> String {
        match self {
            Self::English => format!("{name} wrote:"),
            Self::German => format!("{name} schrieb:"),
        }
    }
}

/// The answer to a mail about a closed ticket: subject and paragraphs.
pub fn closed_answer(language: Language, follow_up: bool) -> (&'static str, Vec<String>) {
    match (language, follow_up) {
        (Language::English, true) => (
            "Your message was not added: the request is closed",
            vec![
                "You answered a mail about a request that is closed, so your message was not added.".into(),
                "To go on, create a follow-up of it.".into(),
            ],
        ),
        (Language::English, false) => (
            "Your message was not added: the request is closed",
            vec![
                "You answered a mail about a request that is closed, so your message was not added.".into(),
                "If you need help again, create a new request.".into(),
            ],
        ),
        (Language::German, true) => (
            "Ihre Nachricht wurde nicht hinzugefügt: Die Anfrage ist geschlossen",
            vec![
                "Sie haben auf eine E-Mail zu einer geschlossenen Anfrage geantwortet. Ihre Nachricht wurde nicht hinzugefügt.".into(),
                "Legen Sie eine Folgeanfrage an, um fortzufahren.".into(),
            ],
        ),
        (Language::German, false) => (
            "Ihre Nachricht wurde nicht hinzugefügt: Die Anfrage ist geschlossen",
            vec![
                "Sie haben auf eine E-Mail zu einer geschlossenen Anfrage geantwortet. Ihre Nachricht wurde nicht hinzugefügt.".into(),
                "Wenn Sie wieder Hilfe brauchen, stellen Sie eine neue Anfrage.".into(),
            ],
        ),
    }
}

/// The title of the bell mark about a mail that an agent decides about; `number`: the ticket that it wants to join.
pub fn claim_waits(language: Language, number: Option<&str>) -> String {
    match (language, number) {
        (Language::English, Some(number)) => format!("A mail wants to join {number}: accept it or drop it"),
        (Language::English, None) => "A mail answers a request that is gone: have a look".to_owned(),
        (Language::German, Some(number)) => format!("Eine E-Mail möchte zu {number}: annehmen oder verwerfen"),
        (Language::German, None) => "Eine E-Mail antwortet auf eine Anfrage, die es nicht mehr gibt: bitte ansehen".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_known_by_its_first_part() {
        assert_eq!(Language::of("de-AT"), Language::German);
        assert_eq!(Language::of("DE"), Language::German);
        assert_eq!(Language::of(""), Language::English);
        assert_eq!(Language::of("fr"), Language::English);
    }
}
