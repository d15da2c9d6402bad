//! Use cases and workers: deliveries, the bell, preferences, the inbound door.

pub mod bell;
pub mod clients;
pub mod compose;
pub mod content;
pub mod delivery;
pub mod digest;
pub mod dispatcher;
pub mod guarded;
pub mod inbound;
pub mod mailer;
pub mod measures;
pub mod message;
pub mod notification;
pub mod portal;
pub mod preference;
pub mod prepare;
pub mod transport;
pub mod upkeep;
pub mod wake;
pub mod words;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use portico_chassis::auth::Keys;
use portico_chassis::blobs::Blobs;
use portico_chassis::clock::Clock;
use portico_chassis::db::Db;
use portico_chassis::journal::Journal;
use portico_chassis::random::Random;
use portico_chassis::run::Tasks;
use portico_chassis::settings::Settings;

use crate::domain::delivery::DeliveryId;
use crate::store::events::Write;

/// What all use cases work with. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The database.
    pub db: Db,
    /// Appends what has events.
    pub journal: Journal<Write>,
    /// The other services.
    pub clients: clients::Clients,
    /// The copies of the portals' settings.
    pub settings: Settings<portal::MailSettings>,
    /// Raw messages and staged files.
    pub blobs: Blobs,
    /// Signs upload tickets.
    pub keys: Keys,
    /// Chassis time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// Spawns workers and actors.
    pub tasks: Tasks,
    /// Wakes the workers.
    pub wakes: wake::Wakes,
    /// The way to the smarthost.
    pub smarthost: Arc<transport::Smarthost>,
    /// What is the same for all mails.
    pub frame: Arc<compose::Frame>,
    /// Mails that left and are not recorded as sent yet.
    pub unmarked: Unmarked,
    /// What is shown of deliveries and messages.
    pub measures: measures::Measures,
    /// The inbound door's secrets, as of at most a minute ago.
    pub secrets: inbound::Secrets,
    /// Words of bell marks, as of a few seconds ago.
    pub titles: notification::Titles,
    /// Messages with an effect that one address may send to one portal in an hour.
    pub inbound_hourly: i64,
}

impl App {
    /// Starts the workers; they end with the intake.
    pub fn start_workers(&self) {
        dispatcher::start(self);
        bell::start(self);
        inbound::start(self);
        upkeep::start(self);
    }
}

/// Mails that left and are not recorded as sent yet: while the database is away they must not leave again.
#[derive(Clone, Debug, Default)]
pub struct Unmarked(Arc<Mutex<HashSet<DeliveryId>>>);

impl Unmarked {
    /// Adds one.
    pub fn insert(&self, id: DeliveryId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
    }

    /// Removes one.
    pub fn remove(&self, id: DeliveryId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    /// Whether it left.
    pub fn contains(&self, id: DeliveryId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&id)
    }
}
