//! The actor of a ticket: what the chassis needs to know about this aggregate.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use portico_chassis::clock::Clock;
use portico_chassis::db::Db;
use portico_chassis::deadline::Deadline;
use portico_chassis::entity::{Aggregate, Asked, Decision};
use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use portico_chassis::journal::{Claim, Entry};
use portico_chassis::random::Random;
use time::OffsetDateTime;
use uuid::Uuid;

use super::emit::{Emission, Scene, emit};
use super::follow_up;
use super::item_view::{FileView, Frame, ItemView};
use super::refusal;
use super::view::{self, Lens, TicketView};
use crate::domain::access::{Actor, Relation, Viewer, relation};
use crate::domain::case::Case;
use crate::domain::command::{Command, Invitee};
use crate::domain::create::NewTicket;
use crate::domain::decide::decide;
use crate::domain::event::Event;
use crate::domain::ids::{OrganizationId, PersonId, TicketId};
use crate::domain::person::PersonFacts;
use crate::domain::policy::Rules;
use crate::domain::refusal::Refusal;
use crate::domain::reply::makes_new_case;
use crate::domain::status::Status;
use crate::store;
use crate::store::attachment::AttachmentRow;
use crate::store::events::{Circumstances, TICKET};
use crate::store::item::ItemFound;
use crate::store::writes::Write;

/// Loads tickets and decides about them.
pub struct TicketAggregate {
    /// The database.
    pub db: Db,
    /// Chassis time.
    pub clock: Clock,
    /// Names for events, items and shares.
    pub random: Random,
}

/// Who asks something of a ticket.
#[derive(Debug, Clone)]
pub enum By {
    /// A person, as their token says.
    Person {
        /// For decisions.
        viewer: Viewer,
        /// For the copy of their facts.
        facts: Box<PersonFacts>,
        /// When they looked last.
        seen_at: Option<OffsetDateTime>,
    },
    /// A timer or rule.
    System,
}

/// What comes of the command besides its events.
#[derive(Debug, Clone)]
pub enum Wants {
    /// The ticket.
    Ticket,
    /// The comment and the ticket. A customer's comment on a closed ticket may become the new ticket given here.
    Comment(Box<NewTicket>),
    /// A linked new ticket.
    FollowUp(Box<NewLinked>),
    /// The share of this person.
    Share(PersonId, Box<ShareNames>),
    /// Nothing: events, timers, ends of shares.
    Nothing,
}

/// A ticket that is to be linked with another one.
#[derive(Debug, Clone)]
pub struct NewLinked {
    /// The ticket; what is not given is the parent's.
    pub new: NewTicket,
    /// Whom it is shared with, besides those who share the parent.
    pub invitees: Vec<Invitee>,
    /// Who asks, when it is not whoever asked for the parent.
    pub requester: Option<Box<PersonFacts>>,
}

/// One thing asked of a ticket, with all that deciding it needs.
#[derive(Debug, Clone)]
pub struct Ask {
    /// What.
    pub command: Command,
    /// Of it is wanted back.
    pub wants: Wants,
    /// Who.
    pub by: By,
    /// The version that the caller saw.
    pub etag: Option<i64>,
    /// The portal's settings.
    pub rules: Arc<Rules>,
    /// Whom to tell while nobody owns the ticket.
    pub agents: Vec<PersonId>,
    /// Names of what the command brings in, and of what the ticket had when it was looked at.
    pub names: HashMap<Uuid, String>,
    /// Links to other tickets when it was looked at.
    pub links: Links,
    /// Files that come with a comment.
    pub files: Vec<AttachmentRow>,
    /// The uploads that the files were.
    pub claims: Vec<Claim>,
    /// It is at least this late: a timer that the database found due is never early here.
    pub not_before: Option<OffsetDateTime>,
    /// What the asker is to the ticket when they are nothing by themselves: an agent vouched for their mail.
    pub vouched: Option<Relation>,
}

/// What an answer shows of a person with a share.
#[derive(Debug, Clone, Default)]
pub struct ShareNames {
    /// As it was typed.
    pub email: String,
    /// The name, shown once they acted or when the asker may know it.
    pub name: String,
    /// The asker may know the name at once.
    pub known: bool,
}

/// Links to other tickets.
#[derive(Debug, Clone, Default)]
pub struct Links {
    /// The number of the parent.
    pub parent: Option<String>,
    /// The follow-ups.
    pub follow_ups: Vec<(TicketId, String)>,
}

/// What a comment comes to.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CommentAnswer {
    /// The comment, or the first item of the new ticket.
    pub item: ItemView,
    /// The ticket commented on.
    pub ticket: TicketView,
    /// The new ticket's number, when it became one.
    pub follow_up_number: Option<String>,
    /// It stays resolved.
    pub reopen_hint: bool,
}

#[async_trait]
impl Aggregate for TicketAggregate {
    type Id = TicketId;
    type State = Case;
    type Command = Ask;
    type Write = Write;
    const KIND: &'static str = TICKET;

    async fn load(&self, portal: &PortalId, id: TicketId) -> Result<Option<Case>, Error> {
        let mut conn = self.db.read(portal, Deadline::default()).await?;
        let found = store::ticket::find(&mut conn, portal, store::ticket::Handle::Id(id), None).await?;
        Ok(found.map(|found| found.case))
    }

    fn version(&self, state: &Case) -> i64 {
        state.ticket.version
    }

    fn decide(&self, asked: &Asked<TicketId>, state: &Case, ask: &Ask) -> Result<Decision<Case, Write>, Error> {
        let now = super::micros(self.clock.now());
        let turn = Turn { asked, ask, random: &self.random, now: ask.not_before.map_or(now, |floor| floor.max(now)) };
        turn.decide(state)
    }

    fn claim_taken(&self, _: &'static str) -> Error {
        portico_chassis::blobs::unusable()
    }
}

/// One decision.
pub(super) struct Turn<'a> {
    asked: &'a Asked<TicketId>,
    pub ask: &'a Ask,
    pub random: &'a Random,
    pub now: OffsetDateTime,
}

impl Turn<'_> {
    fn decide(&self, state: &Case) -> Result<Decision<Case, Write>, Error> {
        let mut case = state.clone();
        case.names.extend(self.ask.names.iter().map(|(id, name)| (*id, name.clone())));
        case.parent_number.clone_from(&self.ask.links.parent);
        case.follow_ups.clone_from(&self.ask.links.follow_ups);
        let actor = self.actor(&case)?;
        self.check_etag(&case, actor)?;
        let mut happened = self.prove(&case);
        let base = happened.iter().fold(case.ticket.clone(), |t, event| crate::domain::evolve::evolve(t, event, actor, self.now));
        if let Some(new) = self.becomes_new_case(&base, actor) {
            return follow_up::decide(self, case, actor, happened, new);
        }
        let decided = decide(&base, actor, &self.ask.command, &self.ask.rules, self.now);
        happened.extend(decided.map_err(|refusal| self.refused(&case, refusal))?);
        let scene = self.scene(actor);
        let out = emit(&case.ticket, &happened, &scene);
        self.finish(case, actor, out)
    }

    /// Who the asker is to the ticket now; whoever may not see it finds nothing.
    fn actor(&self, case: &Case) -> Result<Actor, Error> {
        match &self.ask.by {
            By::System => Ok(Actor::System),
            By::Person { viewer, .. } => {
                let relation = relation(&case.ticket, viewer, self.now).or(self.ask.vouched).ok_or(Error::NOT_FOUND)?;
                Ok(Actor::Person(viewer.person, relation))
            }
        }
    }

    fn check_etag(&self, case: &Case, actor: Actor) -> Result<(), Error> {
        let current = if actor.is_staff() { case.ticket.version } else { case.ticket.public_version };
        match self.ask.etag {
            Some(seen) if seen != current => Err(Error::version_conflict()),
            _ => Ok(()),
        }
    }

    /// A guest's ticket whose address the asker has proven becomes theirs before anything else happens to it.
    fn prove(&self, case: &Case) -> Vec<Event> {
        let By::Person { viewer, facts, .. } = &self.ask.by else { return Vec::new() };
        let theirs = !viewer.staff && case.ticket.guest.as_ref().is_some_and(|guest| guest.email == viewer.email);
        if !theirs {
            return Vec::new();
        }
        let organization: Option<OrganizationId> = facts.organization.as_ref().map(|(id, _)| *id);
        vec![Event::Verified { requester: viewer.person, organization }]
    }

    fn becomes_new_case(&self, ticket: &crate::domain::ticket::Ticket, actor: Actor) -> Option<NewLinked> {
        match &self.ask.wants {
            Wants::FollowUp(new) => Some((**new).clone()),
            Wants::Comment(new) if actor.relation().is_some_and(|relation| makes_new_case(ticket, relation, &self.ask.rules)) => {
                Some(NewLinked { new: (**new).clone(), invitees: Vec::new(), requester: None })
            }
            _ => None,
        }
    }

    fn refused(&self, case: &Case, refusal: Refusal) -> Error {
        match refusal {
            Refusal::TicketClosed { follow_up } => refusal::closed(&case.ticket.number, follow_up),
            other => other.into(),
        }
    }

    /// The circumstances of the events.
    pub(super) fn scene(&self, actor: Actor) -> Scene<'_> {
        Scene { actor, now: self.now, agents: &self.ask.agents, random: self.random, around: Circumstances::default() }
    }

    /// An entry with what every one of this asker's has.
    pub(super) fn entry(&self) -> Entry<Write> {
        let mut entry = Entry::new(self.asked.portal.clone(), self.asked.actor.clone(), self.now);
        if let By::Person { facts, .. } = &self.ask.by {
            entry = entry.write(Write::Person(facts.clone()));
        }
        entry.claims.clone_from(&self.ask.claims);
        entry
    }

    /// Through whose eyes the answer is seen.
    pub(super) fn lens(&self, actor: Actor) -> Option<Lens> {
        let By::Person { viewer, seen_at, .. } = &self.ask.by else { return None };
        actor.relation().map(|relation| Lens { person: viewer.person, relation, seen_at: *seen_at })
    }

    fn finish(&self, mut case: Case, actor: Actor, out: Emission) -> Result<Decision<Case, Write>, Error> {
        let stays_resolved = case.ticket.status == Status::Resolved && out.ticket.status == Status::Resolved;
        case.ticket = out.ticket;
        let answer = self.answer(&case, actor, out.item, stays_resolved)?;
        if out.events.is_empty() {
            return Ok(Decision::nothing(case, answer));
        }
        let mut entry = self.entry().events(out.events).timers(out.timers).answer(answer);
        entry.finish.writes.extend(out.writes);
        entry.finish.writes.extend(self.ask.files.iter().cloned().map(|file| Write::Attachment(Box::new(file))));
        let file_words = super::upload::words(&self.ask.files);
        entry.finish.writes.extend(file_words.map(Write::Words));
        Ok(Decision::change(case, entry))
    }

    fn answer(&self, case: &Case, actor: Actor, item: Option<crate::store::item::ItemRow>, stays_resolved: bool) -> Result<Vec<u8>, Error> {
        let Some(lens) = self.lens(actor) else { return Ok(Vec::new()) };
        let ticket = view::detail(case, &lens, &self.ask.rules, self.now);
        match (&self.ask.wants, item) {
            (Wants::Nothing, _) => Ok(Vec::new()),
            (Wants::Share(person, names), _) => {
                let share = case.ticket.share_of(*person).ok_or(Error::NOT_FOUND)?;
                Ok(view::bytes(&super::collaborator::share_view(share, names, lens.person)))
            }
            (Wants::Comment(_), Some(row)) => {
                let item = self.item(case, &lens, row, &self.ask.files)?;
                let reopen_hint = stays_resolved && lens.relation.is_customer();
                Ok(view::bytes(&CommentAnswer { item, ticket, follow_up_number: None, reopen_hint }))
            }
            _ => Ok(view::bytes(&ticket)),
        }
    }

    /// The view of an item that the asker wrote just now.
    pub(super) fn item(
        &self,
        case: &Case,
        lens: &Lens,
        row: crate::store::item::ItemRow,
        files: &[AttachmentRow],
    ) -> Result<ItemView, Error> {
        let actor_name = match &self.ask.by {
            By::Person { facts, .. } => Some(facts.name.clone()),
            By::System => None,
        };
        let frame = Frame { case, lens, rules: &self.ask.rules, names: &case.names };
        let files = files.iter().map(FileView::of).collect::<Result<_, _>>()?;
        frame.item(ItemFound { row, actor_name, related_number: None }, files)
    }
}
