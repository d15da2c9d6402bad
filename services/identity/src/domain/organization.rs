//! Organisations.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::email;
use super::ids::OrganizationId;

/// Most mail domains of one organisation.
pub const MAX_DOMAINS: usize = 50;

/// An organisation of a portal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// Its id.
    pub id: OrganizationId,
    /// Its name, unique in the portal whatever the case.
    pub name: String,
    /// Its mail domains, lower case.
    pub domains: Vec<String>,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// The version of the aggregate.
    pub version: i64,
}

/// The key under which a name is unique.
pub fn name_key(name: &str) -> String {
    name.to_lowercase()
}

/// The domains in their one spelling, each once; `None` when one is no domain.
pub fn domains(given: &[String]) -> Option<Vec<String>> {
    let mut kept: Vec<String> = Vec::with_capacity(given.len());
    for domain in given {
        let domain = domain.trim().to_ascii_lowercase();
        if !email::is_domain(&domain) {
            return None;
        }
        if !kept.contains(&domain) {
            kept.push(domain);
        }
    }
    (kept.len() <= MAX_DOMAINS).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_have_one_spelling_and_stand_once() {
        let given = [" ACME.test".to_owned(), "acme.test".to_owned(), "b.example".to_owned()];
        assert_eq!(domains(&given), Some(vec!["acme.test".to_owned(), "b.example".to_owned()]));
        assert_eq!(domains(&["not a domain".to_owned()]), None);
    }
}
