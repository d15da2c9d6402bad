//! InboundService.

use portico_chassis::error::Error;
use portico_chassis::grpc::{Context, context};
use portico_proto::tickets::v1 as wire;
use portico_proto::tickets::v1::inbound_service_server::InboundService;
use tonic::{Request, Response, Status};

use super::fields::{Form, LONGEST_BODY, LONGEST_NAME, LONGEST_SUBJECT};
use crate::app::Tickets;
use crate::app::inbound::{Mail, Outcome};
use crate::domain::ids::PersonId;

const MOST_CC: usize = 20;

/// The service.
pub struct Api(pub Tickets);

#[tonic::async_trait]
impl InboundService for Api {
    async fn submit_mail(&self, request: Request<wire::SubmitMailRequest>) -> Result<Response<wire::SubmitMailResponse>, Status> {
        let (context, message) = (context(&request)?, request.into_inner());
        let outcome = self.0.submit_mail(mail(&context, message)?).await?;
        Ok(Response::new(answer(outcome)))
    }
}

/// What a mail holds is cut to what a ticket takes; a mail is not sent back for being long.
fn mail(context: &Context, given: wire::SubmitMailRequest) -> Result<Mail, Error> {
    let mut form = Form::default();
    let portal = context.portal(&given.portal)?;
    let message_id = form.required_line("message_id", &given.message_id, 998);
    let from = form.email("from_address", &given.from_address);
    let ticket = form.id("reply_ticket_id", &given.reply_ticket_id);
    let reader = form.id("reply_reader_id", &given.reply_reader_id);
    let accepted_by: Option<PersonId> = form.id("accepted_by", &given.accepted_by);
    form.done()?;
    let subject = cut_line(&given.subject, LONGEST_SUBJECT);
    let body = cut_text(&given.body.replace('\0', ""), LONGEST_BODY);
    let cc = given.cc.iter().filter(|address| good(address)).take(MOST_CC).map(|address| address.trim().to_lowercase());
    Ok(Mail {
        portal,
        message_id,
        from,
        name: cut_line(&given.from_name, LONGEST_NAME),
        proven: given.proven,
        reply: ticket.map(|ticket| (ticket, reader)),
        subject: if subject.is_empty() { "(no subject)".to_owned() } else { subject },
        body,
        uploads: given.uploads.into_iter().map(|upload| upload.token).collect(),
        cc: cc.collect(),
        accepted: accepted_by.is_some(),
        deadline: context.deadline,
    })
}

fn good(address: &str) -> bool {
    let mut form = Form::default();
    form.email("cc", address);
    form.done().is_ok()
}

fn cut_line(text: &str, most: usize) -> String {
    let line: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    line.trim().chars().take(most).collect()
}

fn cut_text(text: &str, most: usize) -> String {
    let end = text.char_indices().nth(most).map_or(text.len(), |(at, _)| at);
    text[..end].trim().to_owned()
}

fn answer(outcome: Outcome) -> wire::SubmitMailResponse {
    let person = |person: Option<PersonId>| person.map_or_else(String::new, |person| person.to_string());
    match outcome {
        Outcome::Ticket { number, id, verified, person: writer } => {
            let outcome = if verified { wire::MailOutcome::TicketCreated } else { wire::MailOutcome::UnverifiedTicket };
            let (outcome, person_id) = (outcome.into(), person(writer));
            wire::SubmitMailResponse { outcome, number, ticket_id: id, person_id, ..wire::SubmitMailResponse::default() }
        }
        Outcome::Comment { number, id, person: writer } => wire::SubmitMailResponse {
            outcome: wire::MailOutcome::CommentAdded.into(),
            number,
            ticket_id: id,
            person_id: writer.to_string(),
            ..wire::SubmitMailResponse::default()
        },
        Outcome::Claimed { number, reason, deciders } => wire::SubmitMailResponse {
            outcome: wire::MailOutcome::Claimed.into(),
            number: number.unwrap_or_default(),
            reason: reason.to_owned(),
            decider_ids: deciders.iter().map(PersonId::to_string).collect(),
            ..wire::SubmitMailResponse::default()
        },
        Outcome::Ignored { number, reason, person: writer } => wire::SubmitMailResponse {
            outcome: wire::MailOutcome::Ignored.into(),
            number: number.unwrap_or_default(),
            reason: reason.to_owned(),
            person_id: person(writer),
            ..wire::SubmitMailResponse::default()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_mail_is_cut_between_letters() {
        assert_eq!(cut_text(&"ü".repeat(70_000), LONGEST_BODY).chars().count(), LONGEST_BODY);
        assert_eq!(cut_text("äx", 1), "ä");
        assert_eq!(cut_line(" a\r\nBcc: b ", 7), "a  Bcc:");
    }
}
