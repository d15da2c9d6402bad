//! Comments, notes and the timeline.

use std::collections::{BTreeSet, HashMap};

use portico_chassis::db::PortalConn;
use portico_chassis::error::Error;
use portico_chassis::journal::RequestKey;
use portico_chassis::page::{self, Wanted};
use uuid::Uuid;

use super::Tickets;
use super::asker::Asker;
use super::entity::{CommentAnswer, Wants};
use super::item_view::{FileView, Frame, ItemView, ids_in};
use super::ticket::{Opened, Order};
use super::upload::Hook;
use super::view;
use crate::domain::access::Relation;
use crate::domain::command::{Command, Comment, Next};
use crate::domain::create::{NewTicket, Requester};
use crate::domain::ids::{ItemId, PortalId, TicketId};
use crate::domain::kinds::{ItemKind, Role, Visibility};
use crate::domain::priority::Weights;
use crate::domain::reply::makes_new_case;
use crate::domain::ticket::{Guest, Place, Ticket};
use crate::store;
use crate::store::item::{From, ItemFound};
use crate::store::ticket::Handle;

/// A comment as a caller gave it; texts are within their bounds already.
#[derive(Debug, Clone)]
pub struct CommentInput {
    /// The idempotency key.
    pub request: RequestKey,
    /// The version that the caller saw.
    pub etag: Option<i64>,
    /// Markdown.
    pub body: String,
    /// Upload tickets.
    pub uploads: Vec<String>,
    /// Agents only.
    pub visibility: Option<Visibility>,
    /// Agents only.
    pub next: Next,
}

impl Tickets {
    /// Adds a comment or note.
    ///
    /// # Errors
    /// What the rules, the state or the version say.
    pub async fn comment(&self, asker: &Asker, number: &str, input: CommentInput) -> Result<CommentAnswer, Error> {
        let number = number.to_uppercase();
        self.comment_from(asker, Handle::Number(&number), input, &asker.name, None).await
    }

    /// The same, with files that somebody else has taken in for the asker, and with what somebody vouched for.
    pub(super) async fn comment_from(
        &self,
        asker: &Asker,
        handle: Handle<'_>,
        input: CommentInput,
        uploader: &str,
        vouched: Option<Relation>,
    ) -> Result<CommentAnswer, Error> {
        let (request, spends) = (input.request.clone(), !input.uploads.is_empty());
        let answer = self.once(asker, &request, spends, Box::pin(self.write_comment(asker, handle, input, uploader, vouched))).await?;
        view::stored(&answer)
    }

    async fn write_comment(
        &self,
        asker: &Asker,
        handle: Handle<'_>,
        input: CommentInput,
        uploader: &str,
        vouched: Option<Relation>,
    ) -> Result<Vec<u8>, Error> {
        let viewer = asker.viewer()?.clone();
        let mut conn = self.db.read(&asker.portal, asker.deadline).await?;
        let mut opened = self.open_vouched(&mut conn, asker, handle, vouched).await?;
        let now = self.now();
        let becomes_new = makes_new_case(&opened.found.case.ticket, opened.relation, &opened.rules);
        if becomes_new {
            self.check_quota(&mut conn, asker, None, &opened.rules, now).await?;
        }
        // A new case has no owner yet, whoever owns the ticket that it goes on from.
        let owner = opened.found.case.ticket.assignee.filter(|_| !becomes_new);
        match asker.customer() {
            Some(customer) => {
                let agents = self.quota_and_agents(&mut conn, asker, customer, ItemKind::Comment, &opened.rules, now).await?;
                opened.agents = if owner.is_none() { agents } else { Vec::new() };
            }
            None => opened.agents = Vec::new(),
        }
        drop(conn);
        let (item, ticket) = (ItemId::new(self.random.uuid(now)), &opened.found.case.ticket);
        let hook = Hook { ticket: ticket.id, item, internal: input.visibility == Some(Visibility::Internal) };
        let (files, claimed) = self.claim(asker, uploader, &input.uploads, hook, now).await?;
        let new = self.new_case(asker, &opened, &input, item);
        let CommentInput { body, visibility, next, .. } = input;
        let comment = Comment { item, body, visibility, channel: viewer.channel, next };
        let mut order = Order::new(Command::Comment(comment), Wants::Comment(Box::new(new)), input.etag);
        order.vouched = vouched;
        (order.files, order.claims) = (files, claimed.claims());
        let answer = self.send(asker, opened, input.request, order).await?;
        self.blobs.settle(&claimed).await;
        Ok(answer)
    }

    /// The ticket that a comment becomes when the portal makes a new case of what is written on a closed one.
    fn new_case(&self, asker: &Asker, opened: &Opened, input: &CommentInput, item: ItemId) -> NewTicket {
        let parent = &opened.found.case.ticket;
        let writer = asker.facts().map(|facts| Requester::Person(facts.id, facts.organization.as_ref().map(|(id, _)| *id)));
        let own = writer.filter(|_| opened.relation.acts_for_requester());
        let fallback = || requester_of_parent(parent, &Requester::Guest(Guest { email: String::new(), name: String::new() }));
        NewTicket {
            id: TicketId::new(self.random.uuid(self.now())),
            item,
            portal: asker.portal.clone(),
            subject: String::new(),
            description: input.body.clone(),
            ticket_type: parent.ticket_type,
            channel: asker.as_viewer().map_or(parent.channel, |viewer| viewer.channel),
            requester: own.unwrap_or_else(fallback),
            place: Place::default(),
            weights: Weights::default(),
            contact_name: String::new(),
            tags: Vec::new(),
            assignee: None,
            group: None,
            follow_up_of: None,
        }
    }

    /// A page of what happened, and the token of the next.
    ///
    /// # Errors
    /// `NOT_FOUND` when the ticket is absent or not visible.
    pub async fn timeline(&self, asker: &Asker, number: &str, wanted: Wanted<'_>) -> Result<(Vec<ItemView>, String), Error> {
        let person = asker.viewer()?.person;
        let size = page::size(wanted.size)?;
        let mut conn = self.db.read(&asker.portal, asker.deadline).await?;
        let opened = self.open(&mut conn, asker, number).await?;
        let id = opened.found.case.ticket.id;
        let scope_id = id.to_string();
        let scope = [asker.portal.as_str(), &asker.name, "GetTimeline", &scope_id, wanted.first.name()];
        let from = From { first: wanted.first, after: self.pager.cursor(&scope, wanted.token)? };
        let staff = opened.relation == Relation::Staff;
        let mut rows = store::item::page(&mut conn, &asker.portal, id, staff, from, size + 1).await?;
        let more = rows.len() > usize::try_from(size).unwrap_or(usize::MAX);
        if more {
            rows.pop();
        }
        let next = rows.last().filter(|_| more).map(|last| self.pager.token(&scope, &last.row.version)).transpose()?;
        let items = self.show(&mut conn, asker, &opened, rows, person).await?;
        Ok((items, next.unwrap_or_default()))
    }

    /// Rows with their files and names.
    async fn show(
        &self,
        conn: &mut PortalConn,
        asker: &Asker,
        opened: &Opened,
        rows: Vec<ItemFound>,
        person: crate::domain::ids::PersonId,
    ) -> Result<Vec<ItemView>, Error> {
        let ids: Vec<Uuid> = rows.iter().map(|found| found.row.id).collect();
        let mut files: HashMap<Uuid, Vec<FileView>> = HashMap::new();
        for row in store::attachment::of_items(conn, &asker.portal, &ids).await? {
            files.entry(row.item_id).or_default().push(FileView::of(&row)?);
        }
        let names = self.words_for(conn, &asker.portal, &rows).await?;
        let lens = opened.lens(person);
        let frame = Frame { case: &opened.found.case, lens: &lens, rules: &opened.rules, names: &names };
        // A link to a ticket that the reader does not see is no news for them.
        let is_seen = |other: Uuid| opened.found.case.follow_ups.iter().any(|(id, _)| id.uuid() == other);
        rows.into_iter()
            .filter(|found| found.row.related_ticket.is_none_or(is_seen))
            .map(|found| {
                let own = files.remove(&found.row.id).unwrap_or_default();
                frame.item(found, own)
            })
            .collect()
    }

    /// Words for the ids in the rows' changes: catalogue names, agents' names, and the addresses of those it was shared with.
    async fn words_for(&self, conn: &mut PortalConn, portal: &PortalId, rows: &[ItemFound]) -> Result<HashMap<Uuid, String>, Error> {
        let changes = rows.iter().filter_map(|found| found.row.changes.as_ref()).flat_map(|json| json.0.iter());
        let wanted: BTreeSet<Uuid> = ids_in(&changes.cloned().collect::<Vec<_>>()).collect();
        let mut names = HashMap::new();
        if wanted.is_empty() {
            return Ok(names);
        }
        let wanted: Vec<Uuid> = wanted.into_iter().collect();
        let catalog = store::catalog::read(conn, portal).await?;
        names.extend(catalog.departments.into_iter().map(|row| (row.id.uuid(), row.name)));
        names.extend(catalog.products.into_iter().map(|row| (row.id.uuid(), row.name)));
        names.extend(catalog.categories.into_iter().map(|row| (row.id.uuid(), row.name)));
        names.extend(catalog.groups.into_iter().map(|row| (row.id.uuid(), row.name)));
        for person in store::person::by_ids(conn, portal, &wanted).await? {
            let word = if person.role == Role::Customer { person.email } else { person.name };
            names.insert(person.id.uuid(), word);
        }
        Ok(names)
    }
}

/// Whoever asked for the parent asks for the new ticket.
pub(super) fn requester_of_parent(parent: &Ticket, otherwise: &Requester) -> Requester {
    match (parent.requester, &parent.guest) {
        (Some(person), _) => Requester::Person(person, parent.organization),
        (None, Some(guest)) => Requester::Guest(guest.clone()),
        (None, None) => otherwise.clone(),
    }
}
