//! What the notifier's black-box tests take place in: the real service with real PostgreSQL, NATS and SMTP, and small peers that speak
//! the contracts of identity, tickets and community.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    dead_code,
    reason = "tests end at the first surprise; each test file uses its part of the kit"
)]

pub mod door;
pub mod identity;
pub mod owner;
pub mod smtp;

use std::net::SocketAddr;
use std::time::Duration;

use portico_chassis::auth::{Person, Role};
use portico_chassis::clock::Clock;
use portico_chassis::run::Running;
use portico_chassis::testing::{Stage, person};
use portico_notifier::config::Config;
use portico_proto::notifier::v1::deliveries_service_client::DeliveriesServiceClient;
use portico_proto::notifier::v1::inbound_service_client::InboundServiceClient;
use portico_proto::notifier::v1::notifications_service_client::NotificationsServiceClient;
use portico_proto::notifier::v1::preferences_service_client::PreferencesServiceClient;
use tonic::transport::Channel;

use identity::Identity;
use owner::Owner;
use smtp::Sink;

/// The portal of all tests.
pub const PORTAL: &str = "demo";
/// What signs inbound mail of [`PORTAL`].
pub const INBOUND_SECRET: &str = "the-inbound-secret-of-demo";

/// One test's world.
pub struct World {
    pub stage: Stage,
    pub identity: Identity,
    pub tickets: Owner,
    pub community: Owner,
    pub sink: Sink,
    pub clock: Clock,
    pub hourly: u32,
    running: Vec<Running>,
    channel: Option<Channel>,
}

impl World {
    /// Everything runs.
    pub async fn new() -> Self {
        let mut world = Self::asleep().await;
        world.start().await;
        world
    }

    /// Everything runs but the notifier.
    pub async fn asleep() -> Self {
        let mut stage = Stage::new().await;
        let identity = Identity::start().await;
        let tickets = Owner::start("tickets").await;
        let community = Owner::start("community").await;
        stage.peer("identity", identity.address);
        stage.peer("tickets", tickets.address);
        stage.peer("community", community.address);
        Self {
            stage,
            identity,
            tickets,
            community,
            sink: Sink::start().await,
            clock: Clock::start(),
            hourly: 60,
            running: Vec::new(),
            channel: None,
        }
    }

    /// Starts the notifier; once more: another replica.
    pub async fn start(&mut self) {
        let config = Config {
            smtp_url: format!("smtp://{}", self.sink.address),
            smtp_username: None,
            smtp_password_file: None,
            smtp_ca_file: None,
            mail_domain: "portico.test".to_owned(),
            inbound_per_sender_per_hour: self.hourly,
        };
        let mut boot = self.stage.boot_with("notifier", config, self.clock.clone()).await;
        boot.common.limit_factor = 1;
        let running = portico_notifier::start(boot).await.unwrap();
        self.channel = Some(connect(running.grpc.unwrap()));
        self.running.push(running);
    }

    /// Stops the notifier in order.
    pub async fn stop(&mut self) {
        for running in self.running.drain(..) {
            running.stop(Duration::ZERO).await;
        }
    }

    /// Ends the test's world.
    pub async fn end(mut self) {
        self.stop().await;
        self.stage.clear().await;
    }

    fn channel(&self) -> Channel {
        self.channel.clone().unwrap()
    }

    pub fn notifications(&self) -> NotificationsServiceClient<Channel> {
        NotificationsServiceClient::new(self.channel())
    }

    pub fn preferences(&self) -> PreferencesServiceClient<Channel> {
        PreferencesServiceClient::new(self.channel())
    }

    pub fn inbound(&self) -> InboundServiceClient<Channel> {
        InboundServiceClient::new(self.channel()).max_encoding_message_size(60_000_000)
    }

    pub fn deliveries(&self) -> DeliveriesServiceClient<Channel> {
        DeliveriesServiceClient::new(self.channel())
    }

    /// What the table says of deliveries: (recipient, channel, state, attempts, reason).
    pub async fn rows(&self) -> Vec<(String, String, String, i32, String)> {
        let mut conn = self.stage.inspect("notifier").await;
        sqlx::query_as("SELECT recipient, channel, state, attempts, reason FROM delivery ORDER BY created_at, recipient, channel")
            .fetch_all(&mut conn)
            .await
            .unwrap()
    }

    /// How far the notifier has read a producer's events.
    pub async fn position(&self, producer: &str) -> i64 {
        let mut conn = self.stage.inspect("notifier").await;
        sqlx::query_scalar("SELECT position FROM inbox WHERE producer = $1").bind(producer).fetch_one(&mut conn).await.unwrap()
    }

    /// How many deliveries are in a state.
    pub async fn count(&self, state: &str) -> usize {
        self.rows().await.iter().filter(|row| row.2 == state).count()
    }
}

fn connect(address: SocketAddr) -> Channel {
    Channel::from_shared(format!("http://{address}")).unwrap().connect_lazy()
}

/// A customer whose mail goes to `person<number>@<domain>`.
pub fn customer(number: u128) -> Person {
    person(number, Role::Customer)
}

/// An agent.
pub fn agent(number: u128) -> Person {
    person(number, Role::Agent)
}
