//! Mail addresses: one spelling each.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest address, in bytes (RFC 5321).
pub const MAX_BYTES: usize = 254;

/// A mail address in the one spelling under which it is stored and compared: lower case, no comment, no quoted part, no IP literal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Email(String);

impl Email {
    /// Reads an address. `None` for anything that is not `local@domain` of the plain form.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() > MAX_BYTES || !text.is_ascii() {
            return None;
        }
        let (local, domain) = text.split_once('@')?;
        (is_local(local) && is_domain(domain)).then(|| Self(text.to_ascii_lowercase()))
    }

    /// Takes an address over from the database.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the `@`: a name to begin with.
    pub fn local(&self) -> &str {
        self.0.split_once('@').map_or(self.0.as_str(), |(local, _)| local)
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_local(local: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-.".contains(&byte);
    (1..=64).contains(&local.len())
        && local.bytes().all(allowed)
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
}

/// A host name of at least two labels.
pub fn is_domain(domain: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    domain.len() <= 253 && domain.contains('.') && domain.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_spelling() {
        assert_eq!(Email::parse(" Bob@ACME.test ").unwrap().as_str(), "bob@acme.test");
        assert_eq!(Email::parse("o'hara+x@a-b.example.com").unwrap().local(), "o'hara+x");
    }

    #[test]
    fn what_is_no_plain_address_is_refused() {
        let long = format!("{}@a.test", "x".repeat(65));
        for bad in [
            "",
            "bob",
            "bob@",
            "@acme.test",
            "bob@acme",
            "a@b@c.test",
            "\"a b\"@c.test",
            "bob@[127.0.0.1]",
            "bob@acme.test.",
            ".bob@acme.test",
            "bob..x@acme.test",
            "bob@-acme.test",
            "bob@acme.test\r\nBcc: x@y.test",
            "bob <bob@acme.test>",
            "bób@acme.test",
            &long,
        ] {
            assert!(Email::parse(bad).is_none(), "{bad:?}");
        }
    }
}
