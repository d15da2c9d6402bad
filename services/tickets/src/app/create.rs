//! A ticket comes to be.

use std::collections::HashMap;
use std::sync::Arc;

use portico_chassis::blobs::{Claimed, unusable};
use portico_chassis::db::PortalConn;
use portico_chassis::error::Error;
use portico_chassis::grpc::Context;
use portico_chassis::ids::parse_uuid;
use portico_chassis::journal::{Entry, Finish, Outcome, RequestKey};
use time::OffsetDateTime;
use uuid::Uuid;

use super::Tickets;
use super::asker::Asker;
use super::clients::{CaptchaAnswer, Ensure, derived};
use super::collaborator::first_shares;
use super::emit::{Emission, Scene, emit};
use super::refusal;
use super::upload::{Hook, words};
use super::view::{self, Lens, TicketView};
use crate::domain::access::{Actor, Relation};
use crate::domain::case::Case;
use crate::domain::command::Invitee;
use crate::domain::create::{self, NewTicket, Requester};
use crate::domain::event::Event;
use crate::domain::evolve::evolve;
use crate::domain::ids::{GroupId, ItemId, PersonId, TicketId};
use crate::domain::kinds::{Channel, ItemKind, TicketType};
use crate::domain::person::PersonFacts;
use crate::domain::policy::Rules;
use crate::domain::priority::Weights;
use crate::domain::ticket::{Guest, Place};
use crate::domain::words::lexemes;
use crate::store;
use crate::store::attachment::AttachmentRow;
use crate::store::events::{self, Circumstances, TICKET};
use crate::store::writes::Write;

/// What a caller gave for a new ticket; texts are within their bounds already.
#[derive(Debug, Clone)]
pub struct NewInput {
    /// The idempotency key.
    pub request: RequestKey,
    /// One line; empty for a follow-up: the parent's.
    pub subject: String,
    /// Markdown.
    pub description: String,
    /// Where it stands in the catalogue.
    pub place: Place,
    /// Kind of thing.
    pub ticket_type: TicketType,
    /// Impact, urgency, priority.
    pub weights: Weights,
    /// On whose behalf.
    pub contact_name: String,
    /// Addresses, in lower case.
    pub collaborators: Vec<String>,
    /// Upload tickets.
    pub uploads: Vec<String>,
    /// A person's id or address; agents only.
    pub requester: Option<String>,
    /// Guests only.
    pub guest: Option<GuestInput>,
    /// Agents only.
    pub tags: Vec<String>,
    /// Agents only.
    pub assignee: Option<PersonId>,
    /// Agents only.
    pub group: Option<GroupId>,
    /// How it came in; `None`: as the asker's door says.
    pub channel: Option<Channel>,
}

/// Who a guest says they are.
#[derive(Debug, Clone)]
pub struct GuestInput {
    /// In lower case.
    pub email: String,
    /// As given.
    pub name: String,
    /// The answer to the challenge.
    pub captcha: CaptchaAnswer,
}

/// Everything that was looked up for a new ticket.
pub(super) struct Draft {
    pub new: NewTicket,
    pub actor: Actor,
    pub requester: Option<PersonFacts>,
    pub invitees: Vec<Invitee>,
    pub names: HashMap<Uuid, String>,
    pub files: Vec<AttachmentRow>,
    pub claimed: Claimed,
}

impl Tickets {
    /// Makes a ticket.
    ///
    /// # Errors
    /// Fields that do not fit, a policy or quota that says no, a peer that is away.
    pub async fn create(&self, asker: &Asker, context: &Context, input: NewInput) -> Result<TicketView, Error> {
        let request = input.request.clone();
        let spends = input.guest.is_some() || input.requester.is_some() || !input.collaborators.is_empty() || !input.uploads.is_empty();
        let answer = self.once(asker, &request, spends, Box::pin(self.make(asker, context, input))).await?;
        view::stored(&answer)
    }

    async fn make(&self, asker: &Asker, context: &Context, input: NewInput) -> Result<Vec<u8>, Error> {
        let rules = self.rules(&asker.portal).await?;
        let now = self.now();
        self.check_guest(asker, &input, &rules)?;
        let mut conn = self.db.read(&asker.portal, asker.deadline).await?;
        let agents = match asker.customer().filter(|_| input.assignee.is_none()) {
            Some(customer) => self.quota_and_agents(&mut conn, asker, customer, ItemKind::Created, &rules, now).await?,
            None => {
                self.check_quota(&mut conn, asker, input.guest.as_ref(), &rules, now).await?;
                self.agents(&mut conn, asker, input.assignee).await?
            }
        };
        // Nobody who waits for a peer, the blob store or the journal holds a connection.
        drop(conn);
        let request = input.request.clone();
        let mut draft = self.draft(asker, &input, now).await?;
        // The rules are asked before anything is spent; only a requester's new address is a person in identity by now.
        create::create(draft.new.clone(), draft.actor, &rules, now)?;
        if let Some(guest) = &input.guest {
            self.identity.spend_captcha(context, &asker.portal, &request.key, &guest.captcha).await?;
        }
        draft.invitees = self.invitees(asker, &input, now).await?;
        let hook = Hook { ticket: draft.new.id, item: draft.new.item, internal: false };
        (draft.files, draft.claimed) = self.claim(asker, &asker.name, &input.uploads, hook, now).await?;
        let answer = self.commit_new(asker, &draft, request, rules, &agents, now).await?;
        self.blobs.settle(&draft.claimed).await;
        Ok(answer)
    }

    fn check_guest(&self, asker: &Asker, input: &NewInput, rules: &Rules) -> Result<(), Error> {
        match (asker.as_viewer(), &input.guest) {
            (Some(_), Some(_)) => Err(Error::invalid("email", "not_allowed", "You are signed in: leave out email, name and captcha.")),
            (None, Some(_)) if rules.policies.guest_requests => Ok(()),
            (None, _) => Err(Error::sign_in_required()),
            (Some(_), None) => Ok(()),
        }
    }

    /// Looks everything up that the new ticket refers to, but those it is shared with. A requester's new address becomes a person here.
    pub(super) async fn draft(&self, asker: &Asker, input: &NewInput, now: OffsetDateTime) -> Result<Draft, Error> {
        let mut names = HashMap::new();
        let place = self.place(asker, input, &mut names).await?;
        let requester = self.requester(asker, input).await?;
        let (viewer, staff) = (asker.as_viewer(), asker.as_viewer().is_some_and(|viewer| viewer.staff));
        let own = viewer.is_some_and(|viewer| requester.as_ref().is_some_and(|person| person.id == viewer.person));
        let channel = viewer.map_or(Channel::Portal, |viewer| if staff && !own { Channel::Agent } else { viewer.channel });
        let actor = match viewer {
            Some(viewer) if staff => Actor::Person(viewer.person, Relation::Staff),
            Some(viewer) => Actor::Person(viewer.person, Relation::Requester),
            None => Actor::Guest,
        };
        let who = match (&requester, &input.guest) {
            (Some(person), _) => Requester::Person(person.id, person.organization.as_ref().map(|(id, _)| *id)),
            (None, Some(guest)) => Requester::Guest(Guest { email: guest.email.clone(), name: guest.name.clone() }),
            (None, None) => return Err(Error::sign_in_required()),
        };
        if let Some(person) = &requester {
            names.insert(person.id.uuid(), person.name.clone());
            names.extend(person.organization.iter().map(|(id, name)| (id.uuid(), name.clone())));
        }
        let new = NewTicket {
            id: TicketId::new(self.random.uuid(now)),
            item: ItemId::new(self.random.uuid(now)),
            portal: asker.portal.clone(),
            subject: input.subject.clone(),
            description: input.description.clone(),
            ticket_type: input.ticket_type,
            channel: input.channel.unwrap_or(channel),
            requester: who,
            place,
            weights: input.weights,
            contact_name: input.contact_name.clone(),
            tags: input.tags.clone(),
            assignee: input.assignee,
            group: input.group,
            follow_up_of: None,
        };
        Ok(Draft { new, actor, requester, invitees: Vec::new(), names, files: Vec::new(), claimed: Claimed::default() })
    }

    /// Checks what is chosen from the catalogue and the agents, and learns its names.
    async fn place(&self, asker: &Asker, input: &NewInput, names: &mut HashMap<Uuid, String>) -> Result<Place, Error> {
        if input.place == Place::default() && input.group.is_none() && input.assignee.is_none() {
            return Ok(input.place);
        }
        let mut conn = self.db.read(&asker.portal, asker.deadline).await?;
        let catalog = store::catalog::read(&mut conn, &asker.portal).await?;
        let place = catalog.place(input.place).map_err(refusal::fields)?;
        super::catalog::names(&catalog, place, input.group, names)?;
        if let Some(agent) = input.assignee {
            let agent = self.assignable(&mut conn, asker, agent).await?;
            names.insert(agent.id.uuid(), agent.name);
        }
        Ok(place)
    }

    /// Who the ticket is for: the caller, or whom an agent names.
    async fn requester(&self, asker: &Asker, input: &NewInput) -> Result<Option<PersonFacts>, Error> {
        let Some(named) = &input.requester else { return Ok(asker.facts().cloned()) };
        asker.staff()?;
        let unknown = || Error::invalid("requester", "invalid", "There is no such person.");
        if let Ok(id) = parse_uuid(named) {
            let mut conn = self.db.read(&asker.portal, asker.deadline).await?;
            let found = self.person(&mut conn, &asker.portal, PersonId::new(id), asker.deadline).await?;
            return found.map(Some).ok_or_else(unknown);
        }
        let request_id = derived(&input.request.key, "requester");
        let asked = Ensure { portal: &asker.portal, request_id, email: named, name: &input.contact_name };
        self.ensure(&asked, asker.deadline).await.map(Some).map_err(|error| of_field(error, "requester"))
    }

    /// Whom to tell while nobody owns the ticket: asked only when a customer writes.
    pub(super) async fn agents(&self, conn: &mut PortalConn, asker: &Asker, assignee: Option<PersonId>) -> Result<Vec<PersonId>, Error> {
        let staff = asker.as_viewer().is_some_and(|viewer| viewer.staff);
        if assignee.is_some() || staff {
            return Ok(Vec::new());
        }
        store::person::support(conn, &asker.portal, super::AGENTS_TOLD).await
    }

    /// Journals a new ticket; the answer is the view of whoever asks. A guest's is cut by the edge (`guests_ticket` in `api/encode.rs`).
    pub(super) async fn commit_new(
        &self,
        asker: &Asker,
        draft: &Draft,
        request: RequestKey,
        rules: Arc<Rules>,
        agents: &[PersonId],
        now: OffsetDateTime,
    ) -> Result<Vec<u8>, Error> {
        let (events, blank) = first_events(draft, &rules, now)?;
        let requester_unregistered = draft.requester.as_ref().is_some_and(|person| !person.registered);
        let around = Circumstances { requester_unregistered, ..Circumstances::default() };
        let scene = Scene { actor: draft.actor, now, agents, random: &self.random, around };
        let out = emit(&blank, &events, &scene);
        let answer = first_view(asker, draft, &out, &rules, now);
        let actor = draft.actor.person().map_or_else(|| "guest".to_owned(), |person| person.to_string());
        let mut entry = Entry::new(asker.portal.clone(), actor, now).request(Some(request)).expect(TICKET, draft.new.id, 0);
        entry.claims = draft.claimed.claims();
        let mut entry = entry.events(out.events).timers(out.timers);
        entry.finish.writes.extend(out.writes);
        entry.finish.writes.extend(draft.files.iter().cloned().map(|file| Write::Attachment(Box::new(file))));
        entry.finish.writes.extend(words(&draft.files).map(Write::Words));
        entry.finish.writes.extend(asker.facts().cloned().map(|facts| Write::Person(Box::new(facts))));
        let (id, prefix) = (draft.new.id, rules.prefix(&asker.portal));
        let entry = entry.numbered("ticket", move |seq, finish: &mut Finish<Write>| {
            let number = format!("{prefix}-{seq}");
            fill_number(finish, id, seq, &number);
            finish.answer = view::bytes(&TicketView { number, ..answer.clone() });
        });
        match self.journal.append_one(entry, asker.deadline).await? {
            Outcome::Committed(committed) => Ok(committed.answer),
            Outcome::Replayed(answer) => Ok(answer),
            Outcome::KeyReused => Err(Error::KeyReused),
            Outcome::ClaimTaken { .. } => Err(unusable()),
            Outcome::VersionConflict => Err(Error::Elsewhere("the journal")),
        }
    }
}

/// The creation, and the shares that come with it.
fn first_events(draft: &Draft, rules: &Rules, now: OffsetDateTime) -> Result<(Vec<Event>, crate::domain::ticket::Ticket), Error> {
    let created = create::create(draft.new.clone(), draft.actor, rules, now)?;
    let Event::Created { ticket, .. } = &created else { return Err(Error::internal("a creation is something else")) };
    let blank = (**ticket).clone();
    let mut state = evolve(blank.clone(), &created, draft.actor, now);
    let mut events = vec![created];
    events.extend(first_shares(&mut state, &draft.invitees, draft.actor, rules, now)?);
    Ok((events, blank))
}

/// The answer before the number is known.
fn first_view(asker: &Asker, draft: &Draft, out: &Emission, rules: &Rules, now: OffsetDateTime) -> TicketView {
    let mut case = Case::bare(out.ticket.clone(), draft.new.description.clone());
    case.names.clone_from(&draft.names);
    case.requester_email = draft.requester.as_ref().map(|person| person.email.clone()).unwrap_or_default();
    let viewer = asker.as_viewer().map(|viewer| viewer.person);
    let relation = draft.actor.relation().unwrap_or(Relation::Requester);
    let lens = Lens { person: viewer.unwrap_or(PersonId::new(Uuid::nil())), relation, seen_at: None };
    view::detail(&case, &lens, rules, now)
}

/// Fills in the number that was drawn under the head lock.
pub(super) fn fill_number(finish: &mut Finish<Write>, id: TicketId, seq: i64, number: &str) {
    for write in &mut finish.writes {
        match write {
            Write::Ticket(row) if row.ticket() == id => row.number(seq, number),
            Write::Words(row) if row.ticket == id && !row.internal => row.words.extend(lexemes([number])),
            _ => {}
        }
    }
    finish.events.iter_mut().for_each(|event| events::number(event, id, number));
}

/// What identity says about an address, under the name of our field.
pub(super) fn of_field(error: Error, field: &str) -> Error {
    match error {
        Error::Invalid(_) => Error::invalid(field, "invalid", "This is not a mail address."),
        other => other,
    }
}
