//! Sharing tickets.

use portico_chassis::error::Error;
use portico_chassis::journal::{Replay, RequestKey, replay};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::Tickets;
use super::aggregate::{ShareNames, Wants};
use super::asker::Asker;
use super::clients::{Ensure, derived};
use super::create::of_field;
use super::ticket::{Opened, Order};
use super::view;
use crate::domain::access::Relation;
use crate::domain::collaborator::Collaborator;
use crate::domain::command::{Command, Invitee};
use crate::domain::ids::{CollaboratorId, OrganizationId, PersonId};
use crate::domain::kinds::{Access, CollaboratorState};
use crate::domain::person::PersonFacts;

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
    /// Who shares a ticket.
    ///
    /// # Errors
    /// `NOT_FOUND` when it is absent or not visible.
    pub async fn shares(&self, asker: &Asker, number: &str) -> Result<Vec<ShareView>, Error> {
        let viewer = asker.viewer()?.person;
        let mut conn = self.db.read(&asker.portal, asker.deadline).await?;
        let opened = self.open(&mut conn, asker, number).await?;
        let ids: Vec<Uuid> = opened.found.case.ticket.collaborators.iter().map(|share| share.person.uuid()).collect();
        let people = self.people(&mut conn, &asker.portal, &ids, asker.deadline).await?;
        let views = opened.found.case.ticket.collaborators.iter().map(|share| {
            let person = people.iter().find(|person| person.id == share.person);
            let names = person.map(|person| names(&opened, person)).unwrap_or_default();
            share_view(share, &names, viewer)
        });
        Ok(views.collect())
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
        let asked = Ensure { portal: &asker.portal, request_id, email: &input.email, name: "", invite: true };
        let person = self.ensure(&asked, asker.deadline).await.map_err(|error| of_field(error, "email"))?;
        let names = ShareNames { email: input.email.clone(), ..names(&opened, &person) };
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
        if opened.relation == Relation::Staff || opened.relation.acts_for_requester() {
            // The Cc of a mail is invited now that somebody wants them here.
            let request_id = derived(&request.key, "confirm");
            let asked = Ensure { portal: &asker.portal, request_id, email: &person.email, name: "", invite: true };
            self.ensure(&asked, asker.deadline).await?;
        }
        let names = names(&opened, &person);
        let order = Order::new(Command::Confirm(id), Wants::Share(share.person, Box::new(names)), None);
        let answer = self.send(asker, opened, request, order).await?;
        view::stored(&answer)
    }
}

/// Agents know everybody; a name within the ticket's own organisation is no secret.
fn names(opened: &Opened, person: &PersonFacts) -> ShareNames {
    let own: Option<OrganizationId> = person.organization.as_ref().map(|(id, _)| *id);
    let colleague = own.is_some() && own == opened.found.case.ticket.organization;
    ShareNames { email: person.email.clone(), name: person.name.clone(), known: colleague || opened.relation == Relation::Staff }
}
