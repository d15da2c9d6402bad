//! Mail to check: answers that only an agent can let into a conversation, and messages that could not be read.

use std::time::Duration;

use axum::extract::{Path, Query};
use axum::response::Response;
use portico_proto::common::v1::PageRequest;
use portico_proto::notifier::v1 as proto;
use serde::Deserialize;

use super::queue::queues;
use super::view::{Mail, MailToCheck};
use crate::error::{Answer, Problem};
use crate::portal::news::next;
use crate::portal::posted::Posted;
use crate::portal::view::form::Form;
use crate::portal::view::ui::Tab;
use crate::portal::visit::Visit;

/// What the queue is called.
pub const TITLE: &str = "Mail to check";
/// The queue's name among the others.
pub const QUEUE: &str = "mail";

/// Rows of a page.
const ROWS: i32 = 50;
/// How long other pages wait for the count of claims.
const PATIENCE: Duration = Duration::from_millis(150);
/// The notifier counts up to here.
const MOST: i32 = 1_000;
/// The name of what was set aside, in the address.
const ASIDE: &str = "quarantined";

/// What the address says.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Asked {
    /// `quarantined`, or empty for claims.
    #[serde(default)]
    pub state: String,
    /// Where the list goes on.
    #[serde(default)]
    pub cursor: String,
}

fn url(visit: &Visit) -> String {
    format!("{}/mail", visit.l.portal.desk)
}

async fn counted(visit: &Visit) -> Answer<proto::CountInboundMailsResponse> {
    let request = visit.call.grpc(proto::CountInboundMailsRequest { portal: visit.portal() });
    Ok(visit.call.clients().inbound().count_inbound_mails(request).await?.into_inner())
}

/// How many claims wait, in words; empty when the notifier does not say so at once: a page is not worth less without it.
pub async fn waiting(visit: &Visit) -> String {
    match tokio::time::timeout(PATIENCE, counted(visit)).await {
        Ok(Ok(counts)) => number(counts.claimed),
        Ok(Err(_)) | Err(_) => String::new(),
    }
}

fn number(count: i32) -> String {
    if count < MOST { count.to_string() } else { format!("{MOST}+") }
}

/// Claims, or what was set aside.
pub async fn page(visit: Visit, Query(asked): Query<Asked>) -> Answer<Response> {
    visit.staff()?;
    let form = visit.form();
    let page = shown(&visit, &asked, form).await?;
    visit.show(&page)
}

async fn shown(visit: &Visit, asked: &Asked, form: Form) -> Answer<MailToCheck> {
    let aside = asked.state == ASIDE;
    let state = if aside { proto::InboundState::Quarantined } else { proto::InboundState::Claimed };
    let request = visit.call.grpc(proto::ListInboundMailsRequest {
        portal: visit.portal(),
        state: state.into(),
        page: Some(PageRequest { page_size: ROWS, page_token: asked.cursor.clone() }),
    });
    let mut inbound = visit.call.clients().inbound();
    let (listed, counts, queues) = tokio::join!(inbound.list_inbound_mails(request), counted(visit), queues(visit, QUEUE));
    let (listed, counts) = (listed?.into_inner(), counts?);
    let url = url(visit);
    let aside_url = format!("{url}?state={ASIDE}");
    let tab = |label: &str, url: &str, count: i32, current: bool| Tab {
        label: label.into(),
        url: url.into(),
        count: number(count),
        current,
        ..Tab::default()
    };
    Ok(MailToCheck {
        l: visit.layout("desk"),
        queues,
        tabs: vec![tab("To decide", &url, counts.claimed, !aside), tab("Set aside", &aside_url, counts.quarantined, aside)],
        aside,
        mails: listed.items.iter().map(|mail| row(mail, visit)).collect(),
        next: next(if aside { aside_url } else { url.clone() }, &listed.next_page_token),
        url,
        form,
    })
}

fn row(mail: &proto::InboundMail, visit: &Visit) -> Mail {
    Mail {
        id: mail.message_id.clone(),
        from: mail.from_address.clone(),
        subject: mail.subject.clone(),
        text: mail.excerpt.clone(),
        at: visit.dates.when(mail.received_at.as_ref()),
        why: why(&mail.reason, &visit.l.words.ticket),
        number: mail.ticket_number.clone(),
        ticket_url: format!("{}/tickets/{}", visit.l.portal.desk, mail.ticket_number),
        lapses: visit.dates.deadline(mail.lapses_at.as_ref()),
    }
}

/// Why a message is here, for people. What has no words of its own is named as it is.
fn why(reason: &str, word: &str) -> String {
    match reason {
        "unproven_sender" => "The sender’s address is not proven: anybody could have written it.".into(),
        "not_on_ticket" => format!("The sender is proven, but may not write on this {word}."),
        "unknown_ticket" => format!("The {word} that it answers is gone, so it can’t be added to it."),
        "loop_limit" => "This sender wrote very often within an hour; it may be a machine.".into(),
        "ambiguous_sender" => "It does not name exactly one sender.".into(),
        "raw_missing" => "Its text is no longer there.".into(),
        "gave_up" => "The work on it was broken off again and again.".into(),
        "malformed" | "header_too_large" | "too_deep" | "too_many_parts" | "unsafe_structure" => {
            format!("It is built in a way that is not safe to read ({}).", reason.replace('_', " "))
        }
        "" => "It answers one of our mails without proof.".into(),
        other => match other.strip_prefix("refused:") {
            Some(code) => format!("It could not be added ({}).", code.replace('_', " ")),
            None => format!("It was set aside ({}).", other.replace('_', " ")),
        },
    }
}

/// Adds a claim to its ticket as a comment of its sender.
pub async fn accept(Path(_): Path<String>, posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    visit.staff()?;
    let message_id = posted.trimmed("message");
    let request_id = posted.request_id(&format!("accept {message_id}"));
    let request = visit.call.grpc(proto::AcceptInboundMailRequest { portal: visit.portal(), request_id, message_id });
    match visit.call.clients().inbound().accept_inbound_mail(request).await {
        Ok(answer) => Ok(visit.go_saying(&url(visit), &format!("Added to {}.", answer.into_inner().ticket_number))),
        Err(status) => again(&posted, status.into()).await,
    }
}

/// Ends a claim without effect.
pub async fn drop_claim(Path(_): Path<String>, posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    visit.staff()?;
    let message_id = posted.trimmed("message");
    let request_id = posted.request_id(&format!("drop {message_id}"));
    let request = visit.call.grpc(proto::DropInboundMailRequest { portal: visit.portal(), request_id, message_id });
    match visit.call.clients().inbound().drop_inbound_mail(request).await {
        Ok(_) => Ok(visit.go_saying(&url(visit), "Dropped. The sender is not told.")),
        Err(status) => again(&posted, status.into()).await,
    }
}

/// Shows the list as it is now, with what was refused: somebody was faster, or the ticket takes nothing more.
async fn again(posted: &Posted, problem: Problem) -> Answer<Response> {
    let mut form = posted.again();
    posted.fault(&mut form, problem)?;
    let page = shown(&posted.visit, &Asked::default(), form.clone()).await?;
    posted.show_again(form, |visit, _| MailToCheck { l: visit.layout("desk"), ..page })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_a_sentence_without_code_words() {
        for reason in
            ["unproven_sender", "not_on_ticket", "unknown_ticket", "loop_limit", "too_deep", "refused:rate_limited", "new_one", ""]
        {
            let words = why(reason, "case");
            assert!(words.ends_with('.') && !words.contains('_'), "{words}");
        }
        assert!(why("not_on_ticket", "case").contains("this case"));
    }

    #[test]
    fn more_than_a_thousand_are_not_counted_out() {
        assert_eq!([number(0), number(999), number(1_000)], ["0", "999", "1000+"]);
    }
}
