//! What tickets does: one function a use case. Reads go to the store, commands to the actor of their ticket.

pub mod asker;
pub mod attachment;
pub mod catalog;
pub mod clients;
pub mod collaborator;
pub mod conversation;
pub mod create;
mod emit;
pub mod entity;
mod follow_up;
pub mod guest;
pub mod hit;
pub mod housekeeping;
pub mod import;
pub mod inbound;
pub mod item_view;
pub mod list;
mod once;
pub mod people;
mod quota;
mod refusal;
pub mod render;
mod render_text;
mod snippet;
pub mod ticket;
pub mod timer;
mod upload;
pub mod view;

use std::sync::Arc;

use portico_chassis::auth::Keys;
use portico_chassis::blobs::Blobs;
use portico_chassis::clock::Clock;
use portico_chassis::db::Db;
use portico_chassis::entity::Directory;
use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use portico_chassis::journal::Journal;
use portico_chassis::page::Pager;
use portico_chassis::random::Random;
use portico_chassis::settings::Settings;
use time::OffsetDateTime;

use crate::domain::policy::Rules;
use crate::store::writes::Write;
use clients::Identity;
use entity::TicketAggregate;
use people::SharedRules;

/// Agents that are told about a ticket that nobody owns.
const AGENTS_TOLD: i64 = 50;

/// The use cases. Cheap to clone.
#[derive(Clone)]
pub struct Tickets(Arc<Parts>);

/// What the use cases work with.
pub struct Parts {
    /// The database.
    pub db: Db,
    /// Commits.
    pub journal: Journal<Write>,
    /// The actors of tickets.
    pub directory: Directory<TicketAggregate>,
    /// Who people are.
    pub identity: Identity,
    /// Copies of the portals' settings.
    pub settings: Settings<SharedRules>,
    /// Page tokens.
    pub pager: Pager,
    /// Files.
    pub blobs: Blobs,
    /// Reads upload tickets.
    pub keys: Keys,
    /// Chassis time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// What is wider on a development machine.
    pub limit_factor: u64,
}

impl std::ops::Deref for Tickets {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Tickets {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// What the portal's settings say; `NOT_FOUND` when there is no such portal.
    pub(crate) async fn rules(&self, portal: &PortalId) -> Result<Arc<Rules>, Error> {
        Ok(self.settings.get(portal).await?.part.0.clone())
    }

    /// Chassis time as the database keeps it.
    pub(crate) fn now(&self) -> OffsetDateTime {
        micros(self.clock.now())
    }
}

/// A time as PostgreSQL keeps it, so that an answer shows what a later read shows.
pub(crate) fn micros(at: OffsetDateTime) -> OffsetDateTime {
    at.replace_nanosecond(at.nanosecond() / 1_000 * 1_000).unwrap_or(at)
}
