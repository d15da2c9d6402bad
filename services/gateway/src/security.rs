//! The headers that every answer carries (S30, S31). A handler that needs a stricter value sets it itself; it is not overwritten.

use axum::extract::Request;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

/// The policy of every page and answer of ours (S30).
pub const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; media-src 'self'; \
     connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; manifest-src 'self'; worker-src 'self'; object-src 'none'";
/// `/api/docs` alone: swagger-ui sets style attributes.
pub const DOCS_CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; \
     connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'";
/// Files that people uploaded: nothing in them runs, whatever they are.
pub const FILE_CSP: &str = "sandbox; default-src 'none'; frame-ancestors 'none'";

const HSTS: &str = "max-age=63072000; includeSubDomains";
const PERMISSIONS: &str = "accelerometer=(), autoplay=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), \
     microphone=(), midi=(), payment=(), usb=(), browsing-topics=()";

/// Adds what is missing to an answer.
pub async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    secure(response.headers_mut());
    response
}

/// Adds the security headers that are not set yet and takes banners away.
pub fn secure(headers: &mut HeaderMap) {
    let defaults: [(HeaderName, &'static str); 9] = [
        (header::CONTENT_SECURITY_POLICY, CSP),
        (header::STRICT_TRANSPORT_SECURITY, HSTS),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "strict-origin-when-cross-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), PERMISSIONS),
        // What one visitor was shown must not be shown to the next by a cache on the way.
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in defaults {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    headers.remove(header::SERVER);
}

/// Whether the address of a page holds a one-time token: it is not repeated in links, forms and logs (S09).
pub fn one_time(path: &str) -> bool {
    matches!(path.split('/').nth(3), Some("invite" | "verify" | "reset"))
}

/// For pages whose address holds a one-time token (S09).
pub fn token_page(headers: &mut HeaderMap) {
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_gets_the_headers_and_stricter_ones_stay_s30_s31() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(FILE_CSP));
        headers.insert(header::SERVER, HeaderValue::from_static("x"));
        secure(&mut headers);
        assert_eq!(headers[header::CONTENT_SECURITY_POLICY], FILE_CSP);
        assert!(!headers.contains_key(header::SERVER));
        for name in ["strict-transport-security", "x-content-type-options", "referrer-policy", "permissions-policy"] {
            assert!(headers.contains_key(name), "{name} is missing");
        }
    }

    #[test]
    fn pages_of_one_time_links_are_known_by_their_path_s09() {
        assert!(one_time("/portal/demo/invite/abc"));
        assert!(one_time("/portal/demo/reset/abc?x=1"));
        assert!(!one_time("/portal/demo/requests/DEMO-1"));
        assert!(!one_time("/portal/demo/sign-in"));
    }

    #[test]
    fn the_policy_starts_from_nothing_and_allows_no_inline_code_s30() {
        assert!(CSP.starts_with("default-src 'none'"));
        for forbidden in ["unsafe-inline", "unsafe-eval", "*", "http:"] {
            assert!(!CSP.contains(forbidden), "{forbidden} is allowed");
        }
        for needed in ["base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'"] {
            assert!(CSP.contains(needed), "{needed} is missing");
        }
    }
}
