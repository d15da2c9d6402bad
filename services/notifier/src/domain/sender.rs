//! Who sent a message, and whether that is proven (RFC 8601, RFC 7489; S60).

/// Splits a From header into its one address, in lower case, or `None` when it names nobody, several, a group, or is written in a way that
/// two readers could understand differently: quoted local parts, encoded words in the address, a trailing dot, text behind the address.
pub fn single_address(from: &str) -> Option<String> {
    let text = strip_comments(from)?;
    let address = match text.split_once('<') {
        Some((name, rest)) => {
            let (address, after) = rest.split_once('>')?;
            if !after.trim().is_empty() || !is_display_name(name) {
                return None;
            }
            address
        }
        None => text.as_str(),
    };
    let address = address.trim().to_ascii_lowercase();
    is_plain_address(&address).then_some(address)
}

/// Whether `address` is an unquoted `local@domain` of printable ASCII within the lengths of RFC 5321.
pub fn is_plain_address(address: &str) -> bool {
    let Some((local, domain)) = address.split_once('@') else { return false };
    let atom = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-.".contains(&byte);
    let dots = |text: &str| text.starts_with('.') || text.ends_with('.') || text.contains("..");
    !local.is_empty()
        && local.len() <= 64
        && address.len() <= 254
        && local.bytes().all(atom)
        && !dots(local)
        && !local.starts_with("=?")
        && is_domain(domain)
}

fn is_domain(domain: &str) -> bool {
    let labels: Vec<&str> = domain.split('.').collect();
    labels.len() >= 2
        && labels.iter().all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}

/// A display name may hold anything but an address: outside quotes neither a comma, a colon nor a semicolon, which make lists and groups.
fn is_display_name(name: &str) -> bool {
    let mut quoted = false;
    let mut characters = name.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' if quoted => drop(characters.next()),
            '"' => quoted = !quoted,
            ',' | ';' | ':' | '@' if !quoted => return false,
            _ => {}
        }
    }
    !quoted
}

/// Removes RFC 5322 comments outside quoted strings. `None` when parentheses or quotes don't close.
fn strip_comments(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let (mut depth, mut quoted) = (0usize, false);
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' if quoted || depth > 0 => {
                let next = characters.next()?;
                if depth == 0 {
                    out.extend([character, next]);
                }
            }
            '"' if depth == 0 => {
                quoted = !quoted;
                out.push(character);
            }
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.checked_sub(1)?,
            _ if depth == 0 => out.push(if matches!(character, '\r' | '\n' | '\t') { ' ' } else { character }),
            _ => {}
        }
    }
    (depth == 0 && !quoted).then_some(out)
}

/// Whether the topmost `Authentication-Results` proves that `from` (as [`single_address`] gives it) may be believed: it must be the trusted
/// host's own, and say dmarc=pass, or an aligned dkim=pass or spf=pass. A dmarc=fail outweighs everything.
pub fn is_proven(from: &str, topmost: Option<&str>, trusted: &str) -> bool {
    let (Some(header), Some((_, from_domain))) = (topmost, from.rsplit_once('@')) else { return false };
    let Some(results) = parse_results(header) else { return false };
    if trusted.is_empty() || !results.host.eq_ignore_ascii_case(trusted) {
        return false;
    }
    let verdict = |method: &str, result: &str| results.entries.iter().any(|entry| entry.method == method && entry.result == result);
    if verdict("dmarc", "fail") {
        return false;
    }
    results.entries.iter().filter(|entry| entry.result == "pass").any(|entry| match entry.method.as_str() {
        "dmarc" => entry.property("header.from").is_none_or(|domain| domain == from_domain),
        "dkim" => {
            let signer = entry.property("header.d").or_else(|| entry.property("header.i").map(domain_of));
            signer.is_some_and(|domain| aligned(domain, from_domain))
        }
        "spf" => entry.property("smtp.mailfrom").map(domain_of).is_some_and(|domain| aligned(domain, from_domain)),
        _ => false,
    })
}

fn domain_of(address: &str) -> &str {
    address.rsplit_once('@').map_or(address, |(_, domain)| domain)
}

/// Relaxed alignment without a list of public suffixes: the same domain, or one is below the other and the upper one has two labels at least.
fn aligned(one: &str, other: &str) -> bool {
    let below = |lower: &str, upper: &str| upper.contains('.') && lower.strip_suffix(upper).is_some_and(|rest| rest.ends_with('.'));
    is_domain(one) && (one == other || below(one, other) || below(other, one))
}

struct Results {
    host: String,
    entries: Vec<Entry>,
}

struct Entry {
    method: String,
    result: String,
    properties: Vec<(String, String)>,
}

impl Entry {
    fn property(&self, name: &str) -> Option<&str> {
        self.properties.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

fn parse_results(header: &str) -> Option<Results> {
    let text = strip_comments(header)?;
    let mut parts = split_outside_quotes(&text, ';').into_iter();
    let host = parts.next()?.split_whitespace().next()?.trim_matches('"').to_owned();
    Some(Results { host, entries: parts.filter_map(|part| parse_entry(&part)).collect() })
}

fn parse_entry(part: &str) -> Option<Entry> {
    let mut words = split_outside_quotes(part, ' ').into_iter().filter(|word| !word.is_empty());
    let (method, result) = pair(&words.next()?)?;
    let method = method.split('/').next().unwrap_or_default().to_owned();
    Some(Entry { method, result, properties: words.filter_map(|word| pair(&word)).collect() })
}

fn pair(word: &str) -> Option<(String, String)> {
    let (key, value) = word.split_once('=')?;
    Some((key.trim().to_ascii_lowercase(), value.trim().trim_matches('"').to_ascii_lowercase()))
}

fn split_outside_quotes(text: &str, at: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    for character in text.chars() {
        match character {
            '"' => quoted = !quoted,
            _ if character == at && !quoted => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(last) = parts.last_mut() {
            last.push(character);
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRUSTED: &str = "mx.portico.test";

    fn proven(from: &str, header: &str) -> bool {
        is_proven(from, Some(header), TRUSTED)
    }

    #[test]
    fn one_plain_address_is_read_from_any_ordinary_from() {
        for from in [
            "alice@acme.test",
            "Alice <alice@acme.test>",
            "\"Alice, of ACME\" <Alice@ACME.test>",
            "alice@acme.test (Alice)",
            "=?utf-8?q?Al=C3=ADce?= <alice@acme.test>",
            " Alice\r\n <alice@acme.test> ",
        ] {
            assert_eq!(single_address(from).as_deref(), Some("alice@acme.test"), "{from}");
        }
    }

    #[test]
    fn whatever_two_readers_could_read_differently_names_nobody() {
        for from in [
            "",
            "alice@acme.test, eve@evil.test",
            "Alice <alice@acme.test>, Eve <eve@evil.test>",
            "Friends: alice@acme.test;",
            "undisclosed-recipients:;",
            "\"alice@acme.test\"@evil.test",
            "\"a b\"@acme.test",
            "alice@acme.test. ",
            "<alice@acme.test> <eve@evil.test>",
            "alice@acme.test <eve@evil.test>",
            "=?utf-8?q?alice=40acme.test?=",
            "<=?utf-8?q?alice?=@acme.test>",
            "alice@=?utf-8?q?acme?=.test",
            "alice@acme.test (unclosed",
            "alice@[127.0.0.1]",
            "alice@localhost",
            "al\u{131}ce@acme.test",
            "alice@acme..test",
            ".alice@acme.test",
        ] {
            assert_eq!(single_address(from), None, "{from}");
        }
    }

    #[test]
    fn an_internationalised_domain_is_compared_as_it_travels() {
        assert_eq!(single_address("x@xn--acme-5qa.test").as_deref(), Some("x@xn--acme-5qa.test"));
        assert!(!proven("x@xn--acme-5qa.test", "mx.portico.test; dkim=pass header.d=acme.test"));
    }

    #[test]
    fn dmarc_or_an_aligned_signature_or_sender_proves() {
        for header in [
            "mx.portico.test; dmarc=pass header.from=acme.test",
            "mx.portico.test; dmarc=pass (p=reject) header.from=acme.test; dkim=none",
            "MX.Portico.Test 1; spf=fail smtp.mailfrom=x.test; dkim=pass header.d=acme.test",
            "mx.portico.test; dkim=pass header.i=@mail.acme.test header.s=k",
            "mx.portico.test; spf=pass smtp.mailfrom=bounce@news.acme.test",
            "mx.portico.test;\r\n\tdmarc=pass",
        ] {
            assert!(proven("alice@acme.test", header), "{header}");
        }
    }

    #[test]
    fn nothing_else_does() {
        for header in [
            "",
            "mx.portico.test",
            "mx.portico.test; none",
            "evil.test; dmarc=pass header.from=acme.test",
            "evil.test (mx.portico.test); dmarc=pass",
            "\"mx.portico.test; dmarc=pass\"; none",
            "mx.portico.test.evil.test; dmarc=pass",
            "mx.portico.test; dmarc=pass header.from=evil.test",
            "mx.portico.test; dkim=pass header.d=evil.test",
            "mx.portico.test; dkim=pass header.d=evilacme.test",
            "mx.portico.test; dkim=pass header.d=test",
            "mx.portico.test; dkim=pass",
            "mx.portico.test; spf=pass smtp.helo=acme.test",
            "mx.portico.test; spf=pass smtp.mailfrom=alice@evil.test",
            "mx.portico.test; dmarc=fail header.from=acme.test; spf=pass smtp.mailfrom=acme.test",
            "mx.portico.test; dkim=fail reason=\"x; dkim=pass header.d=acme.test\"",
            "mx.portico.test; dkim=fail (dmarc=pass",
        ] {
            assert!(!proven("alice@acme.test", header), "{header}");
        }
        assert!(!is_proven("alice@acme.test", None, TRUSTED));
        assert!(!is_proven("alice@acme.test", Some("; dmarc=pass"), ""));
    }
}
