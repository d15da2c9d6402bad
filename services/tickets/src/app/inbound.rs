//! Mail that came in: who wrote it, and what it means.

use portico_chassis::deadline::Deadline;
use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use portico_chassis::journal::{Replay, RequestKey, replay};
use sha2::{Digest, Sha256};

use super::Tickets;
use super::asker::Asker;
use super::clients::{CaptchaAnswer, Ensure, derived};
use super::conversation::CommentInput;
use super::create::{GuestInput, NewInput};
use super::entity::CommentAnswer;
use super::upload::Hook;
use super::view::TicketView;
use crate::domain::access::{Relation, relation};
use crate::domain::command::Next;
use crate::domain::ids::{PersonId, TicketId};
use crate::domain::kinds::{Access, Channel, TicketType};
use crate::domain::person::PersonFacts;
use crate::domain::priority::Weights;
use crate::domain::reply::may_write;
use crate::domain::ticket::{Place, Ticket};
use crate::store;
use crate::store::ticket::Handle;

/// Under this name the inbound door takes the files of mails in.
const DOOR: &str = "service:notifier";

/// A mail, parsed and judged by the inbound door; texts are within their bounds already.
#[derive(Debug, Clone)]
pub struct Mail {
    /// In which portal.
    pub portal: PortalId,
    /// Names the mail.
    pub message_id: String,
    /// In lower case.
    pub from: String,
    /// As the mail says.
    pub name: String,
    /// The sender's domain is proven.
    pub proven: bool,
    /// The ticket and reader of a reply address whose MAC fits.
    pub reply: Option<(TicketId, Option<PersonId>)>,
    /// One line.
    pub subject: String,
    /// Markdown, quotes removed.
    pub body: String,
    /// Upload tickets.
    pub uploads: Vec<String>,
    /// In lower case.
    pub cc: Vec<String>,
    /// An agent accepted it as a comment.
    pub accepted: bool,
    /// Until when an answer is of use.
    pub deadline: Deadline,
}

/// What became of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A ticket, and whether its writer is proven.
    Ticket {
        /// Its number.
        number: String,
        /// Its id.
        id: String,
        /// False: it waits for its address to be proven.
        verified: bool,
        /// The writer.
        person: Option<PersonId>,
    },
    /// A comment; on a closed ticket the new one.
    Comment {
        /// The ticket's number.
        number: String,
        /// The ticket's id, when it is the one that was answered.
        id: String,
        /// The writer.
        person: PersonId,
    },
    /// It waits for an agent.
    Claimed {
        /// The number of the ticket that was answered; `None`: there is no such ticket.
        number: Option<String>,
        /// Stable, snake_case.
        reason: &'static str,
        /// Who is to be told: the ticket's agent; while nobody owns it, all agents.
        deciders: Vec<PersonId>,
    },
    /// No effect.
    Ignored {
        /// The number of the ticket that was answered.
        number: Option<String>,
        /// Stable, snake_case.
        reason: &'static str,
        /// The writer, when known.
        person: Option<PersonId>,
    },
}

impl Tickets {
    /// Takes one mail; the same mail again has the same outcome and no second effect.
    ///
    /// # Errors
    /// `Unavailable` when a peer is away: nothing was done, and the mail may come again.
    pub async fn submit_mail(&self, mail: Mail) -> Result<Outcome, Error> {
        self.rules(&mail.portal).await?;
        let mut conn = self.db.read(&mail.portal, mail.deadline).await?;
        let request = request_of(&mail);
        let before = replay(&mut conn, &mail.portal, &request).await?;
        drop(conn);
        let person = self.sender(&mail).await?;
        if let Replay::Answered(answer) = before {
            return told(&answer, &mail, person.as_ref());
        }
        if person.as_ref().is_some_and(|person| !person.active) {
            return self.ignored(&mail, "suspended", None).await;
        }
        if mail.body.trim().is_empty() && mail.uploads.is_empty() {
            return self.ignored(&mail, "empty", person.map(|person| person.id)).await;
        }
        match (mail.reply, person) {
            (Some((ticket, _)), None) if !mail.accepted => {
                let reason = if mail.proven { "not_on_ticket" } else { "unproven_sender" };
                self.claimed(&mail, self.answered(&mail, ticket).await?, reason).await
            }
            (Some((ticket, _)), known) => {
                let person = self.made(&mail, known).await?;
                self.mail_comment(&mail, ticket, person, request).await
            }
            (None, known) if mail.proven || mail.accepted => {
                let person = self.made(&mail, known).await?;
                self.mail_ticket(&mail, Some(person), request).await
            }
            (None, _) => self.mail_ticket(&mail, None, request).await,
        }
    }

    /// The person who wrote, when the sender is proven or an agent said so, and known. Nobody is made before the mail has an effect.
    async fn sender(&self, mail: &Mail) -> Result<Option<PersonFacts>, Error> {
        if !mail.proven && !mail.accepted {
            return Ok(None);
        }
        self.identity.find(&mail.portal, &mail.from, mail.deadline).await
    }

    /// The writer of a mail that has an effect, made when nobody knows them yet.
    async fn made(&self, mail: &Mail, known: Option<PersonFacts>) -> Result<PersonFacts, Error> {
        if let Some(person) = known {
            return Ok(person);
        }
        let request_id = derived(&mail.message_id, "mail");
        let asked = Ensure { portal: &mail.portal, request_id, email: &mail.from, name: &mail.name };
        self.ensure(&asked, mail.deadline).await
    }

    /// The ticket that a mail answers; `None`: it is gone.
    async fn answered(&self, mail: &Mail, ticket: TicketId) -> Result<Option<Ticket>, Error> {
        let mut conn = self.db.read(&mail.portal, mail.deadline).await?;
        let found = store::ticket::find(&mut conn, &mail.portal, Handle::Id(ticket), None).await?;
        Ok(found.map(|found| found.case.ticket))
    }

    /// No effect, about the ticket that the mail answers.
    async fn ignored(&self, mail: &Mail, reason: &'static str, person: Option<PersonId>) -> Result<Outcome, Error> {
        let answered = match mail.reply {
            Some((ticket, _)) => self.answered(mail, ticket).await?,
            None => None,
        };
        Ok(Outcome::Ignored { number: answered.map(|ticket| ticket.number), reason, person })
    }

    /// The mail waits for whoever answers for the ticket.
    async fn claimed(&self, mail: &Mail, answered: Option<Ticket>, reason: &'static str) -> Result<Outcome, Error> {
        let reason = if answered.is_some() { reason } else { "unknown_ticket" };
        let mut conn = self.db.read(&mail.portal, mail.deadline).await?;
        // Who has the ticket may be gone from the team.
        let assigned = answered.as_ref().and_then(|ticket| ticket.assignee).map(PersonId::uuid);
        let owner = store::person::by_ids(&mut conn, &mail.portal, assigned.as_slice()).await?;
        let deciders = match owner.first().filter(|owner| owner.active && owner.is_staff()) {
            Some(owner) => vec![owner.id],
            None => store::person::support(&mut conn, &mail.portal, super::AGENTS_TOLD).await?,
        };
        Ok(Outcome::Claimed { number: answered.map(|ticket| ticket.number), reason, deciders })
    }

    async fn mail_comment(&self, mail: &Mail, ticket: TicketId, person: PersonFacts, request: RequestKey) -> Result<Outcome, Error> {
        let mut conn = self.db.read(&mail.portal, mail.deadline).await?;
        let found = store::ticket::find(&mut conn, &mail.portal, Handle::Id(ticket), Some(person.id)).await?;
        drop(conn);
        let Some(found) = found else { return self.claimed(mail, None, "unknown_ticket").await };
        let asker = Asker::of_facts(person.clone(), Channel::Email, mail.deadline);
        let own = relation(&found.case.ticket, asker.viewer()?, self.now()).filter(|relation| may_write(*relation));
        let vouched = mail.accepted.then_some(Relation::Collaborator(Access::Write));
        if own.is_none() && vouched.is_none() {
            return self.claimed(mail, Some(found.case.ticket), "not_on_ticket").await;
        }
        let number = Some(found.case.ticket.number);
        let body = if mail.body.trim().is_empty() { "(only files)".to_owned() } else { mail.body.clone() };
        let uploads = mail.uploads.clone();
        let input = CommentInput { request, etag: None, body, uploads, visibility: None, next: Next::default() };
        let said = self.comment_from(&asker, Handle::Id(ticket), input, DOOR, vouched).await;
        let ignored = |reason| Ok(Outcome::Ignored { number: number.clone(), reason, person: Some(person.id) });
        match said {
            Err(Error::RateLimited { .. }) => ignored("rate_limited"),
            Ok(answer) => Ok(comment_outcome(answer, person.id)),
            Err(Error::Conflict { code, meta, .. }) if code == "ticket_closed" => {
                ignored(if meta.is_empty() { "ticket_closed" } else { "ticket_closed_follow_up" })
            }
            // An agent's mail to a closed ticket.
            Err(Error::Conflict { code, .. }) if code == "invalid_transition" => ignored("ticket_closed"),
            Err(error) => Err(error),
        }
    }

    async fn mail_ticket(&self, mail: &Mail, person: Option<PersonFacts>, request: RequestKey) -> Result<Outcome, Error> {
        let now = self.now();
        let rules = self.rules(&mail.portal).await?;
        let known = person.as_ref().map(|person| person.id);
        let asker = match person {
            Some(person) => Asker::of_facts(person, Channel::Email, mail.deadline),
            None => Asker::of_service(mail.portal.clone(), DOOR, mail.deadline),
        };
        let input = new_input(mail, known.is_none(), request.clone());
        let mut conn = self.db.read(&mail.portal, mail.deadline).await?;
        match self.check_quota(&mut conn, &asker, input.guest.as_ref(), &rules, now).await {
            Err(Error::RateLimited { .. }) => return Ok(Outcome::Ignored { number: None, reason: "rate_limited", person: known }),
            checked => checked?,
        }
        let agents = self.agents(&mut conn, &asker, None).await?;
        drop(conn);
        let mut draft = self.draft(&asker, &input, now).await?;
        draft.invitees = self.invitees(&asker, &input, now).await?;
        let hook = Hook { ticket: draft.new.id, item: draft.new.item, internal: false };
        (draft.files, draft.claimed) = self.claim(&asker, DOOR, &input.uploads, hook, now).await?;
        let answer = self.commit_new(&asker, &draft, request, rules, &agents, now).await?;
        self.blobs.settle(&draft.claimed).await;
        let view: TicketView = super::view::stored(&answer)?;
        Ok(Outcome::Ticket { number: view.number, id: view.id.to_string(), verified: view.verified, person: known })
    }
}

/// A mail is taken once, and once more when an agent accepts it.
fn request_of(mail: &Mail) -> RequestKey {
    let key = format!("{}:{}", mail.message_id, mail.accepted);
    let digest = hex::encode(Sha256::digest(key));
    RequestKey { caller: DOOR.to_owned(), operation: "SubmitMail", key: digest, fingerprint: [0; 32] }
}

fn new_input(mail: &Mail, unproven: bool, request: RequestKey) -> NewInput {
    let guest = unproven.then(|| GuestInput {
        email: mail.from.clone(),
        name: if mail.name.is_empty() { mail.from.clone() } else { mail.name.clone() },
        captcha: CaptchaAnswer::default(),
    });
    let cc = mail.cc.iter().filter(|address| **address != mail.from).cloned();
    NewInput {
        request,
        subject: mail.subject.clone(),
        description: if mail.body.trim().is_empty() { "(only files)".to_owned() } else { mail.body.clone() },
        place: Place::default(),
        ticket_type: TicketType::Request,
        weights: Weights::default(),
        contact_name: String::new(),
        // The Cc of somebody who proved nothing is forgotten.
        collaborators: if unproven { Vec::new() } else { cc.collect() },
        uploads: mail.uploads.clone(),
        requester: None,
        guest,
        tags: Vec::new(),
        assignee: None,
        group: None,
        channel: Some(Channel::Email),
    }
}

/// The outcome of a mail that was taken before.
fn told(answer: &[u8], mail: &Mail, person: Option<&PersonFacts>) -> Result<Outcome, Error> {
    if let (Ok(answer), Some(person)) = (serde_json::from_slice::<CommentAnswer>(answer), person) {
        return Ok(comment_outcome(answer, person.id));
    }
    let view: TicketView = super::view::stored(answer)?;
    let person = person.filter(|_| mail.proven).map(|person| person.id);
    Ok(Outcome::Ticket { number: view.number, id: view.id.to_string(), verified: view.verified, person })
}

fn comment_outcome(answer: CommentAnswer, person: PersonId) -> Outcome {
    match answer.follow_up_number {
        Some(number) => Outcome::Comment { number, id: String::new(), person },
        None => Outcome::Comment { number: answer.ticket.number, id: answer.ticket.id.to_string(), person },
    }
}
