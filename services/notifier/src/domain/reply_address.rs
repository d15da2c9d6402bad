//! The address that an answer goes to: the portal's inbound address with a token after a `+`.

/// Characters of a token: 160 bits of MAC in base32.
pub const TOKEN_CHARS: usize = 32;
/// RFC 5321: the longest local part.
const LOCAL_CHARS: usize = 64;

/// `support@acme.test` and a token become `support+TOKEN@acme.test`; a local part too long for that becomes `reply`.
/// `None` when `inbound` is no address.
pub fn with_token(inbound: &str, token: &str) -> Option<String> {
    let (local, domain) = inbound.rsplit_once('@')?;
    if local.is_empty() || domain.is_empty() {
        return None;
    }
    let local = if local.len() + 1 + token.len() > LOCAL_CHARS || local.starts_with('"') { "reply" } else { local };
    Some(format!("{local}+{token}@{domain}"))
}

/// The token of an address, in lower case since mail systems may change the case; `None` when it has none.
pub fn token_of(address: &str) -> Option<String> {
    let (local, _) = address.trim().rsplit_once('@')?;
    let (_, token) = local.rsplit_once('+')?;
    let token = token.to_ascii_lowercase();
    (token.len() == TOKEN_CHARS && token.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'))).then_some(token)
}

/// RFC 4648 base32 in lower case without padding: what survives a mail system that folds case.
pub fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut out = String::with_capacity(bytes.len() * 8 / 5 + 1);
    let (mut buffer, mut bits) = (0u32, 0u32);
    for byte in bytes {
        buffer = (buffer << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            out.push(char::from(ALPHABET[(buffer >> bits) as usize & 31]));
        }
        buffer &= (1 << bits) - 1;
    }
    if bits > 0 {
        out.push(char::from(ALPHABET[(buffer << (5 - bits)) as usize & 31]));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "mzxw6ytbojrgc3tbmjqxgzlnmzxw6ytb";

    #[test]
    fn base32_follows_the_rfc() {
        assert_eq!(base32(b"foobar"), "mzxw6ytboi");
        assert_eq!(base32(b"f"), "my");
        assert_eq!(base32(&[0xff; 20]).len(), TOKEN_CHARS);
    }

    #[test]
    fn a_token_goes_in_and_comes_out_whatever_the_case() {
        let address = with_token("support@demo.portico.test", TOKEN).unwrap();
        assert_eq!(address, format!("support+{TOKEN}@demo.portico.test"));
        assert_eq!(token_of(&address.to_uppercase()), Some(TOKEN.to_owned()));
    }

    #[test]
    fn a_local_part_never_grows_past_its_limit() {
        let long = format!("{}@x.test", "a".repeat(60));
        assert_eq!(with_token(&long, TOKEN).unwrap(), format!("reply+{TOKEN}@x.test"));
        assert_eq!(with_token("nonsense", TOKEN), None);
    }

    #[test]
    fn other_addresses_have_no_token() {
        for other in ["support@x.test", "support+short@x.test", "support+0000000000000000000000000000000!@x.test", "@", ""] {
            assert_eq!(token_of(other), None, "{other}");
        }
    }
}
