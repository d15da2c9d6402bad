//! The gRPC clients of the other services, in the gateway's name: one channel each, and one for large mails. Reads, and mutations because
//! they carry a request id, are sent again while nobody answers them; large mails are not, and a tried password ([`chassis::peers::once`]) goes to
//! no second process while a first one is at it.

use chassis::peers::{PeerChannel, Peers};
use portico_proto::community::v1 as community;
use portico_proto::identity::v1 as identity;
use portico_proto::knowledge::v1 as knowledge;
use portico_proto::notifier::v1 as notifier;
use portico_proto::tickets::v1 as tickets;

/// Largest raw mail that is handed on, with room for the message around it.
const MAIL_BYTES: usize = 51 * 1024 * 1024;

/// The channels; a client is made for each call, which costs nothing.
#[derive(Clone)]
pub struct Clients {
    identity: PeerChannel,
    tickets: PeerChannel,
    knowledge: PeerChannel,
    community: PeerChannel,
    notifier: PeerChannel,
    /// For messages that are too large to be kept for a second try.
    mails: PeerChannel,
}

/// Declares one accessor a gRPC service: its client, and the channel that it goes through.
macro_rules! clients {
    ($( $(#[$meta:meta])* pub fn $name:ident() -> $client:path, $channel:ident; )*) => {
        impl Clients {
            $(
                $(#[$meta])*
                pub fn $name(&self) -> $client {
                    <$client>::new(self.$channel.clone())
                }
            )*
        }
    };
}

clients! {
    /// Portals and their settings.
    pub fn portals() -> identity::portals_service_client::PortalsServiceClient<PeerChannel>, identity;
    /// Sign-in, sessions.
    pub fn sessions() -> identity::sessions_service_client::SessionsServiceClient<PeerChannel>, identity;
    /// Sign-up, links, passwords.
    pub fn accounts() -> identity::accounts_service_client::AccountsServiceClient<PeerChannel>, identity;
    /// The human check.
    pub fn captcha() -> identity::captcha_service_client::CaptchaServiceClient<PeerChannel>, identity;
    /// People.
    pub fn people() -> identity::people_service_client::PeopleServiceClient<PeerChannel>, identity;
    /// Invitations.
    pub fn invitations() -> identity::invitations_service_client::InvitationsServiceClient<PeerChannel>, identity;
    /// Organisations.
    pub fn organizations() -> identity::organizations_service_client::OrganizationsServiceClient<PeerChannel>, identity;
    /// Tickets.
    pub fn tickets() -> tickets::tickets_service_client::TicketsServiceClient<PeerChannel>, tickets;
    /// Comments and timelines.
    pub fn conversation() -> tickets::conversation_service_client::ConversationServiceClient<PeerChannel>, tickets;
    /// Departments, products, categories, groups.
    pub fn catalog() -> tickets::catalog_service_client::CatalogServiceClient<PeerChannel>, tickets;
    /// Collaborators of tickets.
    pub fn collaborators() -> tickets::collaborators_service_client::CollaboratorsServiceClient<PeerChannel>, tickets;
    /// Files of tickets.
    pub fn ticket_files() -> tickets::attachments_service_client::AttachmentsServiceClient<PeerChannel>, tickets;
    /// Articles.
    pub fn articles() -> knowledge::articles_service_client::ArticlesServiceClient<PeerChannel>, knowledge;
    /// Comments under articles.
    pub fn article_comments() -> knowledge::article_comments_service_client::ArticleCommentsServiceClient<PeerChannel>, knowledge;
    /// Announcements.
    pub fn announcements() -> knowledge::announcements_service_client::AnnouncementsServiceClient<PeerChannel>, knowledge;
    /// Search and suggestions.
    pub fn search() -> knowledge::search_service_client::SearchServiceClient<PeerChannel>, knowledge;
    /// Forums.
    pub fn forums() -> community::forums_service_client::ForumsServiceClient<PeerChannel>, community;
    /// Topics.
    pub fn topics() -> community::topics_service_client::TopicsServiceClient<PeerChannel>, community;
    /// Posts.
    pub fn posts() -> community::posts_service_client::PostsServiceClient<PeerChannel>, community;
    /// Files of topics and posts.
    pub fn community_files() -> community::attachments_service_client::AttachmentsServiceClient<PeerChannel>, community;
    /// The bell.
    pub fn notifications() -> notifier::notifications_service_client::NotificationsServiceClient<PeerChannel>, notifier;
    /// What a person wants to be told.
    pub fn preferences() -> notifier::preferences_service_client::PreferencesServiceClient<PeerChannel>, notifier;
}

impl Clients {
    /// Channels to all five services.
    ///
    /// # Errors
    /// Names the peer that has no address.
    pub fn new(peers: &Peers) -> anyhow::Result<Self> {
        Ok(Self {
            identity: peers.channel("identity")?.repeating(),
            tickets: peers.channel("tickets")?.repeating(),
            knowledge: peers.channel("knowledge")?.repeating(),
            community: peers.channel("community")?.repeating(),
            notifier: peers.channel("notifier")?.repeating(),
            mails: peers.channel("notifier")?,
        })
    }

    /// The door for mail that comes in; takes messages larger than other calls do.
    pub fn inbound(&self) -> notifier::inbound_service_client::InboundServiceClient<PeerChannel> {
        notifier::inbound_service_client::InboundServiceClient::new(self.mails.clone()).max_encoding_message_size(MAIL_BYTES)
    }
}
