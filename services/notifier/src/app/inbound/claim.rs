//! What agents do with messages: look, accept a claim, drop it.

use portico_chassis::deadline::Deadline;
use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::app::App;
use crate::domain::inbound::{Outcome, RAW_KEPT, State};
use crate::store::inbound::{self, Decision, Mail};

/// The agent who decides.
#[derive(Debug, Clone)]
pub struct Agent {
    /// In which portal.
    pub portal: PortalId,
    /// The person's id.
    pub person: String,
    /// The idempotency key.
    pub request_id: String,
    /// Until when the answer is of use.
    pub deadline: Deadline,
}

impl App {
    /// A page of a portal's messages, newest first.
    pub async fn inbound_mails(
        &self,
        portal: &PortalId,
        state: Option<State>,
        after: Option<(OffsetDateTime, Uuid)>,
        limit: i64,
        deadline: Deadline,
    ) -> Result<Vec<Mail>, Error> {
        let mut conn = self.db.read(portal, deadline).await?;
        inbound::list(&mut conn, portal, state, after, limit).await
    }

    /// How many claims wait, and how many messages were set aside whose bytes are still kept; each up to 1,000.
    pub async fn count_inbound_mails(&self, portal: &PortalId, deadline: Deadline) -> Result<(i32, i32), Error> {
        let mut conn = self.db.read(portal, deadline).await?;
        let claimed = inbound::count(&mut conn, portal, State::Claimed, None).await?;
        let since = self.clock.now() - RAW_KEPT;
        Ok((claimed, inbound::count(&mut conn, portal, State::Quarantined, Some(since)).await?))
    }

    /// Turns a claim into a comment of its sender. Repeating the request gives the same answer.
    pub async fn accept_inbound_mail(&self, agent: &Agent, message_id: &str) -> Result<Mail, Error> {
        let mail = self.inbound_mail(&agent.portal, message_id, agent.deadline).await?;
        if is_repeated(&mail, agent) {
            return Ok(mail);
        }
        must_be_claimed(&mail)?;
        let submitted = agent.deadline.bound(self.submit_claim(&mail, &agent.person)).await??;
        match submitted.outcome.state {
            State::CommentAdded | State::TicketCreated => self.decide_claim(agent, &mail, &submitted.outcome).await,
            _ if submitted.outcome.reason.is_empty() => Err(Error::conflict("not_accepted", "The message can't be added to the ticket.")),
            _ => Err(Error::conflict(submitted.outcome.reason, "The message can't be added to the ticket.")),
        }
    }

    /// Ends a claim without effect. Repeating the request gives the same answer.
    pub async fn drop_inbound_mail(&self, agent: &Agent, message_id: &str) -> Result<Mail, Error> {
        let mail = self.inbound_mail(&agent.portal, message_id, agent.deadline).await?;
        if is_repeated(&mail, agent) {
            return Ok(mail);
        }
        must_be_claimed(&mail)?;
        self.decide_claim(agent, &mail, &Outcome::ignored("dropped_by_agent")).await
    }

    async fn decide_claim(&self, agent: &Agent, mail: &Mail, outcome: &Outcome) -> Result<Mail, Error> {
        let decision = Decision { id: mail.id, outcome, agent: &agent.person, request_id: &agent.request_id };
        let mut conn = self.db.read(&agent.portal, agent.deadline).await?;
        let decided = inbound::decide(&mut conn, &agent.portal, &decision, self.clock.now()).await?;
        drop(conn);
        let now = self.inbound_mail(&agent.portal, &mail.message_id, agent.deadline).await?;
        if decided || is_repeated(&now, agent) { Ok(now) } else { Err(no_claim()) }
    }
}

fn is_repeated(mail: &Mail, agent: &Agent) -> bool {
    mail.decided_request.as_deref() == Some(agent.request_id.as_str())
}

fn must_be_claimed(mail: &Mail) -> Result<(), Error> {
    if mail.state()? == State::Claimed { Ok(()) } else { Err(no_claim()) }
}

fn no_claim() -> Error {
    Error::conflict("invalid_transition", "The message waits for nobody's decision.")
}
