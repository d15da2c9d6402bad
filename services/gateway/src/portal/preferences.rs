//! What the reader is told, and how. Mails about the account itself always go out.

use axum::response::Response;
use portico_proto::notifier::v1 as proto;

use super::posted::Posted;
use super::view::form::Form;
use super::view::me::{Preference, Preferences};
use super::visit::Visit;
use crate::error::{Answer, Problem};

/// The kinds in the order of a request's way: name, words, what it is.
const KINDS: [(&str, &str, &str); 9] = [
    ("receipt", "Receipt", "We have what you sent."),
    ("ticket_update", "Answers and changes", "Somebody answers you, or the status changes."),
    ("waiting_reminder", "Reminders", "We wait for your answer."),
    ("auto_resolved", "Resolved without an answer", "No answer came in time."),
    ("close_reminder", "Before it closes", "A resolved one is about to be closed."),
    ("closed", "Closed", "It is done, and how you can rate our help."),
    ("collaborator_added", "Shared with you", "Somebody gives you access to theirs."),
    ("topic_post", "Replies to topics", "Somebody replies to a topic that you follow."),
    ("topic_accepted", "Accepted answers", "An answer is accepted in a topic that you follow."),
];

/// The page.
pub async fn page(visit: Visit) -> Answer<Response> {
    visit.person()?;
    let kept = read(&visit).await?;
    let form = filled(visit.form(), &kept);
    visit.show(&shown(visit.clone(), form, &kept))
}

async fn read(visit: &Visit) -> Answer<proto::Preferences> {
    let request = visit.call.grpc(proto::GetPreferencesRequest { portal: visit.portal() });
    Ok(visit.call.clients().preferences().get_preferences(request).await?.into_inner())
}

fn filled(form: Form, kept: &proto::Preferences) -> Form {
    let fields = [("mail", &kept.mail), ("bell", &kept.bell)];
    let all = fields.into_iter().flat_map(|(channel, kinds)| kinds.iter().map(move |(kind, on)| (format!("{channel}-{kind}"), *on)));
    all.fold(form, |form, (name, on)| form.with(&name, if on { "true" } else { "" })).with("etag", kept.etag.clone())
}

fn shown(visit: Visit, form: Form, kept: &proto::Preferences) -> Preferences {
    let row = |(kind, label, text): &(&'static str, &'static str, &'static str)| Preference {
        kind,
        label,
        text,
        mail: kept.mail.contains_key(*kind),
        bell: kept.bell.contains_key(*kind),
    };
    Preferences { l: visit.l, form, rows: KINDS.iter().map(row).filter(|row| row.mail || row.bell).collect() }
}

/// Saves the choice.
pub async fn save(posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    visit.person()?;
    let kept = read(visit).await?;
    let chosen = |channel: &str, kinds: &std::collections::HashMap<String, bool>| {
        kinds.keys().map(|kind| (kind.clone(), posted.is_true(&format!("{channel}-{kind}")))).collect()
    };
    let request = visit.call.grpc(proto::PutPreferencesRequest {
        portal: visit.portal(),
        request_id: posted.request_id("preferences"),
        etag: posted.trimmed("etag"),
        mail: chosen("mail", &kept.mail),
        bell: chosen("bell", &kept.bell),
    });
    match visit.call.clients().preferences().put_preferences(request).await.map_err(Problem::from) {
        Ok(_) => Ok(visit.go_saying(&visit.url("/me/notifications"), "Your choice is saved.")),
        Err(problem) => {
            let mut form = posted.again().with("etag", kept.etag.clone());
            posted.fault(&mut form, problem)?;
            posted.show_again(form, |visit, form| shown(visit, form, &kept))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_shows_what_was_chosen() {
        let kept = proto::Preferences {
            mail: [("closed".to_owned(), false), ("receipt".to_owned(), true)].into(),
            bell: [("closed".to_owned(), true)].into(),
            etag: "7".into(),
        };
        let form = filled(Form::default(), &kept);
        assert_eq!((form.value("mail-closed"), form.value("mail-receipt"), form.value("bell-closed")), ("", "true", "true"));
        assert_eq!(form.value("etag"), "7");
    }
}
