//! The notifier's own words, in the languages it has: what stands around the owner's text, and the mails that carry a one-time link.

use crate::domain::kind::Kind;

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

/// The words of a mail that carries a one-time link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkWords {
    /// Subject.
    pub subject: String,
    /// Paragraphs.
    pub intro: Vec<String>,
    /// The button.
    pub action: String,
    /// Below the button.
    pub note: String,
}

/// Words for a link mail. `has_account`: somebody asked to sign up with an address that has an account, so the link leads to the sign-in.
/// The text is the same whoever caused it and quotes nothing that a stranger wrote (S63). `hours`: how long the link works.
pub fn link_mail(language: Language, kind: Kind, portal: &str, has_account: bool, hours: i64) -> LinkWords {
    let lasts = lasts(language, hours);
    let words = match language {
        Language::English => english(kind, portal, has_account),
        Language::German => german(kind, portal, has_account),
    };
    let (subject, intro, action) = words;
    LinkWords { subject, intro, action: action.to_owned(), note: if has_account { String::new() } else { lasts } }
}

fn lasts(language: Language, hours: i64) -> String {
    match (language, hours) {
        (Language::English, ..=1) => "The link works once, and only for one hour.".to_owned(),
        (Language::English, 2..=48) => format!("The link works once, for {hours} hours."),
        (Language::English, _) => format!("The link works once, for {} days.", hours / 24),
        (Language::German, ..=1) => "Der Link gilt einmal und nur eine Stunde lang.".to_owned(),
        (Language::German, 2..=48) => format!("Der Link gilt einmal, {hours} Stunden lang."),
        (Language::German, _) => format!("Der Link gilt einmal, {} Tage lang.", hours / 24),
    }
}

fn english(kind: Kind, portal: &str, has_account: bool) -> (String, Vec<String>, &'static str) {
    match kind {
        Kind::SignUp if has_account => (
            format!("Your account at {portal}"),
            vec![
                format!("Somebody, probably you, asked for an account at {portal} with this address."),
                "There is one already: just sign in. If you forgot the password, choose a new one on the sign-in page.".to_owned(),
            ],
            "Sign in",
        ),
        Kind::SignUp => (
            format!("Finish signing up at {portal}"),
            vec![
                format!("You asked for an account at {portal}. Choose a password to finish."),
                "If it was not you, ignore this mail: nothing happens.".to_owned(),
            ],
            "Choose a password",
        ),
        Kind::PasswordReset => (
            format!("Choose a new password for {portal}"),
            vec![
                format!("Somebody asked for a new password for your account at {portal}."),
                "If it was not you, ignore this mail: your password stays as it is.".to_owned(),
            ],
            "Choose a new password",
        ),
        Kind::AutoInvite => (
            format!("Your request to {portal}"),
            vec![
                format!("A request came to {portal} from this address."),
                "Confirm the address by choosing a password. Then we begin to work on it, and you can follow it.".to_owned(),
                "If you did not write to us, ignore this mail.".to_owned(),
            ],
            "Confirm and follow the request",
        ),
        _ => (
            format!("You are invited to {portal}"),
            vec![
                format!("You are invited to {portal}: a place to ask for help and to follow your requests."),
                "Choose a password to begin.".to_owned(),
            ],
            "Accept the invitation",
        ),
    }
}

fn german(kind: Kind, portal: &str, has_account: bool) -> (String, Vec<String>, &'static str) {
    match kind {
        Kind::SignUp if has_account => (
            format!("Ihr Konto bei {portal}"),
            vec![
                format!("Jemand, wahrscheinlich Sie, wollte mit dieser Adresse ein Konto bei {portal} anlegen."),
                "Es gibt schon eines: Melden Sie sich einfach an. Ein vergessenes Passwort können Sie auf der Anmeldeseite neu wählen."
                    .to_owned(),
            ],
            "Anmelden",
        ),
        Kind::SignUp => (
            format!("Registrierung bei {portal} abschließen"),
            vec![
                format!("Sie wollten ein Konto bei {portal} anlegen. Wählen Sie ein Passwort, um es abzuschließen."),
                "Wenn Sie das nicht waren, beachten Sie diese E-Mail nicht: Es geschieht nichts.".to_owned(),
            ],
            "Passwort wählen",
        ),
        Kind::PasswordReset => (
            format!("Neues Passwort für {portal} wählen"),
            vec![
                format!("Jemand hat für Ihr Konto bei {portal} ein neues Passwort angefordert."),
                "Wenn Sie das nicht waren, beachten Sie diese E-Mail nicht: Ihr Passwort bleibt, wie es ist.".to_owned(),
            ],
            "Neues Passwort wählen",
        ),
        Kind::AutoInvite => (
            format!("Ihre Anfrage an {portal}"),
            vec![
                format!("Von dieser Adresse kam eine Anfrage an {portal}."),
                "Bestätigen Sie die Adresse, indem Sie ein Passwort wählen. Dann bearbeiten wir die Anfrage, und Sie können sie verfolgen."
                    .to_owned(),
                "Wenn Sie uns nicht geschrieben haben, beachten Sie diese E-Mail nicht.".to_owned(),
            ],
            "Bestätigen und Anfrage verfolgen",
        ),
        _ => (
            format!("Einladung zu {portal}"),
            vec![
                format!("Sie sind zu {portal} eingeladen: Hier bitten Sie um Hilfe und verfolgen Ihre Anfragen."),
                "Wählen Sie ein Passwort, um zu beginnen.".to_owned(),
            ],
            "Einladung annehmen",
        ),
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

    #[test]
    fn every_link_mail_has_subject_text_and_button_in_every_language() {
        for language in [Language::English, Language::German] {
            for kind in [Kind::Invite, Kind::AutoInvite, Kind::SignUp, Kind::PasswordReset] {
                let words = link_mail(language, kind, "ACME Help", false, 72);
                assert!(words.subject.contains("ACME Help") && !words.intro.is_empty() && !words.action.is_empty());
                assert!(words.note.contains('3'), "{}", words.note);
            }
        }
    }

    #[test]
    fn a_known_address_is_told_to_sign_in() {
        let words = link_mail(Language::English, Kind::SignUp, "ACME", true, 0);
        assert_eq!((words.action.as_str(), words.note.as_str()), ("Sign in", ""));
    }
}
