//! Typed identifiers: a ticket's id can't be passed where a person's is wanted.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Declares a `Copy` newtype over a UUID that prints, parses, serialises and goes into SQL as that UUID.
///
/// ```
/// portico_chassis::typed_id!(
///     /// Names one parcel.
///     ParcelId
/// );
/// let id: ParcelId = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
/// assert_eq!(id.to_string(), "01890a5d-ac96-774b-bcce-b302099a8057");
/// ```
#[macro_export]
macro_rules! typed_id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, $crate::serde::Serialize, $crate::serde::Deserialize, $crate::sqlx::Type,
        )]
        #[serde(transparent, crate = "portico_chassis::serde")]
        #[sqlx(transparent)]
        pub struct $name($crate::uuid::Uuid);

        impl $name {
            /// Names the thing that `uuid` identifies.
            pub const fn new(uuid: $crate::uuid::Uuid) -> Self {
                Self(uuid)
            }

            /// The bare UUID, for SQL arrays and the journal.
            pub const fn uuid(self) -> $crate::uuid::Uuid {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::ids::InvalidId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::ids::parse_uuid(text).map(Self)
            }
        }

        impl From<$name> for $crate::uuid::Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

/// A text that is no id of the wanted kind. What it was is not repeated, so that it can't reach a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid id")]
pub struct InvalidId;

/// Parses the hyphenated lower-case form only, so that one thing has one name.
pub fn parse_uuid(text: &str) -> Result<uuid::Uuid, InvalidId> {
    let id = uuid::Uuid::try_parse(text).map_err(|_| InvalidId)?;
    let mut buffer = uuid::Uuid::encode_buffer();
    if id.hyphenated().encode_lower(&mut buffer) == text { Ok(id) } else { Err(InvalidId) }
}

/// A portal's slug. It never changes and is the portal's identity in every service, event and row (ADR 0003).
///
/// 1 to 40 characters of `a-z`, `0-9` and `-`, beginning with a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(try_from = "String", into = "String")]
#[sqlx(transparent)]
pub struct PortalId(String);

impl PortalId {
    /// The slug as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PortalId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let well_formed = (1..=40).contains(&text.len()) && text.bytes().all(allowed) && !text.starts_with('-');
        if well_formed { Ok(Self(text.to_owned())) } else { Err(InvalidId) }
    }
}

impl TryFrom<String> for PortalId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PortalId> for String {
    fn from(portal: PortalId) -> Self {
        portal.0
    }
}

impl fmt::Display for PortalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_portal_id_is_a_slug_and_nothing_else() {
        for good in ["demo", "a", "acme-support-2", "0x"] {
            assert_eq!(good.parse::<PortalId>().unwrap().as_str(), good);
        }
        for bad in ["", "-demo", "Demo", "de mo", "démo", "a,b", &"a".repeat(41)] {
            assert!(bad.parse::<PortalId>().is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn a_uuid_has_one_spelling() {
        assert!(parse_uuid("01890a5d-ac96-774b-bcce-b302099a8057").is_ok());
        for other in ["01890A5D-AC96-774B-BCCE-B302099A8057", "01890a5dac96774bbcceb302099a8057", "{01890a5d-ac96-774b-bcce-b302099a8057}"]
        {
            assert!(parse_uuid(other).is_err(), "{other} was taken");
        }
    }
}
