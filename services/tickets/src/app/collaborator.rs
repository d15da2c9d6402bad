//! Sharing tickets.

use portico_chassis::error::Error;
use portico_chassis::journal::{Replay, RequestKey, replay};
use portico_chassis::page::{self, First, Wanted};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::Tickets;
use super::asker::Asker;
use super::clients::{Ensure, derived};
use super::create::{NewInput, of_field};
use super::entity::{ShareNames, Wants};
use super::ticket::{Opened, Order};
use super::view;
use crate::domain::access::{Actor, Relation};
use crate::domain::collaborator::Collaborator;
use crate::domain::command::{Command, Invitee};
use crate::domain::decide::decide;
use crate::domain::event::Event;
use crate::domain::evolve::evolve;
use crate::domain::ids::{CollaboratorId, OrganizationId, PersonId};
use crate::domain::kinds::{Access, Channel, CollaboratorState};
use crate::domain::person::PersonFacts;
use crate::domain::policy::Rules;
use crate::domain::refusal::Refusal;
use crate::domain::ticket::Ticket;

/// A share as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are those of portico.tickets.v1.Collaborator, explained there")]
pub struct ShareView {
    pub id: Uuid,
    pub email: String,
    pub name: Option<String>,
    pub state: CollaboratorState,
    pub access: Access,
    #[serde(with = "time::serde::rfc3339::option")]
    pub expires_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    pub me: bool,
}

/// A share through the eyes of `viewer`.
pub(super) fn share_view(share: &Collaborator, names: &ShareNames, viewer: PersonId) -> ShareView {
    ShareView {
        id: share.id.uuid(),
        email: names.email.clone(),
        name: Some(names.name.clone()).filter(|name| (names.known || share.acted) && !name.is_empty()),
        state: share.state,
        access: share.access,
        expires_at: share.expires_at,
        created_at: share.created_at,
        me: share.person == viewer,
    }
}

/// A share as a caller asks for it.
#[derive(Debug, Clone)]
pub struct ShareInput {
    /// The idempotency key.
    pub request: RequestKey,
    /// In lower case.
    pub email: String,
    /// What they may do.
    pub access: Access,
    /// Until when.
    pub expires_at: Option<OffsetDateTime>,
}

impl Tickets {
    /// Those whom the new ticket is shared with, once nothing speaks against it: people are made for them here, and identity invites them when
    /// it hears of the share. A Cc of a mail, and whom somebody unproven names, see and hear nothing until somebody confirms them (S63).
    pub(super) async fn invitees(&self, asker: &Asker, input: &NewInput, now: OffsetDateTime) -> Result<Vec<Invitee>, Error> {
        let waits = input.channel == Some(Channel::Email) || asker.as_viewer().is_none();
        let mut invitees = Vec::new();
        let own = input.guest.as_ref().map(|guest| guest.email.as_str());
        for email in input.collaborators.iter().filter(|email| Some(email.as_str()) != own) {
            let request_id = derived(&input.request.key, email);
            let asked = Ensure { portal: &asker.portal, request_id, email, name: "" };
            let person = self.ensure(&asked, asker.deadline).await.map_err(|error| of_field(error, "collaborators"))?;
            invitees.push(Invitee {
                id: CollaboratorId::new(self.random.uuid(now)),
                person: person.id,
                registered: person.registered,
                state: if waits { CollaboratorState::Pending } else { CollaboratorState::Active },
                access: Access::Write,
                expires_at: None,
            });
        }
        Ok(invitees)
    }

    /// A page of who shares a ticket, and the token of the next.
    ///
    /// # Errors
    /// `NOT_FOUND` when it is absent or not visible.
    pub async fn shares(&self, asker: &Asker, number: &str, wanted: Wanted<'_>) -> Result<(Vec<ShareView>, String), Error> {
        let viewer = asker.viewer()?.person;
        let size = usize::try_from(page::size(wanted.size)?).map_err(Error::internal)?;
        let mut conn = self.db.read(&asker.portal, asker.deadline).await?;
        let opened = self.open(&mut conn, asker, number).await?;
        let scope_id = opened.found.case.ticket.id.to_string();
        let scope = [asker.portal.as_str(), &asker.name, "ListCollaborators", &scope_id, wanted.first.name()];
        let after: Option<Place> = self.pager.cursor(&scope, wanted.token)?;
        // The ticket came with all of them.
        let mut page = in_order(&opened.found.case.ticket.collaborators, wanted.first, after);
        let more = page.len() > size;
        page.truncate(size);
        let next = page.last().filter(|_| more).map(|last| self.pager.token(&scope, &place(last))).transpose()?;
        let ids: Vec<Uuid> = page.iter().map(|share| share.person.uuid()).collect();
        let people = self.people(&mut conn, &asker.portal, &ids, asker.deadline).await?;
        let views = page.into_iter().map(|share| {
            let person = people.iter().find(|person| person.id == share.person);
            let names = person.map(|person| names(&opened, person)).unwrap_or_default();
            share_view(share, &names, viewer)
        });
        Ok((views.collect(), next.unwrap_or_default()))
    }

    /// Shares a ticket with an address; the answer is the same whether it has an account or not.
    ///
    /// # Errors
    /// What the rules or the state say; an address that is none.
    pub async fn share(&self, asker: &Asker, number: &str, input: ShareInput) -> Result<ShareView, Error> {
        let mut conn = self.db.read(&asker.portal, asker.deadline).await?;
        if let Replay::Answered(answer) = replay(&mut conn, &asker.portal, &input.request).await? {
            return view::stored(&answer);
        }
        let opened = self.open(&mut conn, asker, number).await?;
        // Nobody is made or invited for an asker who may not share.
        if matches!(opened.relation, Relation::Collaborator(_)) {
            return Err(Error::forbidden());
        }
        drop(conn);
        let request_id = derived(&input.request.key, "share");
        let asked = Ensure { portal: &asker.portal, request_id, email: &input.email, name: "" };
        let person = self.ensure(&asked, asker.deadline).await.map_err(|error| of_field(error, "email"))?;
        // The answer is the same for a known address and one that was made a moment ago, also for agents.
        let known = is_colleague(&opened, &person);
        let names = ShareNames { email: input.email.clone(), name: person.name.clone(), known };
        let command = Command::Share(Invitee {
            id: CollaboratorId::new(self.random.uuid(self.now())),
            person: person.id,
            registered: person.registered,
            state: CollaboratorState::Active,
            access: input.access,
            expires_at: input.expires_at,
        });
        let order = Order::new(command, Wants::Share(person.id, Box::new(names)), None);
        let answer = self.send(asker, opened, input.request, order).await?;
        view::stored(&answer)
    }

    /// Ends a share; a collaborator may end their own.
    ///
    /// # Errors
    /// What the rules or the state say.
    pub async fn unshare(&self, asker: &Asker, number: &str, request: RequestKey, id: CollaboratorId) -> Result<(), Error> {
        let mut conn = self.db.read(&asker.portal, asker.deadline).await?;
        if let Replay::Answered(_) = replay(&mut conn, &asker.portal, &request).await? {
            return Ok(());
        }
        let opened = self.open(&mut conn, asker, number).await?;
        drop(conn);
        self.send(asker, opened, request, Order::new(Command::Unshare(id), Wants::Nothing, None)).await.map(|_| ())
    }

    /// Lets a pending share see the ticket.
    ///
    /// # Errors
    /// What the rules or the state say.
    pub async fn confirm(&self, asker: &Asker, number: &str, request: RequestKey, id: CollaboratorId) -> Result<ShareView, Error> {
        let mut conn = self.db.read(&asker.portal, asker.deadline).await?;
        if let Replay::Answered(answer) = replay(&mut conn, &asker.portal, &request).await? {
            return view::stored(&answer);
        }
        let opened = self.open(&mut conn, asker, number).await?;
        let share = opened.found.case.ticket.collaborators.iter().find(|share| share.id == id).cloned().ok_or(Error::NOT_FOUND)?;
        let person = self.person(&mut conn, &asker.portal, share.person, asker.deadline).await?.ok_or(Error::NOT_FOUND)?;
        drop(conn);
        let names = names(&opened, &person);
        // The Cc of a mail is invited now that somebody wants them here.
        let command = Command::Confirm { id, registered: person.registered };
        let order = Order::new(command, Wants::Share(share.person, Box::new(names)), None);
        let answer = self.send(asker, opened, request, order).await?;
        view::stored(&answer)
    }
}

/// Where a share stands in the list of its ticket.
type Place = (OffsetDateTime, Uuid);

fn place(share: &Collaborator) -> Place {
    (share.created_at, share.id.uuid())
}

/// The shares that come after a place.
fn in_order(shares: &[Collaborator], first: First, after: Option<Place>) -> Vec<&Collaborator> {
    let comes = |share: &&Collaborator| match (first, after) {
        (_, None) => true,
        (First::Oldest, Some(after)) => place(share) > after,
        (First::Newest, Some(after)) => place(share) < after,
    };
    let mut left: Vec<&Collaborator> = shares.iter().filter(comes).collect();
    left.sort_by_key(|share| place(share));
    if first == First::Newest {
        left.reverse();
    }
    left
}

/// The shares that a new ticket begins with.
pub(super) fn first_shares(
    state: &mut Ticket,
    invitees: &[Invitee],
    actor: Actor,
    rules: &Rules,
    now: OffsetDateTime,
) -> Result<Vec<Event>, Error> {
    let mut events = Vec::new();
    // What a guest names waits for its confirmation, so it is as good as a Cc.
    let by = if actor == Actor::Guest { Actor::System } else { actor };
    for invitee in invitees {
        let shared = match decide(state, by, &Command::Share(invitee.clone()), rules, now) {
            // Whoever sees the ticket anyway need not be added.
            Err(Refusal::Field { code: "has_access", .. }) => continue,
            Err(Refusal::Field { code, message, .. }) => return Err(Error::invalid("collaborators", code, message)),
            decided => decided?,
        };
        for event in shared {
            *state = evolve(state.clone(), &event, actor, now);
            events.push(event);
        }
    }
    Ok(events)
}

/// A name within the ticket's own organisation is no secret; everybody else's shows when they first act on the ticket, also to agents.
fn names(opened: &Opened, person: &PersonFacts) -> ShareNames {
    let known = is_colleague(opened, person);
    ShareNames { email: person.email.clone(), name: person.name.clone(), known }
}

fn is_colleague(opened: &Opened, person: &PersonFacts) -> bool {
    let own: Option<OrganizationId> = person.organization.as_ref().map(|(id, _)| *id);
    own.is_some() && own == opened.found.case.ticket.organization
}
