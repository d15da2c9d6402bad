//! What a settings document may hold: one table, so that every key and its values stand in one place.

use serde_json::Value;

use super::{email, profile, text};

/// What was wrong with one member of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Path of the member, with dots.
    pub field: String,
    /// `unknown_field` or `invalid`.
    pub code: &'static str,
    /// A sentence that says what is allowed.
    pub message: String,
}

/// What a member holds.
enum Kind {
    /// These members, all of them, and no others.
    Object(&'static [(&'static str, Kind)]),
    Bool,
    /// A whole number of this range.
    Number(i64, i64),
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// Any of these texts, each once.
    AnyOf(&'static [&'static str]),
    /// A text of one line with at most so many characters.
    Line(usize),
    /// A rule of its own, and the words that tell it.
    Text(fn(&str) -> bool, &'static str),
    /// A list of 1 to 20 language tags, each once.
    Locales,
    /// At most 10 numbers of seconds, ascending.
    Reminders,
}

use Kind::{AnyOf, Bool, Line, Locales, Number, Object, OneOf, Reminders, Text};

/// A hundred days: no timer of a ticket needs more.
const LONGEST_TIMER: i64 = 100 * 86_400;
const YEAR: i64 = 365 * 86_400;
const MANY: i64 = 1_000_000;

const WORD: Kind = Line(40);
const LABEL: Kind = Line(60);
const DEFINITION: Kind = Line(400);

const ROOT: &[(&str, Kind)] = &[
    (
        "profile",
        Text(|name| profile::Profile::find(name).is_some(), "one of product-help, client-cases, service-desk, helpdesk, agency-support"),
    ),
    (
        "words",
        Object(&[
            ("ticket", WORD),
            ("tickets", WORD),
            ("article", WORD),
            ("articles", WORD),
            ("organization", WORD),
            ("organizations", WORD),
            ("product", WORD),
            ("products", WORD),
        ]),
    ),
    ("locales", Locales),
    ("branding", Object(&[("accent", Text(is_colour, "a colour like #1f5f8b"))])),
    ("features", Object(&[("community", Bool), ("signup", Bool), ("announcements", Bool)])),
    ("policies", Object(POLICIES)),
    (
        "timers",
        Object(&[
            ("waiting_reminder_seconds", Reminders),
            ("auto_resolve_seconds", Number(1, LONGEST_TIMER)),
            ("close_reminder_seconds", Number(0, LONGEST_TIMER)),
            ("auto_close_seconds", Number(0, LONGEST_TIMER)),
            // Business hours are not kept yet: a word that changes nothing is refused.
            ("calendar", OneOf(&["calendar"])),
        ]),
    ),
    ("status_labels", Object(&STATUS_LABELS)),
    ("status_definitions", Object(&STATUS_DEFINITIONS)),
    (
        "inbound",
        Object(&[
            ("address", Text(|address| email::Email::parse(address).is_some(), "a mail address")),
            ("trusted_authserv_id", Text(email::is_domain, "a host name")),
        ]),
    ),
    ("limits", Object(LIMITS)),
    ("ticket_prefix", Text(is_prefix, "1 to 40 capital letters, digits and hyphens, beginning with a letter or digit")),
];

const POLICIES: &[(&str, Kind)] = &[
    ("visibility", OneOf(&["own", "organization"])),
    ("reopen", OneOf(&["on_comment", "explicit_with_comment", "never"])),
    ("customer_close", OneOf(&["never", "when_resolved", "any_time"])),
    ("survey", OneOf(&["off", "ask", "require"])),
    ("closed_update", OneOf(&["follow_up_link", "auto_new_case", "refuse"])),
    ("first_contact", AnyOf(&["sso", "invite", "sign_up", "auto_invite", "access_request"])),
    ("guest_requests", Bool),
    ("priority_entry", OneOf(&["customer", "matrix", "agents"])),
    ("form_style", OneOf(&["single_page", "wizard"])),
];

const LIMITS: &[(&str, Kind)] = &[
    // v5.0.0-6.3.1 allows at most 100 failures in a row.
    ("login_failures_per_account", Number(3, 100)),
    ("login_lock_seconds", Number(1, 86_400)),
    ("requests_per_minute_per_source", Number(1, MANY)),
    ("sign_in_attempts_per_minute_per_source", Number(1, MANY)),
    ("guest_requests_per_hour_per_source", Number(1, MANY)),
    ("tickets_per_hour_per_person", Number(1, MANY)),
    ("comments_per_hour_per_person", Number(1, MANY)),
    ("topics_per_hour_per_person", Number(1, MANY)),
    ("link_mails_per_hour_per_address", Number(1, 1000)),
    ("invitations_per_day_per_person", Number(1, MANY)),
    ("uploads_per_hour_per_person", Number(1, MANY)),
    ("upload_bytes", Number(1, 1 << 30)),
    ("session_idle_seconds", Number(60, YEAR)),
    ("session_absolute_seconds", Number(60, YEAR)),
];

const STATUS_LABELS: [(&str, Kind); 7] = [
    ("new", LABEL),
    ("assigned", LABEL),
    ("waiting_customer", LABEL),
    ("waiting_third_party", LABEL),
    ("pending_support", LABEL),
    ("resolved", LABEL),
    ("closed", LABEL),
];

const STATUS_DEFINITIONS: [(&str, Kind); 7] = [
    ("new", DEFINITION),
    ("assigned", DEFINITION),
    ("waiting_customer", DEFINITION),
    ("waiting_third_party", DEFINITION),
    ("pending_support", DEFINITION),
    ("resolved", DEFINITION),
    ("closed", DEFINITION),
];

/// Everything wrong with a document or a patch, all at once. Null is never wrong: in a patch it means "as the profile ships it".
pub fn problems(document: &Value) -> Vec<Problem> {
    let mut found = Vec::new();
    check_object(document, ROOT, "", &mut found);
    found
}

/// Paths of members that a whole document lacks.
pub fn missing(document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    find_missing(document, ROOT, "", &mut found);
    found
}

fn find_missing(value: &Value, members: &[(&str, Kind)], path: &str, found: &mut Vec<String>) {
    for (name, kind) in members {
        let path = join(path, name);
        match value.get(name) {
            None => found.push(path),
            Some(value) => {
                if let Object(inner) = kind {
                    find_missing(value, inner, &path, found);
                }
            }
        }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn check_object(value: &Value, members: &[(&str, Kind)], path: &str, found: &mut Vec<Problem>) {
    let Value::Object(object) = value else {
        found.push(invalid(if path.is_empty() { "body" } else { path }, "an object"));
        return;
    };
    for (name, value) in object {
        let field = join(path, name);
        match members.iter().find(|(known, _)| known == name) {
            None => found.push(Problem { code: "unknown_field", message: format!("There is no setting `{field}`."), field }),
            Some(_) if value.is_null() => {}
            Some((_, kind)) => check(value, kind, &field, found),
        }
    }
}

fn invalid(field: &str, allowed: &str) -> Problem {
    Problem { field: field.to_owned(), code: "invalid", message: format!("`{field}` must be {allowed}.") }
}

fn check(value: &Value, kind: &Kind, field: &str, found: &mut Vec<Problem>) {
    let refused = match kind {
        Object(members) => return check_object(value, members, field, found),
        Bool => (!value.is_boolean()).then(|| "true or false".to_owned()),
        Number(least, most) => {
            let fits = value.as_i64().is_some_and(|number| (*least..=*most).contains(&number));
            (!fits).then(|| format!("a whole number from {least} to {most}"))
        }
        OneOf(allowed) => {
            let fits = value.as_str().is_some_and(|text| allowed.contains(&text));
            (!fits).then(|| format!("one of {}", allowed.join(", ")))
        }
        AnyOf(allowed) => (!is_set(value, 0, |text| allowed.contains(&text))).then(|| format!("a list of any of {}", allowed.join(", "))),
        Line(max) => {
            let fits = value.as_str().is_some_and(|line| text::one_line(line, *max).is_ok_and(|kept| kept == line));
            (!fits).then(|| format!("a text of one line with 1 to {max} characters"))
        }
        Text(rule, allowed) => (!value.as_str().is_some_and(rule)).then(|| (*allowed).to_owned()),
        Locales => (!is_set(value, 1, text::is_locale)).then(|| "a list of 1 to 20 language tags like en or de-AT".to_owned()),
        Reminders => (!are_reminders(value)).then(|| "a list of at most 10 whole numbers of seconds, ascending".to_owned()),
    };
    if let Some(allowed) = refused {
        found.push(invalid(field, &allowed));
    }
}

/// A list of at most 20 different texts that all fit.
fn is_set(value: &Value, least: usize, fits: impl Fn(&str) -> bool) -> bool {
    let Value::Array(items) = value else { return false };
    let unique = items.iter().enumerate().all(|(index, item)| !items[..index].contains(item));
    (least..=20).contains(&items.len()) && unique && items.iter().all(|item| item.as_str().is_some_and(&fits))
}

fn are_reminders(value: &Value) -> bool {
    let Value::Array(items) = value else { return false };
    let numbers: Vec<i64> = items.iter().filter_map(Value::as_i64).collect();
    numbers.len() == items.len()
        && numbers.len() <= 10
        && numbers.iter().all(|seconds| (1..=LONGEST_TIMER).contains(seconds))
        && numbers.windows(2).all(|pair| pair[0] < pair[1])
}

fn is_colour(text: &str) -> bool {
    text.len() == 7 && text.starts_with('#') && text[1..].bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_prefix(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && !text.starts_with('-')
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(document: Value) -> Vec<(String, &'static str)> {
        problems(&document).into_iter().map(|problem| (problem.field, problem.code)).collect()
    }

    #[test]
    fn unknown_keys_and_bad_values_are_named_all_at_once() {
        let found = fields(json!({
            "profil": "helpdesk",
            "timers": {"auto_resolve_seconds": "4 days", "auto_close_secs": 1},
            "policies": {"reopen": "sometimes", "first_contact": ["invite", "invite"], "guest_requests": 1},
            "status_labels": {"pending": "x", "new": ""},
        }));
        assert_eq!(
            found,
            [
                ("profil".to_owned(), "unknown_field"),
                ("timers.auto_resolve_seconds".to_owned(), "invalid"),
                ("timers.auto_close_secs".to_owned(), "unknown_field"),
                ("policies.reopen".to_owned(), "invalid"),
                ("policies.first_contact".to_owned(), "invalid"),
                ("policies.guest_requests".to_owned(), "invalid"),
                ("status_labels.pending".to_owned(), "unknown_field"),
                ("status_labels.new".to_owned(), "invalid"),
            ]
        );
    }

    #[test]
    fn a_document_is_an_object() {
        assert_eq!(fields(json!([1])), [("body".to_owned(), "invalid")]);
        assert_eq!(fields(json!({"words": "none"})), [("words".to_owned(), "invalid")]);
    }

    #[test]
    fn the_bounds_of_each_kind_hold() {
        for good in [
            json!({"timers": {"waiting_reminder_seconds": [1, 2, 3], "auto_close_seconds": 0}}),
            json!({"locales": ["en", "de-AT"]}),
            json!({"words": {"ticket": null}}),
            json!({"ticket_prefix": "A1-B", "branding": {"accent": "#00ffAA"}}),
            json!({"inbound": {"address": "help@acme.test", "trusted_authserv_id": "mx.acme.test"}}),
        ] {
            assert_eq!(fields(good.clone()), [], "{good}");
        }
        for bad in [
            json!({"timers": {"waiting_reminder_seconds": [2, 1]}}),
            json!({"timers": {"auto_resolve_seconds": 0}}),
            json!({"timers": {"auto_resolve_seconds": 1.5}}),
            json!({"timers": {"calendar": "business"}}),
            json!({"locales": []}),
            json!({"ticket_prefix": "acme"}),
            json!({"branding": {"accent": "#äöü"}}),
            json!({"words": {"ticket": "a\nb"}}),
            json!({"limits": {"login_failures_per_account": 101}}),
        ] {
            assert_eq!(fields(bad.clone()).len(), 1, "{bad}");
        }
    }
}
