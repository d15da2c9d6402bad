//! A new ticket that goes on from another one: one entry over both tickets, decided by the parent's actor.

use portico_chassis::entity::Decision;
use portico_chassis::error::Error;
use portico_chassis::journal::{Finish, Replay, replay};
use portico_chassis::random::Random;
use time::OffsetDateTime;

use super::Tickets;
use super::asker::Asker;
use super::collaborator::first_shares;
use super::create::{Draft, NewInput, fill_number};
use super::emit::{Emission, emit};
use super::entity::{Ask, By, CommentAnswer, NewLinked, Turn, Wants};
use super::ticket::Order;
use super::upload::Hook;
use super::view::{self, TicketView};
use crate::domain::access::{Actor, Relation};
use crate::domain::case::Case;
use crate::domain::collaborator::Collaborator;
use crate::domain::command::Command;
use crate::domain::create::{NewTicket, Requester, create};
use crate::domain::decide::follow_up_allowed;
use crate::domain::event::Event;
use crate::domain::evolve::evolve;
use crate::domain::ids::{CollaboratorId, PersonId};
use crate::domain::kinds::{Access, Channel, CollaboratorState};
use crate::domain::ticket::Ticket;
use crate::store::events::TICKET;
use crate::store::item::ItemRow;
use crate::store::writes::Write;

impl Tickets {
    /// Makes a follow-up; what is not given is the parent's.
    ///
    /// # Errors
    /// What the rules or the state say; fields that do not fit; a quota that says no.
    pub async fn follow_up(&self, asker: &Asker, number: &str, input: NewInput) -> Result<TicketView, Error> {
        let person = asker.viewer()?.person;
        let mut conn = self.db.read(&asker.portal, asker.deadline).await?;
        if let Replay::Answered(answer) = replay(&mut conn, &asker.portal, &input.request).await? {
            return view::stored(&answer);
        }
        let mut opened = self.open(&mut conn, asker, number).await?;
        let now = self.now();
        self.check_quota(&mut conn, asker, None, &opened.rules, now).await?;
        // The new ticket has no owner yet, whoever owns the parent.
        opened.agents = self.agents(&mut conn, asker, input.assignee).await?;
        drop(conn);
        let parent = &opened.found.case.ticket;
        let actor = Actor::Person(person, opened.relation);
        follow_up_allowed(parent, actor, &opened.rules)?;
        let draft = self.follow_up_draft(asker, &input, parent, now).await?;
        let new = draft.new;
        // The rules are asked before anybody is made or invited.
        create(inherit(new.clone(), parent), writer_of(&new, actor), &opened.rules, now)?;
        let invitees = self.invitees(asker, &input, now).await?;
        let hook = Hook { ticket: new.id, item: new.item, internal: false };
        let (files, claimed) = self.claim(asker, &asker.name, &input.uploads, hook, now).await?;
        let follow_up = new.id;
        let linked = NewLinked { new, invitees, requester: draft.requester.map(Box::new) };
        let mut order = Order::new(Command::FollowUp { follow_up }, Wants::FollowUp(Box::new(linked)), None);
        order.names = draft.names;
        (order.files, order.claims) = (files, claimed.claims());
        let answer = self.send(asker, opened, input.request, order).await?;
        self.blobs.settle(&claimed).await;
        view::stored(&answer)
    }

    /// An agent who names nobody makes it for whoever asked for the parent.
    async fn follow_up_draft(&self, asker: &Asker, input: &NewInput, parent: &Ticket, now: OffsetDateTime) -> Result<Draft, Error> {
        let mut draft = self.draft(asker, input, now).await?;
        let agent = asker.as_viewer().filter(|viewer| viewer.staff).map(|viewer| viewer.person);
        if agent.is_some() && input.requester.is_none() && agent != parent.requester {
            draft.new.requester = super::conversation::requester_of_parent(parent, &draft.new.requester);
            draft.new.channel = Channel::Agent;
            draft.requester = None;
        }
        Ok(draft)
    }
}

/// Decides both: what the parent's history says, and the new ticket with the parent's shares.
pub(super) fn decide(
    turn: &Turn<'_>,
    mut case: Case,
    actor: Actor,
    mut happened: Vec<Event>,
    linked: NewLinked,
) -> Result<Decision<Case, Write>, Error> {
    follow_up_allowed(&case.ticket, actor, &turn.ask.rules)?;
    let new = inherit(linked.new, &case.ticket);
    let id = new.id;
    let child_actor = writer_of(&new, actor);
    let created = create(new, child_actor, &turn.ask.rules, turn.now)?;
    let blank = first_state(&created)?.clone();
    let mut child_events = vec![created];
    child_events.extend(shares(&case.ticket, blank.requester, turn.random, turn.now));
    let mut state = child_events.iter().fold(blank.clone(), |state, event| evolve(state, event, child_actor, turn.now));
    child_events.extend(first_shares(&mut state, &linked.invitees, child_actor, &turn.ask.rules, turn.now)?);
    happened.push(Event::FollowedUp { follow_up: id });
    let parent = emit(&case.ticket, &happened, &turn.scene(actor));
    let mut scene = turn.scene(child_actor);
    scene.around.requester_unregistered = linked.requester.is_some_and(|person| !person.registered);
    let child = emit(&blank, &child_events, &scene);
    case.ticket = parent.ticket.clone();
    let answer = Answer::of(turn, &case, actor, child_actor, &child)?;
    let prefix = turn.ask.rules.prefix(&case.ticket.portal);
    let Emission { events, writes, timers, .. } = child;
    let mut entry = turn.entry().expect(TICKET, id, 0).events(parent.events).timers(parent.timers).events(events).timers(timers);
    entry.finish.writes.extend(parent.writes);
    entry.finish.writes.extend(writes);
    let files = files_of(turn.ask, id, child.item.as_ref());
    entry.finish.writes.extend(super::upload::words(&files).map(Write::Words));
    entry.finish.writes.extend(files.into_iter().map(|file| Write::Attachment(Box::new(file))));
    let entry = entry.numbered("ticket", move |seq, finish: &mut Finish<Write>| {
        let number = format!("{prefix}-{seq}");
        fill_number(finish, id, seq, &number);
        finish.answer = answer.clone().with(&number);
    });
    Ok(Decision::change(case, entry))
}

/// What the new ticket's answer is made of before its number is known.
#[derive(Clone)]
enum Answer {
    Ticket(Box<TicketView>),
    Comment(Box<CommentAnswer>),
    Nothing,
}

impl Answer {
    fn of(turn: &Turn<'_>, parent: &Case, actor: Actor, child_actor: Actor, child: &Emission) -> Result<Self, Error> {
        let (Some(lens), Some(parent_lens)) = (turn.lens(child_actor), turn.lens(actor)) else { return Ok(Self::Nothing) };
        let description = child.item.as_ref().map(|item| item.body.clone()).unwrap_or_default();
        let mut case = Case::bare(child.ticket.clone(), description);
        case.names.clone_from(&parent.names);
        case.requester_email.clone_from(&parent.requester_email);
        if let By::Person { facts, .. } = &turn.ask.by {
            case.names.insert(facts.id.uuid(), facts.name.clone());
            if case.ticket.requester == Some(facts.id) {
                case.requester_email.clone_from(&facts.email);
            }
        }
        if let Wants::FollowUp(linked) = &turn.ask.wants
            && let Some(named) = &linked.requester
        {
            case.requester_email.clone_from(&named.email);
        }
        case.parent_number = Some(parent.ticket.number.clone());
        let ticket = view::detail(&case, &lens, &turn.ask.rules, turn.now);
        match (&turn.ask.wants, child.item.clone()) {
            (Wants::Comment(_), Some(row)) => {
                let files = files_of(turn.ask, child.ticket.id, Some(&row));
                let item = turn.item(&case, &lens, row, &files)?;
                let ticket = view::detail(parent, &parent_lens, &turn.ask.rules, turn.now);
                Ok(Self::Comment(Box::new(CommentAnswer { item, ticket, follow_up_number: None, reopen_hint: false })))
            }
            _ => Ok(Self::Ticket(Box::new(ticket))),
        }
    }

    fn with(self, number: &str) -> Vec<u8> {
        match self {
            Self::Ticket(mut ticket) => {
                number.clone_into(&mut ticket.number);
                view::bytes(&ticket)
            }
            Self::Comment(mut answer) => {
                answer.follow_up_number = Some(number.to_owned());
                answer.ticket.follow_ups.push(number.to_owned());
                view::bytes(&answer)
            }
            Self::Nothing => Vec::new(),
        }
    }
}

/// What is not given is the parent's: place, subject, weights, on whose behalf, organisation.
pub(super) fn inherit(mut new: NewTicket, parent: &Ticket) -> NewTicket {
    if new.subject.is_empty() {
        new.subject.clone_from(&parent.subject);
    }
    let place = &mut new.place;
    if place.product.is_none() && place.category.is_none() && place.department.is_none() {
        *place = parent.place;
    }
    if new.contact_name.is_empty() {
        new.contact_name.clone_from(&parent.contact_name);
    }
    new.follow_up_of = Some(parent.id);
    // Somebody else whom an agent names brings their own organisation.
    if let Requester::Person(person, organization) = &mut new.requester
        && parent.requester == Some(*person)
    {
        *organization = parent.organization.or(*organization);
    }
    new
}

/// On the new ticket the writer is its requester, or what they were on the parent.
fn writer_of(new: &NewTicket, actor: Actor) -> Actor {
    match (&new.requester, actor) {
        (Requester::Person(requester, _), Actor::Person(writer, relation)) if *requester == writer && relation != Relation::Staff => {
            Actor::Person(writer, Relation::Requester)
        }
        _ => actor,
    }
}

/// The parent's shares, which see the new ticket too; the new requester needs none. Where a colleague goes on, whoever asked for the parent
/// gets a share: the link on the parent leads them to something that they see.
pub(super) fn shares(parent: &Ticket, requester: Option<PersonId>, random: &Random, now: OffsetDateTime) -> Vec<Event> {
    let share = |share: Collaborator| Event::Shared { share, new: true, unregistered: false };
    let copied = parent.collaborators.iter().filter(|share| share.sees(now) && Some(share.person) != requester);
    let copied = copied.map(|share| Collaborator { created_at: now, acted: false, ..share.clone() });
    let asked = parent.requester.filter(|person| Some(*person) != requester && parent.share_of(*person).is_none());
    let asked = asked.map(|person| Collaborator {
        id: CollaboratorId::new(random.uuid(now)),
        person,
        state: CollaboratorState::Active,
        access: Access::Write,
        expires_at: None,
        created_at: now,
        acted: false,
    });
    let fresh = copied.map(|copy| Collaborator { id: CollaboratorId::new(random.uuid(now)), ..copy });
    fresh.chain(asked).map(share).collect()
}

fn first_state(created: &Event) -> Result<&Ticket, Error> {
    match created {
        Event::Created { ticket, .. } => Ok(ticket),
        _ => Err(Error::internal("a new ticket begins with something else than its creation")),
    }
}

fn files_of(ask: &Ask, id: crate::domain::ids::TicketId, item: Option<&ItemRow>) -> Vec<crate::store::attachment::AttachmentRow> {
    let Some(item) = item else { return Vec::new() };
    let moved = ask.files.iter().cloned().map(|mut file| {
        file.ticket_id = id.uuid();
        file.item_id = item.id;
        file
    });
    moved.collect()
}
