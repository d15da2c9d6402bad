//! What holds for every call and no handler says for itself, written into the OpenAPI document.

use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{AdditionalProperties, AnyOfBuilder, Schema};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Components, ContentBuilder, HttpMethod, OpenApi, PathItem, Ref, RefOr, Required, ResponseBuilder, Type};
use utoipa::{PartialSchema, ToSchema};

use super::versions::{self, text_header};

/// Adds what no handler says for itself: the refusals of every call, the headers of writes, who may call, and that bodies are closed.
pub fn complete(document: &mut OpenApi) {
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            operation.operation_id = Some(operation_id(&method, path));
            refuse(&method, path, operation);
            accept_headers(&method, operation);
            versions::describe(&method, path, operation);
            describe_answers(operation);
            open_optional_body(operation);
            operation.security = Some(security(path));
        }
    }
    register_parameters(document);
    close_bodies(document);
}

/// `get_tickets_number_timeline`: stable, and unique because method and path are.
fn operation_id(method: &HttpMethod, path: &str) -> String {
    let verb = match method {
        HttpMethod::Get => "get",
        HttpMethod::Post => "post",
        HttpMethod::Put => "put",
        HttpMethod::Patch => "patch",
        _ => "delete",
    };
    let place = path.trim_start_matches("/api/v1/portals").trim_start_matches("/{portal}");
    let words: Vec<String> =
        place.split('/').filter(|part| !part.is_empty()).map(|part| part.trim_matches(['{', '}']).replace('-', "_")).collect();
    match (words.is_empty(), path.contains("{portal}")) {
        (true, true) => format!("{verb}_portal"),
        (true, false) => format!("{verb}_portals"),
        _ => format!("{verb}_{}", words.join("_")),
    }
}

/// The types of query parameters are referred to, but nobody else puts them into the document.
fn register_parameters(document: &mut OpenApi) {
    fn one<T: ToSchema + PartialSchema>(components: &mut Components) {
        components.schemas.entry(T::name().into_owned()).or_insert_with(T::schema);
    }
    let components = document.components.get_or_insert_default();
    one::<super::ticket_list::Scope>(components);
    one::<super::ticket_list::Format>(components);
    one::<super::ticket_view::Status>(components);
    one::<super::ticket_view::StatusCategory>(components);
    one::<super::ticket_view::Priority>(components);
    one::<super::articles::ArticleKind>(components);
    one::<super::articles::ArticleState>(components);
    one::<super::articles::ArticleSort>(components);
    one::<super::topic_view::TopicType>(components);
    one::<super::topic_view::TopicSort>(components);
    one::<super::shared::AccountRole>(components);
    one::<super::shared::Moment>(components);
    one::<super::user::PersonStatus>(components);
    one::<super::invitations::InvitationStatus>(components);
    one::<super::inbound_email::InboundState>(components);
}

fn operations(item: &mut PathItem) -> Vec<(HttpMethod, &mut Operation)> {
    let all = [
        (HttpMethod::Get, item.get.as_mut()),
        (HttpMethod::Post, item.post.as_mut()),
        (HttpMethod::Put, item.put.as_mut()),
        (HttpMethod::Patch, item.patch.as_mut()),
        (HttpMethod::Delete, item.delete.as_mut()),
    ];
    all.into_iter().filter_map(|(method, operation)| operation.map(|operation| (method, operation))).collect()
}

fn security(path: &str) -> Vec<SecurityRequirement> {
    let none: [&str; 0] = [];
    let bearer = SecurityRequirement::new("bearer", none);
    // Only the operator's token makes portals.
    if path == "/api/v1/portals" {
        return vec![bearer];
    }
    vec![SecurityRequirement::default(), bearer, SecurityRequirement::new("cookie", none).add("csrf", none)]
}

fn refuse(method: &HttpMethod, path: &str, operation: &mut Operation) {
    let mut refusals = vec![
        ("400", "Malformed."),
        ("401", "A guest on something that needs sign-in, or bad credentials."),
        ("403", "The role may never do this, or `csrf`."),
        ("404", "Absent, or not visible to this caller."),
        ("422", "Some fields are wrong; all of them at once."),
        ("429", "Too many requests; see `Retry-After`."),
        ("500", "A defect of ours."),
        ("503", "Not available at the moment; see `Retry-After`."),
    ];
    let conflict = *method != HttpMethod::Get || path.ends_with("/attachments/{id}");
    if conflict {
        refusals.push(("409", "The state, the version or the portal's policy says no."));
    }
    if operation.request_body.is_some() {
        refusals.push(("413", "Too large."));
        refusals.push(("415", "Another type of body is needed."));
    }
    for (status, description) in refusals {
        operation.responses.responses.entry(status.to_owned()).or_insert_with(|| RefOr::T(refusal(description)));
    }
}

/// Every answer says something, and one of several shapes may fit more than one of them: a ticket has all that a guest's answer has.
fn describe_answers(operation: &mut Operation) {
    for (status, answer) in &mut operation.responses.responses {
        let RefOr::T(answer) = answer else { continue };
        if answer.description.is_empty() {
            answer.description = match status.as_str() {
                "201" => "It was made.",
                "202" => "It was taken; what follows is told otherwise.",
                "204" => "Done; there is nothing to show.",
                _ => "As asked.",
            }
            .to_owned();
        }
        for content in answer.content.values_mut() {
            if let RefOr::T(content) = content
                && let Some(RefOr::T(schema)) = &mut content.schema
                && let Schema::OneOf(one) = schema
            {
                let any = one.items.drain(..).fold(AnyOfBuilder::new(), AnyOfBuilder::item);
                *schema = Schema::AnyOf(any.build());
            }
        }
    }
}

/// A body that may be left out is described as one that need not come, not as one that may be null.
fn open_optional_body(operation: &mut Operation) {
    let Some(RefOr::T(body)) = operation.request_body.as_mut() else { return };
    for content in body.content.values_mut() {
        let RefOr::T(content) = content else { continue };
        let Some(RefOr::T(Schema::OneOf(one))) = &content.schema else { continue };
        if let Some(schema) = one.items.iter().find(|item| matches!(item, RefOr::Ref(_))) {
            content.schema = Some(schema.clone());
            body.required = Some(Required::False);
        }
    }
}

fn refusal(description: &str) -> utoipa::openapi::Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(description).content("application/problem+json", content).build()
}

fn accept_headers(method: &HttpMethod, operation: &mut Operation) {
    if *method == HttpMethod::Get {
        return;
    }
    let parameters = operation.parameters.get_or_insert_default();
    parameters.push(text_header("Idempotency-Key", "The same key and body within 24 hours: the same answer and no second effect.", 128));
}

/// Unknown members of a body are refused, and the document says so.
fn close_bodies(document: &mut OpenApi) {
    let mut names = Vec::new();
    for item in document.paths.paths.values_mut() {
        for (_, operation) in operations(item) {
            let Some(RefOr::T(body)) = operation.request_body.as_ref() else { continue };
            for content in body.content.values() {
                if let RefOr::T(content) = content
                    && let Some(schema) = &content.schema
                {
                    collect(schema, &mut names);
                }
            }
        }
    }
    let Some(components) = document.components.as_mut() else { return };
    let mut at = 0;
    while let Some(name) = names.get(at).cloned() {
        at += 1;
        let Some(RefOr::T(schema)) = components.schemas.get_mut(&name) else { continue };
        if let Schema::Object(object) = schema {
            if !object.properties.is_empty()
                || object.required.is_empty() && object.additional_properties.is_none() && object.enum_values.is_none()
            {
                object.properties.values().for_each(|property| collect(property, &mut names));
                if is_object(object) {
                    object.additional_properties.get_or_insert_with(|| Box::new(AdditionalProperties::FreeForm(false)));
                }
            }
        } else {
            collect(&RefOr::T(schema.clone()), &mut names);
        }
    }
}

fn is_object(object: &utoipa::openapi::Object) -> bool {
    matches!(&object.schema_type, utoipa::openapi::schema::SchemaType::Type(Type::Object))
}

fn collect(schema: &RefOr<Schema>, names: &mut Vec<String>) {
    match schema {
        RefOr::Ref(reference) => {
            if let Some(name) = reference.ref_location.rsplit('/').next()
                && !names.iter().any(|known| known == name)
            {
                names.push(name.to_owned());
            }
        }
        RefOr::T(Schema::Array(array)) => {
            if let utoipa::openapi::schema::ArrayItems::RefOrSchema(items) = &array.items {
                collect(items, names);
            }
        }
        RefOr::T(Schema::OneOf(one)) => one.items.iter().for_each(|item| collect(item, names)),
        RefOr::T(Schema::AllOf(all)) => all.items.iter().for_each(|item| collect(item, names)),
        RefOr::T(Schema::AnyOf(any)) => any.items.iter().for_each(|item| collect(item, names)),
        RefOr::T(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> serde_json::Value {
        let (_, mut document) = crate::json::described().split_for_parts();
        complete(&mut document);
        serde_json::to_value(document).unwrap()
    }

    fn each_operation(document: &serde_json::Value, mut look: impl FnMut(&str, &str, &serde_json::Value)) {
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                if ["get", "post", "put", "patch", "delete"].contains(&method.as_str()) {
                    look(path, method, operation);
                }
            }
        }
    }

    #[test]
    fn no_account_can_be_the_system() {
        let schemas = &document()["components"]["schemas"];
        assert_eq!(schemas["AccountRole"]["enum"], serde_json::json!(["customer", "agent", "admin"]));
        assert!(schemas["Role"]["enum"].as_array().unwrap().contains(&"system".into()), "a byline may be the system's");
        for (name, place) in [("CreateInvitation", "role"), ("PatchUser", "role"), ("User", "role"), ("Invitation", "role")] {
            let role = schemas[name]["properties"][place].to_string();
            assert!(role.contains("#/components/schemas/AccountRole"), "{name}: {role}");
        }
        let users = document()["paths"]["/api/v1/portals/{portal}/users"]["get"]["parameters"].to_string();
        assert!(users.contains("AccountRole") && !users.contains("schemas/Role\""), "{users}");
    }

    #[test]
    fn every_operation_says_how_it_may_refuse() {
        let document = document();
        assert_eq!(document["openapi"], "3.1.0");
        let mut count = 0;
        each_operation(&document, |path, method, operation| {
            count += 1;
            let responses = operation["responses"].as_object().unwrap();
            for status in ["400", "401", "404", "422", "429", "503"] {
                assert!(responses.contains_key(status), "{method} {path} lacks {status}");
            }
            assert!(responses.keys().any(|status| status.starts_with('2')), "{method} {path} never succeeds");
            for (status, answer) in responses {
                assert!(answer["description"].as_str().is_some_and(|text| !text.is_empty()), "{method} {path} {status} says nothing");
            }
            if operation.get("requestBody").is_some() {
                assert!(responses.contains_key("413") && responses.contains_key("415"), "{method} {path}");
            }
            assert!(!operation["description"].as_str().or(operation["summary"].as_str()).unwrap_or_default().is_empty(), "{method} {path}");
        });
        assert!(count > 80, "{count} operations");
    }

    #[test]
    fn versions_are_told_where_they_count() {
        let document = document();
        let at = |path: &str, method: &str| document["paths"][format!("/api/v1/portals/{{portal}}{path}")][method].clone();
        let takes =
            |operation: &serde_json::Value, name: &str| operation["parameters"].as_array().unwrap().iter().any(|one| one["name"] == name);
        for path in ["", "/catalog", "/me", "/me/preferences", "/users/{id}", "/tickets/{number}", "/articles/{slug}"] {
            let get = at(path, "get");
            assert!(takes(&get, "If-None-Match") && get["responses"]["304"]["headers"]["ETag"].is_object(), "GET {path}");
            assert!(get["responses"]["200"]["headers"]["ETag"].is_object(), "GET {path}");
        }
        for (path, method) in [
            ("/tickets/{number}", "patch"),
            ("/tickets/{number}/comments", "post"),
            ("/tickets/{number}/close", "post"),
            ("/tickets/{number}/reopen", "post"),
            ("/articles/{slug}", "delete"),
            ("/topics/{id}", "delete"),
            ("/announcements/{id}", "delete"),
        ] {
            assert!(takes(&at(path, method), "If-Match"), "{method} {path}");
        }
        assert!(!takes(&at("/tickets", "post"), "If-Match"));
        assert!(at("/tickets", "post")["responses"]["201"]["headers"]["ETag"].is_object());
        assert!(document["components"]["schemas"]["Problem"]["properties"]["follow_up_url"].is_object());
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_id_is_unique() {
        let document = document();
        let text = document.to_string();
        for reference in text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(document.pointer(reference).is_some(), "{reference} leads nowhere");
        }
        let mut ids = std::collections::HashSet::new();
        each_operation(&document, |path, method, operation| {
            let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
            assert!(ids.insert(id.clone()), "{method} {path}: {id} is there twice");
        });
    }

    #[test]
    fn bodies_are_closed_and_paths_have_all_their_parameters() {
        let document = document();
        assert_eq!(document["components"]["schemas"]["CreateTicket"]["additionalProperties"], false);
        assert_eq!(document["components"]["schemas"]["Captcha"]["additionalProperties"], false);
        each_operation(&document, |path, method, operation| {
            for name in path.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
                let has = operation["parameters"]
                    .as_array()
                    .is_some_and(|list| list.iter().any(|one| one["name"] == name && one["in"] == "path"));
                assert!(has, "{method} {path} does not describe {name}");
            }
        });
    }
}
