//! Reading one ticket, and the commands on it.

use std::collections::HashMap;
use std::sync::Arc;

use portico_chassis::db::PortalConn;
use portico_chassis::entity::Asked;
use portico_chassis::error::Error;
use portico_chassis::journal::{Claim, Replay, RequestKey, replay};
use uuid::Uuid;

use super::Tickets;
use super::asker::Asker;
use super::entity::{Ask, By, Links, Wants};
use super::refusal;
use super::view::{self, Lens, TicketView};
use crate::domain::access::{Relation, relation};
use crate::domain::change::Patch;
use crate::domain::command::{Command, Next};
use crate::domain::ids::{ItemId, PersonId};
use crate::domain::kinds::ItemKind;
use crate::domain::person::PersonFacts;
use crate::domain::policy::Rules;
use crate::store;
use crate::store::attachment::AttachmentRow;
use crate::store::ticket::{Found, Handle};

/// A ticket that the asker may see.
pub(super) struct Opened {
    pub found: Found,
    pub relation: Relation,
    pub rules: Arc<Rules>,
    /// Whom to tell while nobody owns it; read only for customers, who make something to tell.
    pub agents: Vec<PersonId>,
}

impl Opened {
    pub(super) fn lens(&self, person: PersonId) -> Lens {
        Lens { person, relation: self.relation, seen_at: self.found.seen_at }
    }
}

/// A command with what it brings in.
pub(super) struct Order {
    pub command: Command,
    pub wants: Wants,
    pub etag: Option<i64>,
    pub names: HashMap<Uuid, String>,
    pub files: Vec<AttachmentRow>,
    pub claims: Vec<Claim>,
    pub vouched: Option<Relation>,
}

impl Order {
    pub(super) fn new(command: Command, wants: Wants, etag: Option<i64>) -> Self {
        Self { command, wants, etag, names: HashMap::new(), files: Vec::new(), claims: Vec::new(), vouched: None }
    }
}

/// A change of fields as a caller gave it.
#[derive(Debug, Clone)]
pub struct UpdateInput {
    /// The idempotency key.
    pub request: RequestKey,
    /// The version that the caller saw.
    pub etag: Option<i64>,
    /// New values.
    pub patch: Patch,
    /// The status.
    pub next: Next,
}

impl Tickets {
    /// One ticket as the asker sees it.
    ///
    /// # Errors
    /// `NOT_FOUND` when it is absent or not visible.
    pub async fn get(&self, asker: &Asker, number: &str) -> Result<TicketView, Error> {
        let person = asker.viewer()?.person;
        let mut conn = self.db.read(&asker.portal, asker.deadline).await?;
        let opened = self.open(&mut conn, asker, number).await?;
        Ok(view::detail(&opened.found.case, &opened.lens(person), &opened.rules, self.now()))
    }

    /// Finds a ticket that the asker may see.
    pub(super) async fn open(&self, conn: &mut PortalConn, asker: &Asker, number: &str) -> Result<Opened, Error> {
        self.open_vouched(conn, asker, Handle::Number(&number.to_uppercase()), None).await
    }

    /// The same for a command: also whom to tell about it.
    pub(super) async fn open_to_write(&self, conn: &mut PortalConn, asker: &Asker, number: &str) -> Result<Opened, Error> {
        let mut opened = self.open(conn, asker, number).await?;
        opened.agents = self.agents(conn, asker, opened.found.case.ticket.assignee).await?;
        Ok(opened)
    }

    /// The same by another handle, and with what somebody vouched for.
    pub(super) async fn open_vouched(
        &self,
        conn: &mut PortalConn,
        asker: &Asker,
        handle: Handle<'_>,
        vouched: Option<Relation>,
    ) -> Result<Opened, Error> {
        let viewer = asker.viewer()?;
        let rules = self.rules(&asker.portal).await?;
        let found = store::ticket::find(conn, &asker.portal, handle, Some(viewer.person)).await?;
        let mut found = found.ok_or(Error::NOT_FOUND)?;
        let relation = relation(&found.case.ticket, viewer, self.now()).or(vouched).ok_or(Error::NOT_FOUND)?;
        found.case.show_links(std::mem::take(&mut found.links), viewer, self.now());
        Ok(Opened { found, relation, rules, agents: Vec::new() })
    }

    /// Has the ticket's actor decide; the answer is what `order.wants`.
    ///
    /// Nobody who waits here may hold a connection: the actor may need one to load the ticket.
    pub(super) async fn send(&self, asker: &Asker, opened: Opened, request: RequestKey, order: Order) -> Result<Vec<u8>, Error> {
        let case = opened.found.case;
        let (viewer, facts) = (asker.viewer()?.clone(), asker.facts().cloned().ok_or_else(Error::sign_in_required)?);
        let mut names = case.names;
        names.extend(order.names);
        names.insert(facts.id.uuid(), facts.name.clone());
        names.extend(facts.organization.iter().map(|(id, name)| (id.uuid(), name.clone())));
        let ask = Ask {
            command: order.command,
            wants: order.wants,
            by: By::Person { viewer, facts: Box::new(facts), seen_at: opened.found.seen_at },
            etag: order.etag,
            rules: opened.rules,
            agents: opened.agents,
            names,
            links: Links { parent: case.parent_number, follow_ups: case.follow_ups },
            files: order.files,
            claims: order.claims,
            not_before: None,
            vouched: order.vouched,
        };
        let asked = Asked { portal: asker.portal.clone(), id: case.ticket.id, actor: asker.name.clone(), request: Some(request) };
        self.directory.ask(asked, ask, asker.deadline).await
    }

    /// A command that brings nothing in and answers the ticket.
    ///
    /// # Errors
    /// What the rules, the state or the version say.
    pub async fn command(
        &self,
        asker: &Asker,
        number: &str,
        request: RequestKey,
        etag: Option<i64>,
        command: Command,
    ) -> Result<TicketView, Error> {
        let mut conn = self.db.read(&asker.portal, asker.deadline).await?;
        if let Replay::Answered(answer) = replay(&mut conn, &asker.portal, &request).await? {
            return view::stored(&answer);
        }
        let opened = self.open_to_write(&mut conn, asker, number).await?;
        if let (Command::Reopen { .. }, Some(customer)) = (&command, asker.customer()) {
            self.quota_and_agents(&mut conn, asker, customer, ItemKind::Comment, &opened.rules, self.now()).await?;
        }
        drop(conn);
        let answer = self.send(asker, opened, request, Order::new(command, Wants::Ticket, etag)).await?;
        view::stored(&answer)
    }

    /// Changes fields; agents only.
    ///
    /// # Errors
    /// What the rules, the state or the version say; fields that refer to nothing.
    pub async fn update(&self, asker: &Asker, number: &str, input: UpdateInput) -> Result<TicketView, Error> {
        asker.staff()?;
        let mut conn = self.db.read(&asker.portal, asker.deadline).await?;
        if let Replay::Answered(answer) = replay(&mut conn, &asker.portal, &input.request).await? {
            return view::stored(&answer);
        }
        let opened = self.open(&mut conn, asker, number).await?;
        let mut patch = input.patch;
        let names = self.check_patch(&mut conn, asker, &opened, &mut patch).await?;
        drop(conn);
        let mut order = Order::new(Command::Update { patch, next: input.next }, Wants::Ticket, input.etag);
        order.names = names;
        let answer = self.send(asker, opened, input.request, order).await?;
        view::stored(&answer)
    }

    /// Checks what a change refers to, and learns its names.
    async fn check_patch(
        &self,
        conn: &mut PortalConn,
        asker: &Asker,
        opened: &Opened,
        patch: &mut Patch,
    ) -> Result<HashMap<Uuid, String>, Error> {
        let mut names = HashMap::new();
        let moves = patch.department.is_some() || patch.product.is_some() || patch.category.is_some() || patch.group.is_some();
        if moves {
            let catalog = store::catalog::read(conn, &asker.portal).await?;
            let place = catalog.settle(patch, opened.found.case.ticket.place).map_err(refusal::fields)?;
            super::catalog::names(&catalog, place, patch.group.flatten(), &mut names)?;
        }
        if let Some(Some(agent)) = patch.assignee {
            let agent = self.assignable(conn, asker, agent).await?;
            names.insert(agent.id.uuid(), agent.name);
        }
        Ok(names)
    }

    /// An active agent or administrator of the portal.
    pub(super) async fn assignable(&self, conn: &mut PortalConn, asker: &Asker, agent: PersonId) -> Result<PersonFacts, Error> {
        if let Some(own) = asker.facts().filter(|facts| facts.id == agent && facts.is_staff()) {
            return Ok(own.clone());
        }
        let found = self.person(conn, &asker.portal, agent, asker.deadline).await?;
        found
            .filter(|person| person.is_staff() && person.active)
            .ok_or_else(|| Error::invalid("assignee", "invalid", "Choose an agent of this portal."))
    }

    /// Notes that the asker has looked.
    ///
    /// # Errors
    /// `NOT_FOUND` when it is absent or not visible.
    pub async fn mark_viewed(&self, asker: &Asker, number: &str) -> Result<(), Error> {
        let person = asker.viewer()?.person;
        let mut conn = self.db.read(&asker.portal, asker.deadline).await?;
        let opened = self.open(&mut conn, asker, number).await?;
        store::seen::mark(&mut conn, &asker.portal, person, opened.found.case.ticket.id, self.now()).await
    }

    /// A name for a comment.
    pub fn new_item(&self) -> ItemId {
        ItemId::new(self.random.uuid(self.now()))
    }
}
