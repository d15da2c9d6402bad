//! Who is told about an event, and how. Permission is checked again when it is sent.

use time::OffsetDateTime;

use super::access::Actor;
use super::event::Event;
use super::ids::PersonId;
use super::kinds::{CollaboratorState, DueKind, Visibility};
use super::status::Status;
use super::ticket::Ticket;

/// At most this many agents are told about a ticket that nobody owns.
pub const MAX_AGENTS: usize = 50;

/// A mail, a bell mark or both, for some people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// A value of X-Portico-Kind.
    pub kind: &'static str,
    /// Whom.
    pub people: Vec<PersonId>,
    /// By mail.
    pub mail: bool,
    /// By a bell mark.
    pub bell: bool,
}

/// Whom to tell about `event`; `ticket` is the state after the whole command, `agents` are those of the portal.
pub fn notices(ticket: &Ticket, event: &Event, actor: Actor, agents: &[PersonId], now: OffsetDateTime) -> Vec<Notice> {
    let room = Room { ticket, actor, agents, now };
    let mut all = match event {
        Event::Created { .. } => room.created(),
        // Now it is in support's queue; whoever proved the address by writing on it gets the receipt too.
        Event::Verified { .. } => room.created(),
        Event::Commented { visibility: Visibility::Internal, .. } => {
            vec![room.bell("ticket_update", ticket.assignee.into_iter().collect())]
        }
        Event::Commented { .. } => room.spoken(),
        Event::StatusChanged { from, to, silent, .. } => room.moved(*from, *to, *silent),
        Event::Changed { patch, .. } => match patch.assignee {
            Some(Some(agent)) => vec![room.bell("ticket_update", vec![agent])],
            _ => Vec::new(),
        },
        Event::Rated { .. } => vec![room.bell("ticket_update", ticket.assignee.into_iter().collect())],
        Event::Reminded { kind: DueKind::CloseReminder, .. } => vec![room.mail("close_reminder", room.requester())],
        Event::Reminded { .. } => vec![room.mail("waiting_reminder", room.requester())],
        Event::Shared { share, new: true, .. } if share.state == CollaboratorState::Active => {
            vec![room.both("collaborator_added", vec![share.person])]
        }
        Event::Shared { .. } | Event::Unshared { .. } | Event::KeptOpen { .. } | Event::FollowedUp { .. } => Vec::new(),
    };
    all.retain(|notice| !notice.people.is_empty());
    all
}

struct Room<'a> {
    ticket: &'a Ticket,
    actor: Actor,
    agents: &'a [PersonId],
    now: OffsetDateTime,
}

impl Room<'_> {
    fn notice(&self, kind: &'static str, people: Vec<PersonId>, mail: bool, bell: bool) -> Notice {
        let writer = self.actor.person();
        let mut others: Vec<PersonId> = Vec::new();
        for person in people {
            if Some(person) != writer && !others.contains(&person) {
                others.push(person);
            }
        }
        Notice { kind, people: others, mail, bell }
    }

    fn both(&self, kind: &'static str, people: Vec<PersonId>) -> Notice {
        self.notice(kind, people, true, true)
    }

    fn bell(&self, kind: &'static str, people: Vec<PersonId>) -> Notice {
        self.notice(kind, people, false, true)
    }

    fn mail(&self, kind: &'static str, people: Vec<PersonId>) -> Notice {
        self.notice(kind, people, true, false)
    }

    fn requester(&self) -> Vec<PersonId> {
        self.ticket.requester.into_iter().collect()
    }

    fn customers(&self) -> Vec<PersonId> {
        self.ticket.requester.into_iter().chain(self.ticket.readers(self.now)).collect()
    }

    /// Its agent; while nobody owns it, all agents.
    fn support(&self) -> Vec<PersonId> {
        match self.ticket.assignee {
            Some(agent) => vec![agent],
            None => self.agents.iter().copied().take(MAX_AGENTS).collect(),
        }
    }

    /// The receipt goes to the requester even when they wrote it themselves, and to a collaborator whose words on a closed ticket became this
    /// one (LC-17); an unverified ticket tells nobody (CR-21).
    fn created(&self) -> Vec<Notice> {
        if !self.ticket.verified() {
            return Vec::new();
        }
        let mut people = self.requester();
        let writer = self.actor.person().filter(|writer| !self.actor.is_staff() && !people.contains(writer));
        people.extend(writer);
        vec![Notice { kind: "receipt", people, mail: true, bell: false }, self.both("ticket_update", self.support())]
    }

    /// An agent's reply tells the customers; a customer's comment tells support and the other customers (CF-8, CF-9).
    fn spoken(&self) -> Vec<Notice> {
        let mut people = self.customers();
        if !self.actor.is_staff() {
            people.extend(self.support());
        }
        vec![self.both("ticket_update", people)]
    }

    fn moved(&self, from: Status, to: Status, silent: bool) -> Vec<Notice> {
        if silent {
            return Vec::new();
        }
        match (self.actor, to) {
            // The second step of a resolve with a grace of 0 has been told by the first.
            (Actor::System, Status::Closed) if from == Status::Resolved => vec![self.both("closed", self.customers())],
            (Actor::System, Status::Resolved) => vec![self.both("auto_resolved", self.customers())],
            _ => {
                let mut people = self.customers();
                people.extend(self.ticket.assignee);
                vec![self.bell("ticket_update", people)]
            }
        }
    }
}
