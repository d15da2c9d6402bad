//! The rule that keeps other sites from writing with a visitor's cookie (S28).
//!
//! Where `Sec-Fetch-Site` is present it decides: only `same-origin` passes, whatever `Origin` says (a same-origin form post from a no-referrer page
//! sends `Origin: null`). Without it `Origin` must be present and ours. Besides, the form token of the browser session must come along.

use axum::http::{HeaderMap, Method, header};

use crate::error::Problem;
use crate::session::{Browser, SessionKeys};

/// The header that carries the form token of scripts; forms carry it as `_csrf`.
pub const HEADER: &str = "x-csrf-token";
/// The name of the hidden form field.
pub const FIELD: &str = "_csrf";

/// Whether a method may change something.
pub fn is_write(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether the request comes from one of our own pages, as far as the browser says.
pub fn same_origin(headers: &HeaderMap, our_origins: &[String]) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site.as_bytes() == b"same-origin";
    }
    from_our_origin(headers, our_origins)
}

fn from_our_origin(headers: &HeaderMap, our_origins: &[String]) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (Some(origin), None) => our_origins.iter().any(|ours| ours.as_bytes() == origin.as_bytes()),
        _ => false,
    }
}

/// Whether a client without cookie and token, such as a program, may write: it may unless a browser says that another site made it.
pub fn not_cross_site(headers: &HeaderMap, our_origins: &[String]) -> bool {
    let telling = headers.contains_key("sec-fetch-site") || headers.contains_key(header::ORIGIN);
    !telling || same_origin(headers, our_origins)
}

/// Checks a write that is made with the cookie.
///
/// # Errors
/// 403 `csrf` when it comes from elsewhere, or without the form token of this browser session.
pub fn check(
    headers: &HeaderMap,
    our_origins: &[String],
    browser: &Browser,
    token: Option<&str>,
    keys: &SessionKeys,
) -> Result<(), Problem> {
    let fits = token.is_some_and(|token| browser.accepts_csrf(token, keys));
    if same_origin(headers, our_origins) && fits { Ok(()) } else { Err(Problem::csrf()) }
}

/// The form token in the header.
pub fn header_token(headers: &HeaderMap) -> Option<&str> {
    headers.get(HEADER)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chassis::random::Random;

    const OURS: &str = "http://127.0.0.1:8080";

    fn headers(site: Option<&'static str>, origin: Option<&'static str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(site) = site {
            headers.insert("sec-fetch-site", site.parse().unwrap());
        }
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        headers
    }

    #[test]
    fn the_table_of_the_rule_s28() {
        let rows = [
            // Sec-Fetch-Site, Origin, may write with the cookie, may write without any credential
            (Some("same-origin"), Some(OURS), true, true),
            (Some("same-origin"), Some("null"), true, true),
            (Some("same-origin"), None, true, true),
            (Some("same-site"), Some(OURS), false, false),
            (Some("cross-site"), Some(OURS), false, false),
            (Some("cross-site"), Some("https://evil.test"), false, false),
            (Some("none"), None, false, false),
            (None, Some(OURS), true, true),
            (None, Some("null"), false, false),
            (None, Some("http://127.0.0.1:8081"), false, false),
            (None, Some("http://sub.127.0.0.1:8080"), false, false),
            (None, None, false, true),
        ];
        let ours = [OURS.to_owned()];
        for (site, origin, with_cookie, without) in rows {
            let headers = headers(site, origin);
            assert_eq!(same_origin(&headers, &ours), with_cookie, "with the cookie: {site:?} {origin:?}");
            assert_eq!(not_cross_site(&headers, &ours), without, "without: {site:?} {origin:?}");
        }
    }

    #[test]
    fn the_form_token_is_needed_besides_the_right_origin() {
        let keys = SessionKeys::new([[1u8; 32].as_slice()]).unwrap();
        let random = Random::seeded(1);
        let (browser, other) = (Browser::new(&random), Browser::new(&random));
        let headers = headers(Some("same-origin"), None);
        let token = browser.csrf_token(&keys, &random);
        assert!(check(&headers, &[], &browser, Some(&token), &keys).is_ok());
        assert!(check(&headers, &[], &browser, None, &keys).is_err());
        assert!(check(&headers, &[], &other, Some(&token), &keys).is_err());
    }

    #[test]
    fn reading_needs_no_token() {
        assert!([Method::GET, Method::HEAD, Method::OPTIONS].iter().all(|method| !is_write(method)));
        assert!([Method::POST, Method::PUT, Method::PATCH, Method::DELETE].iter().all(is_write));
    }
}
