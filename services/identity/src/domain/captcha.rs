//! The human check. A challenge is signed, not stored: the token says what it is for and until when.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use time::{Duration, OffsetDateTime};

use super::secrets::Secrets;

/// How long a challenge may be answered.
pub const LIFE: Duration = Duration::minutes(5);
/// Leading zero bits of a proof of work: 65,536 hashes on average, about 0.3 s of a phone.
pub const DIFFICULTY: u8 = 16;
/// Characters of the code in picture and sound. None that look or sound alike.
const CODE_CHARS: &[u8] = b"abcdefhkmnprstuvwxyz2346789";
const CODE_LENGTH: usize = 6;
const BODY: usize = 26;

/// The form that a challenge is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Asking for an account.
    SignUp,
    /// Asking for a password reset.
    PasswordReset,
    /// Asking for access for somebody.
    AccessRequest,
    /// A guest's request with its uploads.
    GuestTicket,
}

impl Purpose {
    const ALL: [(Self, u8); 4] = [(Self::SignUp, 1), (Self::PasswordReset, 2), (Self::AccessRequest, 3), (Self::GuestTicket, 4)];

    fn number(self) -> u8 {
        Self::ALL.into_iter().find(|(purpose, _)| *purpose == self).map_or(0, |(_, number)| number)
    }

    fn of(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, known)| *known == number).map(|(purpose, _)| purpose)
    }
}

/// A challenge that identity made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// What it is for.
    pub purpose: Purpose,
    /// Leading zero bits.
    pub difficulty: u8,
    /// Until when it may be answered.
    pub expires_at: OffsetDateTime,
    /// Names the challenge.
    pub nonce: [u8; 16],
}

/// What a visitor answers with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The number that was found.
    Number(String),
    /// The code that was read or heard.
    Code(String),
}

/// What an answer is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Right.
    Right,
    /// Wrong, and may be tried again: a number can't be guessed.
    Wrong,
    /// Wrong, and the challenge is spent: a code could be guessed.
    Burnt,
}

impl Challenge {
    /// A new challenge.
    pub fn new(purpose: Purpose, nonce: [u8; 16], now: OffsetDateTime) -> Self {
        // Whole seconds, as the token has them.
        let expires_at = now.replace_nanosecond(0).unwrap_or(now) + LIFE;
        Self { purpose, difficulty: DIFFICULTY, expires_at, nonce }
    }

    /// The signed token.
    pub fn token(&self, secrets: &Secrets, portal: &str) -> String {
        let mut bytes = Vec::with_capacity(BODY + 32);
        bytes.push(self.purpose.number());
        bytes.push(self.difficulty);
        bytes.extend_from_slice(&self.expires_at.unix_timestamp().to_be_bytes());
        bytes.extend_from_slice(&self.nonce);
        let tag = secrets.derive("captcha", &[portal.as_bytes(), &bytes]);
        bytes.extend_from_slice(&tag);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a token of this portal; `None` when it is not ours. Whether it has expired is another question.
    pub fn read(secrets: &Secrets, portal: &str, token: &str) -> Option<Self> {
        if token.len() > 100 {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok().filter(|bytes| bytes.len() == BODY + 32)?;
        let (body, tag) = bytes.split_at(BODY);
        if !bool::from(secrets.derive("captcha", &[portal.as_bytes(), body]).ct_eq(tag)) {
            return None;
        }
        Some(Self {
            purpose: Purpose::of(body[0])?,
            difficulty: body[1],
            expires_at: OffsetDateTime::from_unix_timestamp(i64::from_be_bytes(body[2..10].try_into().ok()?)).ok()?,
            nonce: body[10..].try_into().ok()?,
        })
    }

    /// Names the challenge in rows and upload tickets.
    pub fn id(&self) -> String {
        hex::encode(self.nonce)
    }

    /// What the number is hashed with. Not secret.
    pub fn salt(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.nonce)
    }

    /// The code that picture and sound tell.
    pub fn code(&self, secrets: &Secrets, portal: &str) -> String {
        let bytes = secrets.derive("captcha code", &[portal.as_bytes(), &self.nonce]);
        bytes.iter().take(CODE_LENGTH).map(|byte| char::from(CODE_CHARS[usize::from(*byte) % CODE_CHARS.len()])).collect()
    }

    /// Judges an answer, without looking at time or earlier use.
    pub fn judge(&self, secrets: &Secrets, portal: &str, answer: &Answer) -> Verdict {
        match answer {
            Answer::Number(number) => {
                let decimal = (1..=20).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
                let found = decimal && leading_zero_bits(&Sha256::digest(format!("{}{number}", self.salt()))) >= u32::from(self.difficulty);
                if found { Verdict::Right } else { Verdict::Wrong }
            }
            Answer::Code(code) => {
                let given = code.trim().to_ascii_lowercase();
                let right = bool::from(self.code(secrets, portal).as_bytes().ct_eq(given.as_bytes()));
                if right { Verdict::Right } else { Verdict::Burnt }
            }
        }
    }
}

fn leading_zero_bits(bytes: &[u8]) -> u32 {
    let mut bits = 0;
    for byte in bytes {
        bits += byte.leading_zeros();
        if *byte != 0 {
            break;
        }
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage() -> (Secrets, Challenge) {
        let secrets = Secrets::new(b"a root secret of at least 32 bytes length");
        (secrets, Challenge::new(Purpose::SignUp, [7; 16], OffsetDateTime::UNIX_EPOCH))
    }

    #[test]
    fn a_token_says_what_it_is_for_and_can_not_be_changed() {
        let (secrets, challenge) = stage();
        let token = challenge.token(&secrets, "demo");
        assert_eq!(Challenge::read(&secrets, "demo", &token), Some(challenge));
        assert_eq!(Challenge::read(&secrets, "other", &token), None);
        for bad in ["", "x", &token[1..], &token.to_lowercase()] {
            assert_eq!(Challenge::read(&secrets, "demo", bad), None, "{bad}");
        }
    }

    #[test]
    fn a_number_that_was_worked_for_is_right() {
        let (secrets, challenge) = stage();
        let number = (0u64..).find(|n| leading_zero_bits(&Sha256::digest(format!("{}{n}", challenge.salt()))) >= 16).unwrap();
        assert_eq!(challenge.judge(&secrets, "demo", &Answer::Number(number.to_string())), Verdict::Right);
        for wrong in [(number + 1).to_string(), String::new(), format!("+{number}"), "9".repeat(21), format!(" {number}")] {
            assert_eq!(challenge.judge(&secrets, "demo", &Answer::Number(wrong)), Verdict::Wrong);
        }
    }

    #[test]
    fn a_wrong_code_burns_the_challenge() {
        let (secrets, challenge) = stage();
        let code = challenge.code(&secrets, "demo");
        assert_eq!(code.len(), 6);
        assert_eq!(challenge.judge(&secrets, "demo", &Answer::Code(format!(" {} ", code.to_uppercase()))), Verdict::Right);
        assert_eq!(challenge.judge(&secrets, "demo", &Answer::Code("wrong".into())), Verdict::Burnt);
    }
}
