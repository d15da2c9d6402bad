//! A ticket's past, as an import brings it along: every step is decided as of its time, by the rules of today, and the timers take effect
//! in between. What comes out is what the lifecycle would have left behind.

use time::OffsetDateTime;

use super::access::{Actor, Viewer, relation};
use super::catalog::Catalog;
use super::command::Command;
use super::create::{NewTicket, create};
use super::decide::decide;
use super::event::Event;
use super::evolve::evolve;
use super::ids::PersonId;
use super::policy::Rules;
use super::refusal::Refusal;
use super::ticket::Ticket;

/// What somebody did, and when.
#[derive(Debug, Clone)]
pub struct Step {
    /// When.
    pub at: OffsetDateTime,
    /// Who.
    pub by: Viewer,
    /// What.
    pub deed: Deed,
}

/// What somebody did.
#[derive(Debug, Clone)]
pub enum Deed {
    /// A command as it would be asked today.
    Asked(Box<Command>),
    /// Took somebody's share away.
    Unshared(PersonId),
    /// Looked: no event, but nothing is unread for them up to here.
    Looked,
}

/// What one step came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// When.
    pub at: OffsetDateTime,
    /// Who: a timer is the system.
    pub actor: Actor,
    /// What happened.
    pub events: Vec<Event>,
}

/// A whole past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// The ticket before its first event.
    pub blank: Ticket,
    /// In order of time.
    pub turns: Vec<Turn>,
    /// Who looked at it, and when.
    pub looks: Vec<(PersonId, OffsetDateTime)>,
}

/// Why a past is not possible: at its creation, or at the step of this index.
pub type Impossible = (Option<usize>, Vec<Refusal>);

/// Lives a ticket's past through until `now`. `with` are events that come with its creation: shares that a follow-up takes over.
///
/// # Errors
/// The first step that the rules refuse.
pub fn live(new: NewTicket, maker: Actor, with: Vec<Event>, steps: &[Step], world: &World<'_>) -> Result<Past, Impossible> {
    let begun = world.begun;
    // What the agents' fields were at first is taken as it is told: the maker need not have set them.
    let created = create(new, Actor::System, world.rules, begun).map_err(|refusal| (None, vec![refusal]))?;
    let Event::Created { ticket, .. } = &created else { return Err((None, vec![Refusal::NotFound])) };
    let blank = (**ticket).clone();
    let past = Past { blank: blank.clone(), turns: Vec::new(), looks: Vec::new() };
    let mut life = Life { ticket: blank, world, past };
    let mut first = vec![created];
    first.extend(with);
    life.happen(begun, maker, first);
    for (index, step) in steps.iter().enumerate() {
        life.tick(step.at);
        life.step(step).map_err(|refusals| (Some(index), refusals))?;
    }
    life.tick(world.now);
    Ok(life.past)
}

/// What a past is lived in.
#[derive(Debug)]
pub struct World<'a> {
    /// The portal's settings of today.
    pub rules: &'a Rules,
    /// What can be chosen.
    pub catalog: &'a Catalog,
    /// When the ticket was made.
    pub begun: OffsetDateTime,
    /// When the import takes place: what is due later stays armed.
    pub now: OffsetDateTime,
}

struct Life<'a> {
    ticket: Ticket,
    world: &'a World<'a>,
    past: Past,
}

impl Life<'_> {
    fn happen(&mut self, at: OffsetDateTime, actor: Actor, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        self.ticket = events.iter().fold(self.ticket.clone(), |ticket, event| evolve(ticket, event, actor, at));
        self.past.turns.push(Turn { at, actor, events });
    }

    /// Timers that fell due until `end`, each at its own time.
    fn tick(&mut self, end: OffsetDateTime) {
        while let Some(due) = self.ticket.due.first().copied().filter(|due| due.at <= end) {
            match decide(&self.ticket, Actor::System, &Command::Tick, self.world.rules, due.at) {
                Ok(events) if !events.is_empty() => self.happen(due.at, Actor::System, events),
                _ => return,
            }
        }
    }

    fn step(&mut self, step: &Step) -> Result<(), Vec<Refusal>> {
        let relation = relation(&self.ticket, &step.by, step.at);
        let relation = relation.ok_or_else(|| vec![Refusal::field("by", "invalid", "This person did not see the ticket then.")])?;
        let actor = Actor::Person(step.by.person, relation);
        let command = match &step.deed {
            Deed::Looked => {
                self.past.looks.push((step.by.person, step.at));
                return Ok(());
            }
            Deed::Unshared(person) => {
                let share = self.ticket.share_of(*person);
                Command::Unshare(share.ok_or_else(|| vec![Refusal::field("person", "invalid", "This person has no share in it.")])?.id)
            }
            Deed::Asked(command) => self.settled(command)?,
        };
        let events = decide(&self.ticket, actor, &command, self.world.rules, step.at).map_err(|refusal| vec![refusal])?;
        self.happen(step.at, actor, events);
        Ok(())
    }

    /// A change of fields with its references checked against the catalogue.
    fn settled(&self, command: &Command) -> Result<Command, Vec<Refusal>> {
        let mut command = command.clone();
        if let Command::Update { patch, .. } = &mut command {
            self.world.catalog.settle(patch, self.ticket.place)?;
        }
        Ok(command)
    }
}
