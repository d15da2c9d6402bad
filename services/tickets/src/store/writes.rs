//! What an entry of the journal writes, and how a batch of entries writes it: each table once.

use std::collections::HashMap;

use async_trait::async_trait;
use portico_chassis::error::Error;
use portico_chassis::journal::Writes;
use sqlx::PgConnection;

use super::attachment::{self, AttachmentRow};
use super::catalog::{self, CatalogWrite};
use super::collaborator::{self, ShareWrite};
use super::item::{self, ItemRow};
use super::person;
use super::seen::{self, SeenWrite};
use super::ticket::TicketRow;
use super::ticket_write;
use super::words::{self, WordsWrite};
use crate::domain::ids::CollaboratorId;
use crate::domain::person::PersonFacts;

/// One row.
#[derive(Debug, Clone)]
pub enum Write {
    /// A ticket's new state.
    Ticket(Box<TicketRow>),
    /// A new item of a timeline.
    Item(Box<ItemRow>),
    /// A file that came in.
    Attachment(Box<AttachmentRow>),
    /// A share, new or changed.
    Share(Box<ShareWrite>),
    /// A share that ended.
    Unshare(CollaboratorId),
    /// Words to find a ticket by.
    Words(WordsWrite),
    /// Facts about somebody who acts, from their token.
    Person(Box<PersonFacts>),
    /// A row of the catalogue.
    Catalog(CatalogWrite),
    /// A look at a ticket that comes along with it.
    Seen(SeenWrite),
}

/// A batch, sorted by table. Of a ticket or share that several entries write, the last counts.
#[derive(Default)]
struct Sorted {
    tickets: HashMap<uuid::Uuid, TicketRow>,
    items: Vec<ItemRow>,
    attachments: Vec<AttachmentRow>,
    shares: HashMap<CollaboratorId, ShareWrite>,
    unshared: Vec<CollaboratorId>,
    words: Vec<WordsWrite>,
    people: Vec<PersonFacts>,
    catalog: Vec<CatalogWrite>,
    seen: Vec<SeenWrite>,
}

impl Sorted {
    fn take(&mut self, write: Write) {
        match write {
            Write::Ticket(row) => {
                self.tickets.insert(row.id, *row);
            }
            Write::Item(row) => self.items.push(*row),
            Write::Attachment(row) => self.attachments.push(*row),
            Write::Share(row) => {
                self.unshared.retain(|id| *id != row.share.id);
                self.shares.insert(row.share.id, *row);
            }
            Write::Unshare(id) => {
                self.shares.remove(&id);
                self.unshared.push(id);
            }
            Write::Words(row) => self.words.push(row),
            Write::Person(facts) => self.people.push(*facts),
            Write::Catalog(row) => self.catalog.push(row),
            Write::Seen(row) => self.seen.push(row),
        }
    }
}

#[async_trait]
impl Writes for Write {
    async fn apply(conn: &mut PgConnection, batch: Vec<Self>) -> Result<(), Error> {
        let mut sorted = Sorted::default();
        batch.into_iter().for_each(|write| sorted.take(write));
        // Ends come first: somebody whose share ended may have got a new one in the same batch.
        if !sorted.unshared.is_empty() {
            collaborator::delete(conn, &sorted.unshared).await?;
        }
        if !sorted.tickets.is_empty() {
            ticket_write::upsert(conn, &sorted.tickets.into_values().collect::<Vec<_>>()).await?;
        }
        if !sorted.items.is_empty() {
            item::insert(conn, &sorted.items).await?;
        }
        if !sorted.attachments.is_empty() {
            attachment::insert(conn, &sorted.attachments).await?;
        }
        if !sorted.shares.is_empty() {
            collaborator::upsert(conn, &sorted.shares.into_values().collect::<Vec<_>>()).await?;
        }
        if !sorted.words.is_empty() {
            words::add(conn, &sorted.words).await?;
        }
        if !sorted.people.is_empty() {
            person::upsert(conn, &sorted.people).await?;
        }
        if !sorted.catalog.is_empty() {
            catalog::insert(conn, &sorted.catalog).await?;
        }
        if !sorted.seen.is_empty() {
            seen::insert(conn, &sorted.seen).await?;
        }
        Ok(())
    }
}
