//! The password rules (S14): length and a blocklist, no composition rules, no truncation.

use std::collections::HashSet;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;

use super::text::Hidden;

/// Fewest characters of a password that is the only factor.
pub const MIN_CHARS: usize = 15;
/// Most bytes, checked before anything is computed from them (S15).
pub const MAX_BYTES: usize = 1024;
/// Characters that must be left when the words of the context are taken out.
const MIN_BESIDE_CONTEXT: usize = 8;

static COMMON: LazyLock<HashSet<&'static str>> = LazyLock::new(|| include_str!("../../data/common-passwords.txt").lines().collect());

/// Why a password is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordProblem {
    /// Fewer than [`MIN_CHARS`] characters.
    #[error("Use at least 15 characters.")]
    TooShort,
    /// More than [`MAX_BYTES`] bytes.
    #[error("Use at most 1,024 bytes.")]
    TooLong,
    /// Among the first that anybody would try.
    #[error("This is one of the passwords that are guessed first. Choose another.")]
    Common,
    /// Mostly the portal's or person's own name.
    #[error("This is mostly your name or the name of this portal. Choose another.")]
    Context,
}

impl PasswordProblem {
    /// The stable code of the field error.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooShort => "too_short",
            Self::TooLong => "too_long",
            Self::Common => "too_common",
            Self::Context => "too_guessable",
        }
    }
}

/// A password as it is hashed: normalised to NFC, so that every keyboard gives the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Password(Hidden);

impl Password {
    /// For checking a sign-in: only the byte limit is applied, as an imported password need not follow the rules.
    pub fn presented(text: &str) -> Result<Self, PasswordProblem> {
        if text.len() > MAX_BYTES {
            return Err(PasswordProblem::TooLong);
        }
        Ok(Self(Hidden::new(text.nfc().collect::<String>())))
    }

    /// A new password, after all rules. `context` holds the portal's and the person's names.
    pub fn chosen(text: &str, context: &[&str]) -> Result<Self, PasswordProblem> {
        let password = Self::presented(text)?;
        let plain = password.0.expose();
        if plain.chars().count() < MIN_CHARS {
            return Err(PasswordProblem::TooShort);
        }
        let lower = plain.to_lowercase();
        if is_common(&lower) {
            return Err(PasswordProblem::Common);
        }
        if is_mostly(&lower, context) {
            return Err(PasswordProblem::Context);
        }
        Ok(password)
    }

    /// The normalised text.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// On the list, as it is or without digits and signs around it; or one short piece over and over; or a run of neighbours.
fn is_common(lower: &str) -> bool {
    let core = lower.trim_matches(|c: char| !c.is_alphabetic());
    let joined: String = lower.chars().filter(|c| c.is_alphanumeric()).collect();
    [lower, core, &joined].into_iter().any(|form| !form.is_empty() && COMMON.contains(form)) || repeats(lower) || is_run(lower)
}

/// A piece of at most five characters, repeated.
fn repeats(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    (1..=5).any(|period| chars.len() > period && chars.iter().skip(period).zip(&chars).all(|(a, b)| a == b))
}

/// Each character the neighbour of the one before: `abcdefghijklmnop`, `9876543210…`.
fn is_run(text: &str) -> bool {
    let codes: Vec<i64> = text.chars().map(|c| i64::from(u32::from(c))).collect();
    let steps: HashSet<i64> = codes.windows(2).map(|pair| pair[1] - pair[0]).collect();
    steps.len() == 1 && steps.iter().all(|step| step.abs() <= 1)
}

fn is_mostly(lower: &str, context: &[&str]) -> bool {
    let mut rest = lower.to_owned();
    let mut words: Vec<String> = std::iter::once(&"portico")
        .chain(context)
        .flat_map(|text| text.split(|c: char| !c.is_alphanumeric()))
        .map(str::to_lowercase)
        .filter(|word| word.chars().count() >= 3)
        .collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    for word in &words {
        rest = rest.replace(word.as_str(), "");
    }
    rest.len() < lower.len() && rest.chars().filter(|c| c.is_alphanumeric()).count() < MIN_BESIDE_CONTEXT
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTEXT: [&str; 3] = ["Acme Support", "acme", "alice@acme.test"];

    #[test]
    fn the_blocklist_is_long_enough() {
        assert!(COMMON.len() >= 3_000, "{}", COMMON.len());
    }

    #[test]
    fn length_is_the_only_demand_on_form() {
        assert_eq!(Password::chosen("fourteen chars", &[]), Err(PasswordProblem::TooShort));
        for good in ["quietly seven geese", "zwölf Boxkämpfer!", "       x       y", "ööööäääüüüßßß¿¡ñ", "𝕏 unicode works fine"]
        {
            assert!(Password::chosen(good, &CONTEXT).is_ok(), "{good}");
        }
        assert!(Password::chosen(&"correct pony ".repeat(70), &CONTEXT).is_ok());
        assert_eq!(Password::chosen(&"x y".repeat(400), &[]), Err(PasswordProblem::TooLong));
    }

    #[test]
    fn what_is_guessed_first_is_refused() {
        for bad in [
            "passwordpassword",
            "PasswordPassword1!",
            "correct horse battery staple",
            "123456789012345",
            "aaaaaaaaaaaaaaaa",
            "abcabcabcabcabc",
            "abcdefghijklmnop",
            "zyxwvutsrqponmlk",
            "a-demo-Passphrase-41",
            "qwertyuiopasdfghjkl",
            "!!!letmeinplease!!!",
        ] {
            assert_eq!(Password::chosen(bad, &CONTEXT), Err(PasswordProblem::Common), "{bad}");
        }
        for bad in ["AcmeSupportAcme1", "alice-acme-alice-12", "portico-support-acme"] {
            assert_eq!(Password::chosen(bad, &CONTEXT), Err(PasswordProblem::Context), "{bad}");
        }
    }

    #[test]
    fn nothing_is_cut_off_and_spellings_are_one() {
        let base = "a".repeat(36) + &"b".repeat(36);
        assert_ne!(Password::chosen(&format!("{base}x"), &[]), Password::chosen(&format!("{base}y"), &[]));
        assert_eq!(Password::presented("e\u{301}"), Password::presented("é"));
    }

    #[test]
    fn a_password_is_never_printed() {
        assert!(!format!("{:?}", Password::presented("hunter2")).contains("hunter2"));
    }
}
