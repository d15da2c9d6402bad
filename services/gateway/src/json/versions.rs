//! What the OpenAPI document says of versions: which answers carry an `ETag`, where `If-None-Match` saves an answer, and which writes `If-Match` guards.

use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{Header, HttpMethod, ObjectBuilder, RefOr, Required, ResponseBuilder, Type};

/// Single resources whose `GET` takes `If-None-Match`.
const KNOWN: [&str; 7] = ["", "/catalog", "/me", "/me/preferences", "/users/{id}", "/tickets/{number}", "/articles/{slug}"];
/// Single resources whose `GET` carries an `ETag` without taking `If-None-Match`.
const TAGGED: [&str; 3] = ["/settings", "/topics/{id}", "/announcements/{id}"];
/// Writes besides `PATCH` and `PUT` that take `If-Match`.
const GUARDED: [(HttpMethod, &str); 6] = [
    (HttpMethod::Post, "/tickets/{number}/comments"),
    (HttpMethod::Post, "/tickets/{number}/close"),
    (HttpMethod::Post, "/tickets/{number}/reopen"),
    (HttpMethod::Delete, "/articles/{slug}"),
    (HttpMethod::Delete, "/topics/{id}"),
    (HttpMethod::Delete, "/announcements/{id}"),
];
/// Writes that answer something that is no versioned resource.
const UNTAGGED: [&str; 2] = ["/organizations/{id}/members/{user}", "/tickets/{number}/comments"];
/// Creations that answer the resource with its `ETag`.
const MADE: [&str; 7] = [
    "/tickets",
    "/tickets/{number}/follow-ups",
    "/tickets/{number}/close",
    "/tickets/{number}/reopen",
    "/tickets/{number}/keep-open",
    "/articles",
    "/topics",
];

/// Adds headers and the 304 to one operation.
pub fn describe(method: &HttpMethod, path: &str, operation: &mut Operation) {
    let Some(place) = path.strip_prefix("/api/v1/portals/{portal}") else { return };
    if *method == HttpMethod::Get {
        if KNOWN.contains(&place) {
            operation.parameters.get_or_insert_default().push(known());
            let unchanged = ResponseBuilder::new().description("The client has this version already.").header("ETag", etag());
            operation.responses.responses.insert("304".into(), RefOr::T(unchanged.build()));
        }
        if KNOWN.contains(&place) || TAGGED.contains(&place) {
            tag(operation, "200");
        }
        return;
    }
    let changes = matches!(method, HttpMethod::Patch | HttpMethod::Put);
    if changes || GUARDED.iter().any(|(guarded, at)| guarded == method && *at == place) {
        parameter(operation, "If-Match", "The ETag that was read; another version is 409 `version_conflict`.");
    }
    if (changes || MADE.contains(&place) || place == "/announcements") && !UNTAGGED.contains(&place) {
        tag(operation, "200");
        tag(operation, "201");
    }
}

fn tag(operation: &mut Operation, status: &str) {
    if let Some(RefOr::T(answer)) = operation.responses.responses.get_mut(status) {
        answer.headers.insert("ETag".into(), RefOr::T(etag()));
    }
}

fn etag() -> Header {
    HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .description(Some("The version, for `If-Match` and `If-None-Match`."))
        .build()
}

/// Whatever a client names here, it only ever saves it the body: text that is no version of ours is not refused.
fn known() -> RefOr<Parameter> {
    let parameter = ParameterBuilder::new()
        .name("If-None-Match")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some("The ETag that the client has: the same version is 304 without a body."))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)));
    RefOr::T(parameter.build())
}

fn parameter(operation: &mut Operation, name: &str, description: &str) {
    operation.parameters.get_or_insert_default().push(text_header(name, description, 200));
}

/// A header of visible ASCII that may be left out.
pub fn text_header(name: &str, description: &str, max: usize) -> RefOr<Parameter> {
    let schema = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(max)).pattern(Some("^[!-~]+$"));
    let parameter = ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build();
    RefOr::T(parameter)
}
