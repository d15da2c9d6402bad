//! Mail addresses that a writer names for copies.

use super::refusal::Problem;

/// Addresses that get a copy of one topic.
pub const COPIES_MAX: usize = 5;
/// Characters of an address (RFC 5321).
const ADDRESS_MAX: usize = 254;

/// The address in the form that is compared: trimmed, lower case. `None` when no mail could reach it.
pub fn normalise(text: &str) -> Option<String> {
    let address = text.trim().to_lowercase();
    let (local, domain) = address.rsplit_once('@')?;
    let local_ok =
        !local.is_empty() && local.len() <= 64 && local.chars().all(|c| c.is_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(c));
    let label_ok = |label: &str| {
        !label.is_empty() && !label.starts_with('-') && !label.ends_with('-') && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    let domain_ok = domain.contains('.') && domain.split('.').all(label_ok);
    (local_ok && domain_ok && address.len() <= ADDRESS_MAX).then_some(address)
}

/// Normalises a list: no address twice, at most [`COPIES_MAX`].
pub fn normalise_all(addresses: &[String]) -> Result<Vec<String>, Problem> {
    let mut found: Vec<String> = Vec::new();
    for text in addresses.iter().filter(|text| !text.trim().is_empty()) {
        let Some(address) = normalise(text) else {
            return Err(Problem::new("notify_emails", "invalid", "Enter e-mail addresses like name@example.com."));
        };
        if !found.contains(&address) {
            found.push(address);
        }
    }
    if found.len() > COPIES_MAX {
        return Err(Problem::new("notify_emails", "too_many", format!("A copy goes to at most {COPIES_MAX} addresses.")));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_an_address_and_nothing_that_could_forge_a_header_s58() {
        assert_eq!(normalise(" Ann@Example.COM ").as_deref(), Some("ann@example.com"));
        for text in ["a@b", "a b@c.d", "a@c.d\r\nBcc: x@y.z", "@c.d", "a@", "a@-c.d", "<a@c.d>", "a@c..d", "a\u{2028}@c.d", "a\"b@c.d"] {
            assert_eq!(normalise(text), None, "{text}");
        }
    }

    #[test]
    fn five_different_addresses_are_the_limit_cm_5() {
        let list = |n: usize| (0..n).map(|i| format!("p{i}@example.com")).collect::<Vec<_>>();
        assert_eq!(normalise_all(&list(5)).unwrap().len(), 5);
        assert_eq!(normalise_all(&list(6)).unwrap_err().code, "too_many");
        let doubles = vec!["a@example.com".to_owned(), "A@example.com".to_owned(), String::new()];
        assert_eq!(normalise_all(&doubles).unwrap(), ["a@example.com"]);
    }
}
