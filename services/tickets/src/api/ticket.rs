//! TicketsService.

use portico_chassis::blobs::by_content;
use portico_chassis::error::Error;
use portico_chassis::grpc::{Context, context};
use portico_proto::tickets::v1 as wire;
use portico_proto::tickets::v1::tickets_service_server::TicketsService;
use prost::Message;
use tonic::{Request, Response, Status};

use super::fields::{Form, etag};
use super::{encode, fields, filter};
use crate::app::Tickets;
use crate::app::asker::Asker;
use crate::domain::command::Command;
use crate::domain::kinds::Channel;

/// Filters in one request.
const MOST_FILTERS: usize = 12;
/// Characters of what is said with a rating.
pub(super) const LONGEST_RATING: usize = 2_000;

/// The service.
pub struct Api(pub Tickets);

fn channel(asker: &Asker) -> Channel {
    asker.as_viewer().map_or(Channel::Portal, |viewer| viewer.channel)
}

#[tonic::async_trait]
impl TicketsService for Api {
    async fn create_ticket(&self, request: Request<wire::CreateTicketRequest>) -> Result<Response<wire::CreateTicketResponse>, Status> {
        let (context, message) = (context(&request)?, request.into_inner());
        let asker = Asker::new(&context, &message.portal)?;
        let request = context.request_key("CreateTicket", &message.request_id, &by_content(&message, |message| &mut message.uploads))?;
        let input = fields::new_ticket(&asker, message, request, false)?;
        let view = self.0.create(&asker, &context, input).await?;
        let ticket = if asker.as_viewer().is_some() { encode::ticket(view) } else { encode::guests_ticket(&view) };
        Ok(Response::new(wire::CreateTicketResponse { ticket: Some(ticket) }))
    }

    async fn get_ticket(&self, request: Request<wire::GetTicketRequest>) -> Result<Response<wire::Ticket>, Status> {
        let (context, message) = (context(&request)?, request.into_inner());
        let asker = Asker::new(&context, &message.portal)?;
        Ok(Response::new(encode::ticket(self.0.get(&asker, &message.number).await?)))
    }

    async fn list_tickets(&self, request: Request<wire::ListTicketsRequest>) -> Result<Response<wire::ListTicketsResponse>, Status> {
        let (context, message) = (context(&request)?, request.into_inner());
        let asker = Asker::new(&context, &message.portal)?;
        let input = filter::list_input(&asker, &message)?;
        let (tickets, next_page_token) = self.0.list(&asker, &input).await?;
        Ok(Response::new(wire::ListTicketsResponse { tickets: tickets.into_iter().map(encode::ticket).collect(), next_page_token }))
    }

    async fn count_tickets(&self, request: Request<wire::CountTicketsRequest>) -> Result<Response<wire::CountTicketsResponse>, Status> {
        let (context, message) = (context(&request)?, request.into_inner());
        let asker = Asker::new(&context, &message.portal)?;
        if message.filters.is_empty() || message.filters.len() > MOST_FILTERS {
            return Err(Error::invalid("filters", "out_of_range", format!("From 1 to {MOST_FILTERS} filters.")).into());
        }
        let filters = message.filters.iter().map(|given| filter::filter(&asker, given)).collect::<Result<Vec<_>, _>>()?;
        let counts = self.0.counts(&asker, &filters).await?;
        let counts =
            counts.into_iter().map(|(count, capped)| wire::TicketCount { count: i32::try_from(count).unwrap_or(i32::MAX), capped });
        Ok(Response::new(wire::CountTicketsResponse { counts: counts.collect() }))
    }

    async fn search_tickets(&self, request: Request<wire::SearchTicketsRequest>) -> Result<Response<wire::SearchTicketsResponse>, Status> {
        let (context, message) = (context(&request)?, request.into_inner());
        let asker = Asker::new(&context, &message.portal)?;
        let (question, limit) = filter::search(&message)?;
        Ok(Response::new(encode::found(self.0.search(&asker, &question, limit).await?)))
    }

    async fn update_ticket(&self, request: Request<wire::UpdateTicketRequest>) -> Result<Response<wire::Ticket>, Status> {
        let (context, message) = (context(&request)?, request.into_inner());
        let asker = Asker::new(&context, &message.portal)?;
        let request = context.request_key("UpdateTicket", &message.request_id, &message)?;
        let input = fields::update(&asker, &message, request)?;
        Ok(Response::new(encode::ticket(self.0.update(&asker, &message.number, input).await?)))
    }

    async fn close_ticket(&self, request: Request<wire::CloseTicketRequest>) -> Result<Response<wire::Ticket>, Status> {
        let (context, message) = (context(&request)?, request.into_inner());
        let asker = Asker::new(&context, &message.portal)?;
        let mut form = Form::default();
        let score = form.score("satisfaction", message.score);
        let comment = form.words("comment", &message.comment, LONGEST_RATING);
        form.done()?;
        let command = Command::Close { score, comment, item: self.0.new_item(), channel: channel(&asker) };
        self.command(&context, &asker, "CloseTicket", &message, (&message.request_id, &message.etag, &message.number), command).await
    }

    async fn reopen_ticket(&self, request: Request<wire::ReopenTicketRequest>) -> Result<Response<wire::Ticket>, Status> {
        let (context, message) = (context(&request)?, request.into_inner());
        let asker = Asker::new(&context, &message.portal)?;
        let mut form = Form::default();
        let comment = form.required_markdown("comment", &message.comment);
        form.done()?;
        let command = Command::Reopen { comment, item: self.0.new_item(), channel: channel(&asker) };
        self.command(&context, &asker, "ReopenTicket", &message, (&message.request_id, &message.etag, &message.number), command).await
    }

    async fn keep_ticket_open(&self, request: Request<wire::KeepTicketOpenRequest>) -> Result<Response<wire::Ticket>, Status> {
        let (context, message) = (context(&request)?, request.into_inner());
        let asker = Asker::new(&context, &message.portal)?;
        self.command(&context, &asker, "KeepTicketOpen", &message, (&message.request_id, "", &message.number), Command::KeepOpen).await
    }

    async fn rate_ticket(&self, request: Request<wire::RateTicketRequest>) -> Result<Response<wire::Ticket>, Status> {
        let (context, message) = (context(&request)?, request.into_inner());
        let asker = Asker::new(&context, &message.portal)?;
        let mut form = Form::default();
        let score = form.score("score", message.score);
        if message.score == 0 {
            form.wrong("score", "required", "Choose a score from 1 to 5.");
        }
        let comment = form.words("comment", &message.comment, LONGEST_RATING);
        form.done()?;
        let command = Command::Rate { score: score.unwrap_or(0), comment };
        self.command(&context, &asker, "RateTicket", &message, (&message.request_id, &message.etag, &message.number), command).await
    }

    async fn create_follow_up(
        &self,
        request: Request<wire::CreateFollowUpRequest>,
    ) -> Result<Response<wire::CreateTicketResponse>, Status> {
        let (context, message) = (context(&request)?, request.into_inner());
        let ticket = message.ticket.clone().unwrap_or_default();
        let asker = Asker::new(&context, &ticket.portal)?;
        let by_content = by_content(&message, |message| &mut message.ticket.get_or_insert_default().uploads);
        let request = context.request_key("CreateFollowUp", &ticket.request_id, &by_content)?;
        if ticket.guest.is_some() {
            return Err(Error::invalid("email", "not_allowed", "You are signed in: leave out email, name and captcha.").into());
        }
        let input = fields::new_ticket(&asker, ticket, request, true)?;
        let view = self.0.follow_up(&asker, &message.number, input).await?;
        Ok(Response::new(wire::CreateTicketResponse { ticket: Some(encode::ticket(view)) }))
    }

    async fn mark_viewed(&self, request: Request<wire::MarkViewedRequest>) -> Result<Response<wire::MarkViewedResponse>, Status> {
        let (context, message) = (context(&request)?, request.into_inner());
        let asker = Asker::new(&context, &message.portal)?;
        self.0.mark_viewed(&asker, &message.number).await?;
        Ok(Response::new(wire::MarkViewedResponse {}))
    }
}

impl Api {
    /// A command that answers the ticket; `named` is request id, etag and number.
    async fn command(
        &self,
        context: &Context,
        asker: &Asker,
        operation: &'static str,
        message: &impl Message,
        named: (&str, &str, &str),
        command: Command,
    ) -> Result<Response<wire::Ticket>, Status> {
        let (request_id, seen, number) = named;
        let request = context.request_key(operation, request_id, message)?;
        let view = self.0.command(asker, number, request, etag(seen)?, command).await?;
        Ok(Response::new(encode::ticket(view)))
    }
}
