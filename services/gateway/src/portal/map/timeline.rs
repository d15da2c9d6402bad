//! A conversation: messages, and thin lines between them.

use portico_proto::common::v1::Role;
use portico_proto::tickets::v1 as proto;

use super::person::{files, person};
use crate::portal::dates::Dates;
use crate::portal::view::layout::capital;
use crate::portal::view::ticket::Entry;
use crate::portal::view::ui::SafeHtml;

/// The entries of a timeline, oldest first.
pub fn entries(items: &[proto::TimelineItem], api: &str, me: &str, dates: &Dates) -> Vec<Entry> {
    items.iter().map(|item| entry(item, api, me, dates)).collect()
}

fn entry(item: &proto::TimelineItem, api: &str, me: &str, dates: &Dates) -> Entry {
    let message = matches!(item.kind(), proto::ItemKind::Created | proto::ItemKind::Comment) && !item.body_html.is_empty();
    let (icon, event) = if message { ("", String::new()) } else { words(item) };
    Entry {
        id: item.id.clone(),
        html: SafeHtml(item.body_html.clone()),
        message,
        person: person(item.actor.as_ref(), me),
        at: dates.when(item.at.as_ref()),
        via: if item.channel() == proto::Channel::Email { "by e-mail" } else { "" },
        internal: item.visibility() == proto::ItemVisibility::Internal,
        event,
        icon,
        files: files(api, &item.attachments),
    }
}

/// An event in words: who did what.
fn words(item: &proto::TimelineItem) -> (&'static str, String) {
    let system = item.actor.as_ref().is_none_or(|actor| actor.role() == Role::System);
    let who = item.actor.as_ref().filter(|actor| !system && !actor.name.is_empty()).map(|actor| actor.name.as_str());
    let by = |who_did: &str, itself: &str| who.map_or_else(|| itself.to_owned(), |who| format!("{who} {who_did}"));
    match item.kind() {
        proto::ItemKind::StatusChange => {
            let to = format!("“{}”", item.to_label);
            ("clock", by(&format!("set the status to {to}"), &format!("The status is now {to}")) + &reason(item.reason()))
        }
        proto::ItemKind::Change => {
            let did = changes(&item.changes, who);
            ("sliders-horizontal", by(&did, &capital(&did)))
        }
        proto::ItemKind::File => ("paperclip", by("added a file", "A file was added")),
        proto::ItemKind::Merge => ("layers", format!("Merged with {}", item.related_number)),
        proto::ItemKind::FollowUp => ("reply", format!("Follow-up {}", item.related_number)),
        proto::ItemKind::Satisfaction => {
            ("star", by(&format!("rated the help: {} of 5", item.score), &format!("Rated: {} of 5", item.score)))
        }
        proto::ItemKind::Collaborator => ("user-plus", by("changed who can see this", "Who can see this was changed")),
        _ => ("pencil", by("submitted this", "Submitted")),
    }
}

fn reason(reason: proto::Reason) -> String {
    let words = match reason {
        proto::Reason::NoCustomerReply => "no answer came",
        proto::Reason::ResolvedExpired => "nothing was left to do",
        proto::Reason::Workaround => "a workaround was given",
        proto::Reason::Duplicate => "it is a duplicate",
        proto::Reason::NotReproducible => "it could not be reproduced",
        proto::Reason::CustomerWithdrew => "it was withdrawn",
        proto::Reason::CustomerClosed => "closed by the customer",
        _ => return String::new(),
    };
    format!(": {words}")
}

fn changes(changes: &[proto::FieldChange], who: Option<&str>) -> String {
    let one = |change: &proto::FieldChange| {
        let field = change.field.trim_end_matches("_id").replace('_', " ");
        match (field.as_str(), change.after.as_str()) {
            ("assignee", "") => "gave it back to the queue".to_owned(),
            ("assignee", after) if Some(after) == who => "took it".to_owned(),
            ("assignee", after) => format!("assigned it to {after}"),
            ("due", _) => "kept it open".to_owned(),
            (field, "") => format!("cleared the {field}"),
            (field, after) => format!("set the {field} to {after}"),
        }
    };
    let parts: Vec<_> = changes.iter().map(one).collect();
    if parts.is_empty() { "changed it".into() } else { parts.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portico_proto::common::v1::PersonName;
    use time::macros::datetime;

    fn shown(item: proto::TimelineItem) -> Entry {
        entry(&item, "/api", "me", &Dates::new(datetime!(2026-11-23 12:00 UTC), "UTC"))
    }

    fn actor(role: Role) -> Option<PersonName> {
        Some(PersonName { id: "me".into(), name: "Nora".into(), role: role.into() })
    }

    #[test]
    fn a_comment_is_a_message_of_its_writer() {
        let entry = shown(proto::TimelineItem {
            kind: proto::ItemKind::Comment.into(),
            body_html: "<p>Hi</p>".into(),
            actor: actor(Role::Agent),
            visibility: proto::ItemVisibility::Internal.into(),
            ..Default::default()
        });
        assert!(entry.message && entry.internal && entry.person.team && entry.person.me);
    }

    #[test]
    fn events_say_who_did_what_and_timers_speak_for_themselves() {
        let change = proto::TimelineItem {
            kind: proto::ItemKind::StatusChange.into(),
            to_label: "Resolved".into(),
            reason: proto::Reason::NoCustomerReply.into(),
            ..Default::default()
        };
        assert_eq!(shown(change.clone()).event, "The status is now “Resolved”: no answer came");
        let by_hand = proto::TimelineItem { actor: actor(Role::Agent), reason: 0, ..change };
        assert_eq!(shown(by_hand).event, "Nora set the status to “Resolved”");
        let taken = proto::TimelineItem {
            kind: proto::ItemKind::Change.into(),
            actor: actor(Role::Agent),
            changes: vec![proto::FieldChange { field: "assignee_id".into(), before: String::new(), after: "Nora".into() }],
            ..Default::default()
        };
        assert_eq!(shown(taken.clone()).event, "Nora took it");
        let given = vec![proto::FieldChange { field: "assignee_id".into(), before: String::new(), after: "Jonas".into() }];
        assert_eq!(shown(proto::TimelineItem { changes: given, ..taken }).event, "Nora assigned it to Jonas");
    }
}
