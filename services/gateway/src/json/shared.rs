//! What several nouns of the JSON API share: times, names, files, lists, ETags.

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chassis::clock;
use chassis::error::FieldError;
use portico_proto::common::v1 as common;
use prost_types::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::Value;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::error::{Answer, Problem};
use crate::input::{FromJson, FromText, clean_text};
use crate::{json_body, wire_enum};

/// A moment: RFC 3339 in UTC on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(pub OffsetDateTime);

impl Moment {
    /// Out of a contract; `None` when it is unset or out of range.
    pub fn of(at: Option<&Timestamp>) -> Option<Self> {
        at.and_then(clock::from_proto).map(Self)
    }

    /// The contract's form.
    pub fn to_proto(self) -> Timestamp {
        clock::to_proto(self.0)
    }

    fn read(text: &str, path: &str, errors: &mut Vec<FieldError>) -> Option<Self> {
        let read = OffsetDateTime::parse(text, &Rfc3339).ok().map(|at| at.to_offset(time::UtcOffset::UTC));
        // Protobuf's times begin with the year 1.
        match read {
            Some(at) if (1..=9999).contains(&at.year()) => Some(Self(at)),
            _ => {
                errors.push(FieldError::new(path, "invalid", format!("{path} must be a time like 2026-11-23T10:00:00Z.")));
                None
            }
        }
    }

    /// The text on the wire.
    pub fn text(self) -> String {
        self.0.to_offset(time::UtcOffset::UTC).format(&Rfc3339).unwrap_or_default()
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl FromJson for Moment {
    fn from_json(value: Value, path: &str, errors: &mut Vec<FieldError>) -> Option<Self> {
        let text = String::from_json(value, path, errors)?;
        Self::read(&text, path, errors)
    }
}

impl FromText for Moment {
    fn from_text(text: String, name: &str, errors: &mut Vec<FieldError>) -> Option<Self> {
        let text = clean_text(text, name, errors)?;
        Self::read(&text, name, errors)
    }
}

impl PartialSchema for Moment {
    fn schema() -> utoipa::openapi::RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("RFC 3339, UTC"))
            .into()
    }
}

impl ToSchema for Moment {}

wire_enum! {
    /// What somebody was who did something.
    pub enum Role : common::Role {
        /// Asks.
        Customer = "customer" <=> Customer,
        /// Answers.
        Agent = "agent" <=> Agent,
        /// Runs the portal.
        Admin = "admin" <=> Admin,
        /// Timers, rules and imports.
        System = "system" <=> System,
    }
}

wire_enum! {
    /// What an account may be.
    pub enum AccountRole : common::Role {
        /// Asks.
        Customer = "customer" <=> Customer,
        /// Answers.
        Agent = "agent" <=> Agent,
        /// Runs the portal.
        Admin = "admin" <=> Admin,
    }
}

wire_enum! {
    /// Which tickets a customer sees besides those shared with them.
    pub enum Visibility : common::Visibility {
        /// Their own.
        Own = "own" <=> Own,
        /// All of their organisation's.
        Organization = "organization" <=> Organization,
    }
}

wire_enum! {
    /// Whether a file may be downloaded.
    pub enum FileState : common::ScanState {
        /// Not checked yet.
        Quarantined = "quarantined" <=> Quarantined,
        /// Checked.
        Clean = "clean" <=> Clean,
        /// Never downloadable.
        Infected = "infected" <=> Infected,
    }
}

/// For a list that is bounded and comes whole: no cursor is ever given out.
///
/// # Errors
/// 400 for any cursor.
pub fn whole(cursor: Option<&str>) -> Answer<()> {
    match cursor {
        Some(cursor) if !cursor.is_empty() => Err(Problem::malformed("cursor", "This is not a cursor of this list.")),
        _ => Ok(()),
    }
}

/// Something that is named by an id.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Named {
    /// Opaque.
    pub id: String,
    /// For people to read.
    pub name: String,
}

impl Named {
    /// An organisation; `None` when there is none.
    pub fn organization(name: Option<common::OrganizationName>) -> Option<Self> {
        name.map(|name| Self { id: name.id, name: name.name })
    }
}

/// A byline: who did something.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Byline {
    /// Null for the system and for people who have not proven their address.
    pub id: Option<String>,
    /// Null when the person was erased.
    pub name: Option<String>,
    /// What they are.
    pub role: Option<Role>,
}

impl From<common::PersonName> for Byline {
    fn from(person: common::PersonName) -> Self {
        Self { id: filled(person.id), name: filled(person.name), role: Role::from_proto(person.role) }
    }
}

/// A file of a ticket, comment, article or post.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct File {
    /// For `GET attachments/{id}`.
    pub id: String,
    /// As it was uploaded.
    pub name: String,
    /// Bytes.
    pub size: i64,
    /// As it was recognised.
    pub content_type: String,
    /// Whether it may be downloaded.
    pub state: Option<FileState>,
}

impl From<common::Attachment> for File {
    fn from(file: common::Attachment) -> Self {
        Self { id: file.id, name: file.name, size: file.size, content_type: file.content_type, state: FileState::from_proto(file.state) }
    }
}

/// The files of something.
pub fn files(files: Vec<common::Attachment>) -> Vec<File> {
    files.into_iter().map(File::from).collect()
}

/// Signed upload tickets as the contracts take them.
pub fn uploads(ids: Option<Vec<String>>) -> Vec<common::UploadTicket> {
    ids.unwrap_or_default().into_iter().map(|token| common::UploadTicket { token }).collect()
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T: ToSchema> {
    /// The rows.
    pub items: Vec<T>,
    /// For the next page; null on the last one.
    pub next_cursor: Option<String>,
}

impl<T: ToSchema> Page<T> {
    /// Rows and the contract's token.
    pub fn new<P>(rows: Vec<P>, token: String) -> Json<Self>
    where
        T: From<P>,
    {
        Json(Self { items: rows.into_iter().map(T::from).collect(), next_cursor: filled(token) })
    }
}

json_body! {
    /// Nothing is sent.
    pub struct Nothing {}
}

/// `None` for the contracts' empty text.
pub fn filled(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

/// The contracts' empty text for `None`.
pub fn text(text: Option<String>) -> String {
    text.unwrap_or_default()
}

/// 201 with a body.
pub fn created<T: Serialize>(body: T) -> Response {
    (StatusCode::CREATED, Json(body)).into_response()
}

/// 202 with a body that says nothing.
pub fn accepted() -> Response {
    (StatusCode::ACCEPTED, Json(serde_json::json!({}))).into_response()
}

/// 204.
pub fn nothing() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// An answer with its `ETag`.
pub fn tagged(etag: &str, mut response: Response) -> Response {
    if let Ok(value) = HeaderValue::from_str(&format!("\"{etag}\"")) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}

/// A single resource: 304 when the client has this version already.
pub fn resource<T: Serialize>(headers: &HeaderMap, etag: &str, body: T) -> Response {
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let fits = known.is_some_and(|list| list.split(',').any(|candidate| opaque(candidate) == etag));
    let mut response = if fits { StatusCode::NOT_MODIFIED.into_response() } else { Json(body).into_response() };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    tagged(etag, response)
}

/// The same for a resource without a version: its tag is made of its content.
pub fn resource_by_content<T: Serialize>(headers: &HeaderMap, body: T) -> Response {
    match serde_json::to_value(body) {
        Ok(body) => {
            let digest = Sha256::digest(body.to_string());
            resource(headers, &hex::encode(digest.split_at(12).0), body)
        }
        Err(error) => Problem::from(chassis::error::Error::internal(error)).into_response(),
    }
}

fn opaque(tag: &str) -> &str {
    tag.trim().trim_start_matches("W/").trim_matches('"')
}

/// `If-Match` as the contracts' `etag`; empty when the update is unconditional.
///
/// # Errors
/// 400 for several tags or something that is no tag.
pub fn if_match(headers: &HeaderMap) -> Result<String, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(String::new()) };
    let text = value.to_str().map_err(|_| Problem::malformed("If-Match", "If-Match is not an ETag."))?.trim();
    if text == "*" {
        return Ok(String::new());
    }
    let tag = opaque(text);
    let well_formed = !tag.is_empty() && tag.len() <= 200 && !tag.contains(['"', ',']);
    if well_formed { Ok(tag.to_owned()) } else { Err(Problem::malformed("If-Match", "If-Match must be one ETag.")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_in_utc_and_read_with_any_offset() {
        let mut errors = Vec::new();
        let read = Moment::from_text("2026-11-23T12:00:00+02:00".into(), "at", &mut errors).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), "\"2026-11-23T10:00:00Z\"");
        for bad in ["", "2026-11-23", "yesterday", "0000-01-01T00:00:00Z"] {
            assert!(Moment::from_text(bad.into(), "at", &mut errors).is_none(), "{bad:?} was taken");
        }
    }

    #[test]
    fn if_match_takes_one_tag() {
        let with = |value: &str| if_match(&HeaderMap::from_iter([(header::IF_MATCH, value.parse().unwrap())])).ok();
        assert_eq!(with("\"7\"").as_deref(), Some("7"));
        assert_eq!(with("*").as_deref(), Some(""));
        assert_eq!(with("\"7\", \"8\""), None);
        assert_eq!(with("\"\""), None);
        assert_eq!(if_match(&HeaderMap::new()).ok().as_deref(), Some(""));
    }

    #[test]
    fn a_tag_of_content_changes_with_it() {
        let tag = |text: &str| resource_by_content(&HeaderMap::new(), text).headers()[header::ETAG].clone();
        assert_eq!(tag("a"), tag("a"));
        assert_ne!(tag("a"), tag("b"));
        let known = HeaderMap::from_iter([(header::IF_NONE_MATCH, tag("a"))]);
        assert_eq!(resource_by_content(&known, "a").status(), StatusCode::NOT_MODIFIED);
    }

    #[test]
    fn a_known_version_is_not_sent_again() {
        let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, "\"6\", W/\"7\"".parse().unwrap())]);
        assert_eq!(resource(&headers, "7", 1).status(), StatusCode::NOT_MODIFIED);
        let fresh = resource(&headers, "8", 1);
        assert_eq!((fresh.status(), fresh.headers()[header::ETAG].to_str().unwrap()), (StatusCode::OK, "\"8\""));
    }
}
