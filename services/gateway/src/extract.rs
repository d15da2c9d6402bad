//! What handlers take: JSON bodies and query parameters, each refusing with a problem that names the field.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use chassis::error::{Error, FieldError};
use http_body_util::{BodyExt, Limited};
use percent_encoding::percent_decode_str;
use portico_proto::common::v1::PageRequest;
use serde_json::Value;

use crate::error::Problem;
use crate::input::{FromJson, FromQuery, FromText};

/// Largest JSON body in bytes: an article of 200,000 characters of up to 4 bytes, and room for the rest.
pub const JSON_LIMIT: usize = 1024 * 1024;
/// Deepest nesting of a JSON body that is parsed at all (S44).
const JSON_DEPTH: usize = 64;
/// Most query parameters that are looked at.
const MAX_PARAMS: usize = 64;

/// A JSON body, completely read and checked.
pub struct Body<T>(pub T);

/// The same where an empty body means `{}`.
pub struct MaybeBody<T>(pub T);

/// Query parameters of a declared set; any other is 422.
pub struct Params<T>(pub T);

impl<S: Send + Sync, T: FromJson> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        require_json(request.headers())?;
        let bytes = read_limited(request, JSON_LIMIT).await?;
        parse(&bytes).map(Self)
    }
}

impl<S: Send + Sync, T: FromJson> FromRequest<S> for MaybeBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        let typed = require_json(request.headers());
        let bytes = read_limited(request, JSON_LIMIT).await?;
        if bytes.is_empty() {
            return parse(b"{}").map(Self);
        }
        typed?;
        parse(&bytes).map(Self)
    }
}

/// 415 unless the body says that it is plain JSON. A form or a text/plain body of another site never gets further than this (S28).
pub fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    const WANTED: Problem = Problem::UnsupportedMediaType("application/json");
    refuse_encoded(headers)?;
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = value.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let json = essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"));
    let utf8 = parts.all(|parameter| match parameter.to_ascii_lowercase().strip_prefix("charset=") {
        Some(charset) => charset.trim_matches('"') == "utf-8",
        None => true,
    });
    if json && utf8 { Ok(()) } else { Err(WANTED) }
}

/// Compressed request bodies are not taken: nothing may unpack to more than was sent (S45).
pub fn refuse_encoded(headers: &HeaderMap) -> Result<(), Problem> {
    match headers.get(header::CONTENT_ENCODING) {
        Some(value) if !value.as_bytes().eq_ignore_ascii_case(b"identity") => {
            Err(Problem::UnsupportedMediaType("sent without Content-Encoding"))
        }
        _ => Ok(()),
    }
}

/// The whole body, or 413 beyond `limit` bytes.
pub async fn read_limited(request: Request, limit: usize) -> Result<Bytes, Problem> {
    let announced =
        request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()).and_then(|text| text.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(Error::TooLarge { field: "body".into() }.into());
    }
    match Limited::new(request.into_body(), limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(Error::TooLarge { field: "body".into() }.into()),
        Err(_) => Err(Problem::malformed("body", "The body ended early.")),
    }
}

/// Reads a JSON document into `T`, all errors at once.
pub fn parse<T: FromJson>(bytes: &[u8]) -> Result<T, Problem> {
    let value = parse_value(bytes)?;
    let mut errors = Vec::new();
    match T::from_json(value, "", &mut errors) {
        Some(read) if errors.is_empty() => Ok(read),
        _ => Err(Problem::fields(errors)),
    }
}

/// Reads a JSON document of bounded depth.
pub fn parse_value(bytes: &[u8]) -> Result<Value, Problem> {
    if depth(bytes) > JSON_DEPTH {
        return Err(Problem::malformed("body", "The JSON is nested too deeply."));
    }
    if std::str::from_utf8(bytes).is_err() {
        return Err(Problem::malformed("body", "The body is not UTF-8."));
    }
    serde_json::from_slice(bytes)
        .map_err(|error| Problem::malformed("body", format!("The body is not JSON (line {}, column {}).", error.line(), error.column())))
}

/// How deep brackets nest, without building anything.
fn depth(bytes: &[u8]) -> usize {
    let (mut now, mut most, mut in_text, mut escaped) = (0usize, 0usize, false, false);
    for byte in bytes {
        match (in_text, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (true, b'"') => in_text = false,
            (true, _) => {}
            (false, b'"') => in_text = true,
            (false, b'{' | b'[') => {
                now += 1;
                most = most.max(now);
            }
            (false, b'}' | b']') => now = now.saturating_sub(1),
            _ => {}
        }
    }
    most
}

/// The decoded query string while a declared set is taken from it.
pub struct RawParams {
    pairs: Vec<(String, String)>,
}

impl RawParams {
    /// Decodes a query string; 400 when it is not UTF-8 or has too many parts.
    pub fn parse(query: &str) -> Result<Self, Problem> {
        let mut pairs = Vec::new();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            if pairs.len() == MAX_PARAMS {
                return Err(Problem::malformed("query", "There are too many query parameters."));
            }
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            pairs.push((decode(name)?, decode(value)?));
        }
        Ok(Self { pairs })
    }

    /// Reads and removes a parameter. `raw_name` may carry Rust's `r#`; a trailing `_` is dropped, for names that Rust keeps to itself.
    pub fn take<T: FromQuery>(&mut self, raw_name: &str, errors: &mut Vec<FieldError>) -> Option<T> {
        let name = raw_name.strip_prefix("r#").unwrap_or(raw_name).trim_end_matches('_');
        let mut found = None;
        let mut repeated = false;
        self.pairs.retain_mut(|(candidate, value)| {
            if candidate != name {
                return true;
            }
            repeated |= found.is_some();
            found = Some(std::mem::take(value));
            false
        });
        if repeated {
            errors.push(FieldError::new(name, "repeated", format!("{name} is given more than once.")));
            return None;
        }
        T::from_query(found, name, errors)
    }

    fn close(self, errors: &mut Vec<FieldError>) {
        for (name, _) in self.pairs {
            let shown: String = name.chars().filter(|c| !c.is_control()).take(100).collect();
            errors.push(FieldError::new(shown.clone(), "unknown_parameter", format!("{shown} is not a parameter of this call.")));
        }
    }
}

fn decode(text: &str) -> Result<String, Problem> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced)
        .decode_utf8()
        .map(|decoded| decoded.into_owned())
        .map_err(|_| Problem::malformed("query", "The query string is not UTF-8."))
}

/// A declared set of query parameters; made by [`query_params!`](crate::query_params).
pub trait FromParams: Sized {
    /// Takes the members; `None` means that at least one error was added.
    fn from_params(params: &mut RawParams, errors: &mut Vec<FieldError>) -> Option<Self>;
}

impl<S: Send + Sync, T: FromParams> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let mut params = RawParams::parse(parts.uri.query().unwrap_or_default())?;
        let mut errors = Vec::new();
        let read = T::from_params(&mut params, &mut errors);
        params.close(&mut errors);
        match read {
            Some(read) if errors.is_empty() => Ok(Self(read)),
            _ => Err(Problem::fields(errors)),
        }
    }
}

/// Rows wanted of a list: 1 to 100.
#[derive(Debug, Clone, Copy)]
pub struct Limit(pub u32);

impl FromText for Limit {
    fn from_text(text: String, name: &str, errors: &mut Vec<FieldError>) -> Option<Self> {
        let read = u32::from_text(text, name, errors)?;
        if (1..=100).contains(&read) {
            return Some(Self(read));
        }
        errors.push(FieldError::new(name, "out_of_range", format!("{name} must be from 1 to 100.")));
        None
    }
}

/// The contract's form of `?limit=&cursor=`.
pub fn page(limit: Option<Limit>, cursor: Option<String>) -> Option<PageRequest> {
    let page_size = limit.map_or(0, |limit| i32::try_from(limit.0).unwrap_or(100));
    Some(PageRequest { page_size, page_token: cursor.unwrap_or_default() })
}

/// `next_cursor` of a list: null on the last page.
pub fn next_cursor(token: String) -> Option<String> {
    Some(token).filter(|token| !token.is_empty())
}

crate::query_params! {
    /// The parameters of every list.
    pub struct PageParams {
        /// Rows wanted, 1 to 100; 25 when left out.
        #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 25)]
        pub limit: Option<Limit>,
        /// `next_cursor` of the page before.
        pub cursor: Option<String>,
    }
}

/// The order of a list by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeOrder {
    /// Oldest first.
    Oldest,
    /// Newest first.
    Newest,
}

impl FromText for TimeOrder {
    fn from_text(text: String, name: &str, errors: &mut Vec<FieldError>) -> Option<Self> {
        match text.as_str() {
            "created_at" => Some(Self::Oldest),
            "-created_at" => Some(Self::Newest),
            _ => {
                errors.push(crate::input::not_one_of(name, &["created_at", "-created_at"]));
                None
            }
        }
    }
}

crate::query_params! {
    /// The parameters of a list that is sorted by time.
    pub struct TimedPageParams {
        /// `created_at`: oldest first; `-created_at`, or left out: newest first.
        #[param(value_type = Option<String>, pattern = "^-?created_at$")]
        pub sort: Option<TimeOrder>,
        /// Rows wanted, 1 to 100; 25 when left out.
        #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 25)]
        pub limit: Option<Limit>,
        /// `next_cursor` of the page before; good for the order that it was made for.
        pub cursor: Option<String>,
    }
}

impl TimedPageParams {
    /// Whether the newest come first.
    pub fn newest_first(&self) -> bool {
        self.sort != Some(TimeOrder::Oldest)
    }

    /// The contract's form.
    pub fn request(self) -> Option<PageRequest> {
        page(self.limit, self.cursor)
    }
}

impl PageParams {
    /// The contract's form.
    pub fn request(self) -> Option<PageRequest> {
        page(self.limit, self.cursor)
    }
}

/// No resource has a name with control characters: absent, before a database is asked.
pub fn refuse_strange_path(parts: &Parts) -> Result<(), Problem> {
    match percent_decode_str(parts.uri.path()).decode_utf8() {
        Ok(path) if path.chars().any(char::is_control) => Err(Problem::not_found()),
        Ok(_) => Ok(()),
        Err(_) => Err(Problem::malformed("path", "The path is not UTF-8.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(content_type: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::CONTENT_TYPE, content_type.parse().unwrap())])
    }

    #[test]
    fn only_json_in_utf_8_is_taken_as_json() {
        for good in ["application/json", "application/json; charset=utf-8", "Application/JSON", "application/merge-patch+json"] {
            assert!(require_json(&headers(good)).is_ok(), "{good} was refused");
        }
        for bad in ["text/plain", "application/x-www-form-urlencoded", "", "application/json; charset=latin1", "text/json"] {
            assert!(require_json(&headers(bad)).is_err(), "{bad} was taken");
        }
        let mut zipped = headers("application/json");
        zipped.insert(header::CONTENT_ENCODING, "gzip".parse().unwrap());
        assert!(require_json(&zipped).is_err());
    }

    #[test]
    fn nesting_is_counted_outside_of_texts() {
        assert_eq!(depth(br#"{"a": "[[[[", "b": [1, {"c": "\"}"}]}"#), 3);
        assert!(parse_value("[".repeat(65).as_bytes()).is_err());
    }

    #[test]
    fn unknown_repeated_and_wrong_parameters_are_reported_together() {
        let mut params = RawParams::parse("limit=0&cursor=a&cursor=b&page=2").ok().unwrap();
        let mut errors = Vec::new();
        assert!(PageParams::from_params(&mut params, &mut errors).is_none());
        params.close(&mut errors);
        let codes: Vec<_> = errors.iter().map(|error| (error.field.as_str(), error.code.as_ref())).collect();
        assert_eq!(codes, [("limit", "out_of_range"), ("cursor", "repeated"), ("page", "unknown_parameter")]);
    }

    #[test]
    fn a_list_by_time_begins_with_the_newest_unless_it_is_told_otherwise() {
        let newest_first = |query: &str| {
            let mut errors = Vec::new();
            TimedPageParams::from_params(&mut RawParams::parse(query).ok().unwrap(), &mut errors).map(|params| params.newest_first())
        };
        assert_eq!(["", "sort=-created_at", "sort=created_at", "sort=name"].map(newest_first), [Some(true), Some(true), Some(false), None]);
    }

    #[test]
    fn a_query_string_that_is_not_utf_8_is_malformed() {
        assert!(RawParams::parse("q=%ff").is_err());
        assert_eq!(RawParams::parse("q=a+b%20c").ok().unwrap().pairs[0].1, "a b c");
    }
}
