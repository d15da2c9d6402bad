//! `InboundService`.

use bytes::Bytes;
use portico_chassis::clock::to_proto;
use portico_chassis::error::Error;
use portico_chassis::grpc::{Context, context};
use portico_chassis::page;
use portico_proto::notifier::v1::inbound_service_server::InboundService;
use portico_proto::notifier::v1::{
    AcceptInboundMailRequest, CountInboundMailsRequest, CountInboundMailsResponse, DropInboundMailRequest, GetInboundMailRequest,
    InboundMail, InboundState, IngestMailRequest, IngestMailResponse, ListInboundMailsRequest, ListInboundMailsResponse,
};
use tonic::{Request, Response, Status};

use super::{Api, check_request_id, reader};
use crate::app::inbound::{Agent, Seen, SignedMail};
use crate::app::notification::{Place, from_micros, to_micros};
use crate::domain::inbound::State;

#[tonic::async_trait]
impl InboundService for Api {
    async fn ingest_mail(&self, request: Request<IngestMailRequest>) -> Result<Response<IngestMailResponse>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let mail = SignedMail {
            portal: request.portal,
            raw: Bytes::from(request.raw),
            timestamp: request.timestamp,
            signature: request.signature,
        };
        let message_id = self.app.ingest_mail(mail, context.deadline).await?;
        Ok(Response::new(IngestMailResponse { message_id }))
    }

    async fn get_inbound_mail(&self, request: Request<GetInboundMailRequest>) -> Result<Response<InboundMail>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let portal = context.portal(&request.portal)?;
        Ok(Response::new(encode(self.app.inbound_mail(&portal, &request.message_id, context.deadline).await?)?))
    }

    async fn list_inbound_mails(&self, request: Request<ListInboundMailsRequest>) -> Result<Response<ListInboundMailsResponse>, Status> {
        let context = context(&request)?;
        Ok(Response::new(self.list_inbound(&context, request.into_inner()).await?))
    }

    async fn count_inbound_mails(&self, request: Request<CountInboundMailsRequest>) -> Result<Response<CountInboundMailsResponse>, Status> {
        let context = context(&request)?;
        let portal = context.portal(&request.into_inner().portal)?;
        let (claimed, quarantined) = self.app.count_inbound_mails(&portal, context.deadline).await?;
        Ok(Response::new(CountInboundMailsResponse { claimed, quarantined }))
    }

    async fn accept_inbound_mail(&self, request: Request<AcceptInboundMailRequest>) -> Result<Response<InboundMail>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let agent = agent(&context, &request.portal, &request.request_id)?;
        Ok(Response::new(encode(self.app.accept_inbound_mail(&agent, &request.message_id).await?)?))
    }

    async fn drop_inbound_mail(&self, request: Request<DropInboundMailRequest>) -> Result<Response<InboundMail>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let agent = agent(&context, &request.portal, &request.request_id)?;
        Ok(Response::new(encode(self.app.drop_inbound_mail(&agent, &request.message_id).await?)?))
    }
}

impl Api {
    async fn list_inbound(&self, context: &Context, request: ListInboundMailsRequest) -> Result<ListInboundMailsResponse, Error> {
        let reader = reader(context, &request.portal)?;
        let state = match request.state() {
            InboundState::Unspecified if request.state != 0 => return Err(Error::invalid("state", "invalid", "There is no such state.")),
            state => decode(state),
        };
        let wanted = request.page.unwrap_or_default();
        let limit = page::size(wanted.page_size)?;
        let scope = ["inbound mails", reader.portal.as_str(), &reader.person, state.map_or("all", State::name)];
        let after: Option<Place> = self.pager.cursor(&scope, &wanted.page_token)?;
        let after = after.map(|(micros, id)| Ok::<_, Error>((from_micros(micros)?, id))).transpose()?;
        let mut found = self.app.inbound_mails(&reader.portal, state, after, limit + 1, context.deadline).await?;
        let size = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = found.len() > size;
        found.truncate(size);
        let last = found.last().filter(|_| more).map(|mail| (to_micros(mail.received_at), mail.id));
        let next_page_token = last.map(|place| self.pager.token(&scope, &place)).transpose()?.unwrap_or_default();
        Ok(ListInboundMailsResponse { items: found.into_iter().map(encode).collect::<Result<_, _>>()?, next_page_token })
    }
}

fn agent(context: &Context, portal: &str, request_id: &str) -> Result<Agent, Error> {
    check_request_id(request_id)?;
    let reader = reader(context, portal)?;
    Ok(Agent { portal: reader.portal, person: reader.person, request_id: request_id.to_owned(), deadline: context.deadline })
}

fn encode(mail: Seen) -> Result<InboundMail, Error> {
    let state = match mail.state()? {
        State::Queued => InboundState::Queued,
        State::TicketCreated => InboundState::TicketCreated,
        State::CommentAdded => InboundState::CommentAdded,
        State::UnverifiedTicket => InboundState::UnverifiedTicket,
        State::Claimed => InboundState::Claimed,
        State::Ignored => InboundState::Ignored,
        State::Quarantined => InboundState::Quarantined,
    };
    Ok(InboundMail {
        lapses_at: mail.lapses_at().map(to_proto),
        message_id: mail.message_id,
        state: state.into(),
        ticket_number: mail.ticket_number.unwrap_or_default(),
        reason: mail.reason,
        received_at: Some(to_proto(mail.received_at)),
        from_address: mail.from_address,
        subject: mail.subject,
        excerpt: mail.excerpt,
    })
}

fn decode(state: InboundState) -> Option<State> {
    match state {
        InboundState::Unspecified => None,
        InboundState::Queued => Some(State::Queued),
        InboundState::TicketCreated => Some(State::TicketCreated),
        InboundState::CommentAdded => Some(State::CommentAdded),
        InboundState::UnverifiedTicket => Some(State::UnverifiedTicket),
        InboundState::Claimed => Some(State::Claimed),
        InboundState::Ignored => Some(State::Ignored),
        InboundState::Quarantined => Some(State::Quarantined),
    }
}
