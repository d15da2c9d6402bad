//! The settings that administrators change most: areas, rules, timers, the accent. The whole document is in the API.

use axum::response::Response;
use portico_proto::identity::v1 as proto;
use serde_json::{Value, json};

use super::view::{Policy, Settings};
use crate::error::{Answer, Problem};
use crate::portal::posted::Posted;
use crate::portal::view::form::{Form, FormError};
use crate::portal::view::ui::Choice;
use crate::portal::visit::Visit;

/// Areas: the member's path, the field, its words.
const SWITCHES: [(&str, &str, &str); 4] = [
    ("/features/community", "community", "Community"),
    ("/features/announcements", "announcements", "Announcements"),
    ("/features/signup", "signup", "Anybody may sign up"),
    ("/policies/guest_requests", "guest_requests", "Guests may submit, after a human check"),
];

/// A policy: its name, words, and values with their words.
type PolicyRow = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const POLICIES: [PolicyRow; 6] = [
    ("visibility", "What new members see", &[("own", "Their own"), ("organization", "All of their organisation")]),
    (
        "reopen",
        "Opening a resolved one again",
        &[("on_comment", "By any reply"), ("explicit_with_comment", "By a button, with a comment"), ("never", "Never")],
    ),
    ("customer_close", "Customers close", &[("any_time", "At any time"), ("when_resolved", "When it is resolved"), ("never", "Never")]),
    ("survey", "Rating", &[("ask", "Ask for it"), ("require", "Require it to close"), ("off", "Off")]),
    (
        "closed_update",
        "A reply to a closed one",
        &[("auto_new_case", "Makes a new linked one"), ("follow_up_link", "Offers a follow-up"), ("refuse", "Is refused")],
    ),
    (
        "priority_entry",
        "Priority",
        &[("customer", "Customers choose it"), ("matrix", "From impact and urgency"), ("agents", "Agents choose it")],
    ),
];

/// Timers with one number.
const TIMERS: [&str; 3] = ["auto_resolve_seconds", "close_reminder_seconds", "auto_close_seconds"];

/// The settings.
pub async fn page(visit: Visit) -> Answer<Response> {
    visit.admin()?;
    let request = visit.call.grpc(proto::GetSettingsRequest { portal: visit.portal() });
    let settings = visit.call.clients().portals().get_settings(request).await?.into_inner();
    let document: Value = serde_json::from_str(&settings.settings_json).unwrap_or(Value::Null);
    let form = filled(visit.form(), &document);
    visit.show(&shown(visit.clone(), form, settings.etag))
}

fn shown(visit: Visit, form: Form, etag: String) -> Settings {
    let policy = |(name, label, values): &PolicyRow| Policy {
        name,
        label,
        options: values.iter().map(|(value, label)| Choice::new(*value, *label)).collect(),
    };
    Settings {
        l: visit.layout("settings"),
        switches: SWITCHES.iter().map(|(_, name, label)| Choice::new(*name, *label)).collect(),
        policies: POLICIES.iter().map(policy).collect(),
        form,
        etag,
    }
}

fn filled(mut form: Form, document: &Value) -> Form {
    let time = |pointer: &str| match document.pointer(pointer) {
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_i64).map(duration).collect::<Vec<_>>().join(", "),
        Some(value) => value.as_i64().map(duration).unwrap_or_default(),
        None => String::new(),
    };
    let text = |pointer: &str| match document.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    form = form.with("accent", text("/branding/accent")).with("waiting_reminder_seconds", time("/timers/waiting_reminder_seconds"));
    for (pointer, name, _) in SWITCHES {
        form = form.with(name, text(pointer));
    }
    for (name, ..) in POLICIES {
        form = form.with(name, text(&format!("/policies/{name}")));
    }
    for name in TIMERS {
        form = form.with(name, time(&format!("/timers/{name}")));
    }
    form
}

/// Saves what the form shows.
pub async fn save(posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    visit.admin()?;
    let again = |visit: Visit, form: Form| shown(visit, form, posted.trimmed("etag"));
    let patch = match patch(&posted) {
        Ok(patch) => patch,
        Err(errors) => {
            let mut form = posted.again();
            form.errors = errors;
            return posted.show_again(form, again);
        }
    };
    let request = visit.call.grpc(proto::PatchSettingsRequest {
        portal: visit.portal(),
        request_id: posted.request_id("settings"),
        etag: posted.trimmed("etag"),
        patch_json: patch.to_string(),
    });
    match visit.call.clients().portals().patch_settings(request).await.map_err(Problem::from) {
        Ok(_) => Ok(visit.go_saying(&format!("{}/admin/settings", visit.l.portal.desk), "The settings are saved.")),
        Err(problem) => {
            let mut form = posted.again();
            posted.fault(&mut form, problem)?;
            posted.show_again(form, again)
        }
    }
}

/// Units of time: seconds in one, and its names; the first is the one that is shown.
const UNITS: [(i64, [&str; 3]); 4] =
    [(86_400, ["day", "days", "d"]), (3_600, ["hour", "hours", "h"]), (60, ["minute", "minutes", "min"]), (1, ["second", "seconds", "s"])];

/// A time in the largest unit that tells it without a fraction: "3 days", "36 hours".
fn duration(seconds: i64) -> String {
    let (count, [one, many, _]) = UNITS
        .iter()
        .find(|(unit, _)| seconds != 0 && seconds % unit == 0)
        .map_or((seconds, UNITS[3].1), |(unit, names)| (seconds / unit, *names));
    format!("{count} {}", if count == 1 { one } else { many })
}

/// What was typed as a time, in seconds; a number alone is meant so.
fn seconds(text: &str) -> Option<i64> {
    let text = text.trim().to_lowercase();
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let (count, unit) = (digits.parse::<i64>().ok()?, unit.trim());
    let factor = if unit.is_empty() { 1 } else { UNITS.iter().find(|(_, names)| names.contains(&unit))?.0 };
    count.checked_mul(factor)
}

fn patch(posted: &Posted) -> Result<Value, Vec<FormError>> {
    let mut errors = Vec::new();
    let mut number = |name: &str, text: &str| {
        let read = seconds(text);
        if read.is_none() {
            errors.push(FormError { field: name.to_owned(), message: "Enter a time, such as 3 days or 36 hours".into() });
        }
        read.unwrap_or_default()
    };
    let reminders: Vec<i64> = posted.list("waiting_reminder_seconds").iter().map(|one| number("waiting_reminder_seconds", one)).collect();
    let mut timers = serde_json::Map::from_iter([("waiting_reminder_seconds".to_owned(), json!(reminders))]);
    for name in TIMERS {
        timers.insert(name.to_owned(), json!(number(name, posted.value(name))));
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut policies: serde_json::Map<String, Value> =
        POLICIES.iter().map(|(name, ..)| ((*name).to_owned(), json!(posted.trimmed(name)))).collect();
    policies.insert("guest_requests".into(), json!(posted.is_true("guest_requests")));
    let mut patch = json!({
        "features": {"community": posted.is_true("community"), "announcements": posted.is_true("announcements"), "signup": posted.is_true("signup")},
        "policies": policies,
        "timers": timers,
    });
    if !posted.trimmed("accent").is_empty()
        && let Some(patch) = patch.as_object_mut()
    {
        patch.insert("branding".into(), json!({"accent": posted.trimmed("accent")}));
    }
    Ok(patch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_shows_the_document() {
        let document = json!({"branding": {"accent": "#123456"}, "features": {"community": true}, "policies": {"survey": "ask"},
            "timers": {"waiting_reminder_seconds": [86400, 129600], "auto_close_seconds": 0}});
        let form = filled(Form::default(), &document);
        assert_eq!(form.value("accent"), "#123456");
        assert_eq!((form.value("community"), form.value("survey")), ("true", "ask"));
        assert_eq!((form.value("waiting_reminder_seconds"), form.value("auto_close_seconds")), ("1 day, 36 hours", "0 seconds"));
    }

    #[test]
    fn times_are_written_as_people_say_them() {
        for (text, expected) in [("3 days", 259_200), ("36h", 129_600), ("1 Minute", 60), ("45", 45), ("0", 0), ("2 s", 2)] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        for wrong in ["", "soon", "3 moons", "-1", "1.5 days", "99999999999999999 days"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
        assert_eq!([duration(259_200), duration(3_600), duration(90)], ["3 days", "1 hour", "90 seconds"].map(str::to_owned));
    }
}
