//! A running identity service with portal `demo` and the demo's people.

use portico_chassis::auth::{Caller, Keys, Revocations, Tokens};
use portico_chassis::clock::Clock;
use portico_chassis::error::Error;
use portico_chassis::events;
use portico_chassis::run::Running;
use portico_chassis::testing::{Stage, eventually};
use portico_identity::config::Config;
use portico_proto::common::v1::render_service_client::RenderServiceClient;
use portico_proto::common::v1::{RenderForRequest, RenderForResponse, Role, Visibility};
use portico_proto::events::v1::event_body::Body;
use portico_proto::events::v1::events_service_client::EventsServiceClient;
use portico_proto::events::v1::identity_event::Event;
use portico_proto::events::v1::{Envelope, IdentityEvent, PullRequest};
use portico_proto::identity::v1::accounts_service_client::AccountsServiceClient;
use portico_proto::identity::v1::captcha_service_client::CaptchaServiceClient;
use portico_proto::identity::v1::invitations_service_client::InvitationsServiceClient;
use portico_proto::identity::v1::organizations_service_client::OrganizationsServiceClient;
use portico_proto::identity::v1::people_service_client::PeopleServiceClient;
use portico_proto::identity::v1::portals_service_client::PortalsServiceClient;
use portico_proto::identity::v1::revocation_service_client::RevocationServiceClient;
use portico_proto::identity::v1::sessions_service_client::SessionsServiceClient;
use portico_proto::identity::v1::*;
use sha2::{Digest, Sha256};
use tonic::transport::Channel;
use tonic::{Request, Response, Status};
use uuid::Uuid;

/// A password that the rules allow.
pub const PASSWORD: &str = "quietly seven geese cross";
/// Another.
pub const OTHER_PASSWORD: &str = "nobody paints wet bridges";

/// One test's service.
pub struct Place {
    pub stage: Stage,
    pub clock: Clock,
    pub channel: Channel,
    running: Running,
}

/// Somebody signed in, as a program holds it.
#[derive(Clone, Debug)]
pub struct Who {
    pub sign_in: SignIn,
}

impl Who {
    pub fn id(&self) -> String {
        self.user().id.clone()
    }

    pub fn user(&self) -> &User {
        self.sign_in.user.as_ref().unwrap()
    }
}

/// A new idempotency key.
pub fn key() -> String {
    Uuid::new_v4().to_string()
}

/// The refusal as the gateway reads it.
pub fn refusal<T: std::fmt::Debug>(result: Result<Response<T>, Status>) -> Error {
    Error::from_status(&result.unwrap_err())
}

/// HTTP status and code of a refusal.
pub fn code<T: std::fmt::Debug>(result: Result<Response<T>, Status>) -> (u16, String) {
    let error = refusal(result);
    (error.http_status(), error.code().to_owned())
}

/// The wrong fields of a refusal.
pub fn wrong_fields<T: std::fmt::Debug>(result: Result<Response<T>, Status>) -> Vec<(String, String)> {
    match refusal(result) {
        Error::Invalid(fields) => fields.into_iter().map(|field| (field.field, field.code.into_owned())).collect(),
        other => panic!("no field was named: {other}"),
    }
}

impl Place {
    /// A service without portals.
    pub async fn bare() -> Self {
        Self::start(crate::readers::agreeing().await).await
    }

    /// On a stage where other services stand already.
    pub async fn start(mut stage: Stage) -> Self {
        // It stands, so that a test can move it over days, and ticks with each request.
        let clock = Clock::standing(Clock::start().now());
        let boot = stage.boot_with("identity", Config::default(), clock.clone()).await;
        let running = portico_identity::start(boot).await.unwrap();
        let address = running.grpc.unwrap();
        let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
        Self { stage, clock, channel, running }
    }

    /// With portal `demo` of profile helpdesk and an administrator.
    pub async fn demo() -> Self {
        let place = Self::bare().await;
        place.create_portal("demo", "helpdesk").await;
        place.import("admin@demo.test", Role::Admin, "", Visibility::Unspecified).await;
        place
    }

    /// Makes a portal; answers what the operator is told.
    pub async fn create_portal(&self, slug: &str, profile: &str) -> CreatePortalResponse {
        let message = CreatePortalRequest {
            portal: slug.into(),
            request_id: key(),
            title: format!("{slug} support desk"),
            profile: profile.into(),
            admin_email: format!("first@{slug}.test"),
            locale: String::new(),
        };
        self.portals().create_portal(self.stage.as_operator(message)).await.unwrap().into_inner()
    }

    /// Brings somebody in with [`PASSWORD`].
    pub async fn import(&self, email: &str, role: Role, organization: &str, visibility: Visibility) -> User {
        let person = ImportedPerson {
            email: email.into(),
            role: role.into(),
            organization: organization.into(),
            visibility: visibility.into(),
            password: PASSWORD.into(),
            ..ImportedPerson::default()
        };
        let message = ImportPeopleRequest { portal: "demo".into(), request_id: key(), people: vec![person] };
        self.people().import_people(self.stage.as_operator(message)).await.unwrap().into_inner().people.remove(0)
    }

    pub async fn try_login(&self, email: &str, password: &str, client: Client) -> Result<Response<SignIn>, Status> {
        let message =
            LoginRequest { portal: "demo".into(), request_id: key(), email: email.into(), password: password.into(), client: Some(client) };
        self.sessions().login(self.guest(message)).await
    }

    /// Signs in as a program.
    pub async fn login(&self, email: &str) -> Who {
        Who { sign_in: self.try_login(email, PASSWORD, Client::default()).await.unwrap().into_inner() }
    }

    /// Signs the administrator in.
    pub async fn admin(&self) -> Who {
        self.login("admin@demo.test").await
    }

    /// Brings a customer in and signs them in.
    pub async fn customer(&self, email: &str) -> Who {
        self.import(email, Role::Customer, "", Visibility::Unspecified).await;
        self.login(email).await
    }

    /// A request of a service in its own name, at the service's time, which a test may have moved.
    pub fn service<T>(&self, name: &str, message: T) -> Request<T> {
        self.clock.advance(time::Duration::milliseconds(1));
        let keys = Keys::read(&self.stage.path("keys"), name).unwrap();
        let token = Tokens::new(keys, self.clock.clone(), Revocations::default()).service_token("identity").unwrap();
        let mut request = Request::new(message);
        request.set_timeout(std::time::Duration::from_secs(10));
        request.metadata_mut().insert("x-portico-service", token.parse().unwrap());
        request
    }

    /// A request of a guest.
    pub fn guest<T>(&self, message: T) -> Request<T> {
        let mut request = self.service("gateway", message);
        request.metadata_mut().insert("x-portico-source", "source-1".parse().unwrap());
        request
    }

    /// A request with somebody's access token.
    pub fn by<T>(&self, who: &Who, message: T) -> Request<T> {
        self.with_token(&who.sign_in.access_token, message)
    }

    pub fn with_token<T>(&self, token: &str, message: T) -> Request<T> {
        let mut request = self.service("gateway", message);
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        request
    }

    /// What an access token says, as another service reads it.
    pub fn read_token(&self, token: &str) -> Caller {
        Caller::Person(Box::new(self.stage.tokens.person(token).unwrap()))
    }

    /// A solved challenge.
    pub async fn captcha(&self, purpose: CaptchaPurpose) -> CaptchaAnswer {
        let message = IssueCaptchaRequest { portal: "demo".into(), purpose: purpose.into() };
        let challenge = self.captchas().issue_captcha(self.guest(message)).await.unwrap().into_inner();
        CaptchaAnswer { number: solve(&challenge).to_string(), token: challenge.token, code: String::new() }
    }

    /// Asks for an account.
    pub async fn sign_up(&self, email: &str) {
        let captcha = Some(self.captcha(CaptchaPurpose::Signup).await);
        let message = SignUpRequest { portal: "demo".into(), request_id: key(), name: "Ada".into(), email: email.into(), captcha };
        self.accounts().sign_up(self.guest(message)).await.unwrap();
    }

    /// Asks for a password reset.
    pub async fn ask_for_reset(&self, email: &str) {
        let captcha = Some(self.captcha(CaptchaPurpose::PasswordReset).await);
        let message = RequestPasswordResetRequest { portal: "demo".into(), request_id: key(), email: email.into(), captcha };
        self.accounts().request_password_reset(self.guest(message)).await.unwrap();
    }

    pub async fn try_register(&self, token: &str, password: &str) -> Result<Response<SignIn>, Status> {
        let message = RegisterRequest {
            portal: "demo".into(),
            request_id: key(),
            token: token.into(),
            password: password.into(),
            name: String::new(),
            client: Some(Client::default()),
        };
        self.accounts().register(self.guest(message)).await
    }

    pub async fn try_reset(&self, token: &str, password: &str) -> Result<Response<ConfirmPasswordResetResponse>, Status> {
        let message =
            ConfirmPasswordResetRequest { portal: "demo".into(), request_id: key(), token: token.into(), password: password.into() };
        self.accounts().confirm_password_reset(self.guest(message)).await
    }

    /// Everything that happened, oldest first.
    pub async fn journal(&self) -> Vec<Envelope> {
        let mut client = EventsServiceClient::new(self.channel.clone());
        let (mut all, mut after) = (Vec::new(), 0);
        loop {
            let page = client.pull(self.service("notifier", PullRequest { after_position: after })).await.unwrap().into_inner();
            let Some(last) = page.events.last() else { return all };
            after = last.position;
            all.extend(page.events);
        }
    }

    /// What happened, oldest first.
    pub async fn happened(&self) -> Vec<Event> {
        let body = |envelope: Envelope| match events::body(&envelope)? {
            Body::Identity(event) => event.event,
            _ => None,
        };
        self.journal().await.into_iter().filter_map(body).collect()
    }

    /// Ids of the links that were issued to an address, of a kind, oldest first.
    pub async fn links_of(&self, email: &str, kind: &str) -> Vec<String> {
        let Some(person) = self.find(email).await else { return Vec::new() };
        let wanted = |event: Event| match event {
            Event::LinkIssued(link) if link.kind == kind && link.person_id == person.id => Some(link.link_id),
            _ => None,
        };
        self.happened().await.into_iter().filter_map(wanted).collect()
    }

    /// The person of an address, as services see them.
    pub async fn find(&self, email: &str) -> Option<PersonFacts> {
        let message = FindPeopleByEmailRequest { portal: "demo".into(), emails: vec![email.into()] };
        let found = self.people().find_people_by_email(self.service("community", message)).await.unwrap();
        found.into_inner().people.pop()
    }

    /// What the mail of a link says, as the notifier asks for it: by the event of its latest sending.
    pub async fn try_render(&self, link_id: &str) -> Result<Response<RenderForResponse>, Status> {
        let issued = |envelope: &Envelope| match events::body(envelope) {
            Some(Body::Identity(IdentityEvent { event: Some(Event::LinkIssued(link)), .. })) if link.link_id == link_id => Some(link.kind),
            _ => None,
        };
        let events = self.journal().await;
        let (event, kind) = events.iter().rev().find_map(|envelope| Some((envelope, issued(envelope)?))).unwrap();
        let message = RenderForRequest { portal: "demo".into(), event_id: event.event_id.clone(), recipient: link_id.into(), kind };
        RenderServiceClient::new(self.channel.clone()).render_for(self.service("notifier", message)).await
    }

    /// The path in the latest mail of a kind to an address; waits for it.
    pub async fn mailed_path(&self, email: &str, kind: &str) -> String {
        let link = eventually("a link to be mailed", || async { self.links_of(email, kind).await.pop() }).await;
        self.try_render(&link).await.unwrap().into_inner().action_path
    }

    /// The token in the latest mail of a kind to an address; waits for it.
    pub async fn mailed_token(&self, email: &str, kind: &str) -> String {
        let path = self.mailed_path(email, kind).await;
        path.rsplit('/').next().unwrap().to_owned()
    }

    /// Changes the settings of `demo`.
    pub async fn patch(&self, patch: serde_json::Value) {
        let admin = self.admin().await;
        let message = PatchSettingsRequest { portal: "demo".into(), request_id: key(), etag: String::new(), patch_json: patch.to_string() };
        self.portals().patch_settings(self.by(&admin, message)).await.unwrap();
    }

    /// Suspends somebody.
    pub async fn suspend(&self, id: &str) {
        let admin = self.admin().await;
        let message = UpdatePersonRequest {
            portal: "demo".into(),
            request_id: key(),
            person_id: id.into(),
            status: Some(PersonStatus::Suspended.into()),
            ..Default::default()
        };
        self.people().update_person(self.by(&admin, message)).await.unwrap();
    }

    pub async fn try_refresh(&self, token: &str) -> Result<Response<SignIn>, Status> {
        let message = RefreshRequest { portal: "demo".into(), request_id: key(), refresh_token: token.into(), client: None };
        self.sessions().refresh(self.guest(message)).await
    }

    pub async fn me(&self, who: &Who) -> Result<Response<User>, Status> {
        self.people().get_me(self.by(who, GetMeRequest { portal: "demo".into() })).await
    }

    /// Tables of the database in which a text stands as it is.
    pub async fn tables_with(&self, text: &str) -> Vec<String> {
        let mut conn = self.stage.inspect("identity").await;
        let tables: Vec<String> =
            sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'").fetch_all(&mut conn).await.unwrap();
        assert!(tables.len() > 15);
        let (mut found, hex) = (Vec::new(), hex::encode(text));
        for table in tables {
            let sql = format!("SELECT EXISTS (SELECT FROM \"{table}\" t WHERE strpos(t::text, $1) > 0 OR strpos(t::text, $2) > 0)");
            let here: bool = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).bind(text).bind(&hex).fetch_one(&mut conn).await.unwrap();
            if here {
                found.push(table);
            }
        }
        found
    }

    /// Waits until every wish for a mail was looked at.
    pub async fn settled(&self) {
        let mut conn = self.stage.inspect("identity").await;
        for _ in 0..500 {
            let waiting: i64 = sqlx::query_scalar("SELECT count(*) FROM timer").fetch_one(&mut conn).await.unwrap();
            if waiting == 0 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("wishes were not looked at");
    }

    pub fn portals(&self) -> PortalsServiceClient<Channel> {
        PortalsServiceClient::new(self.channel.clone())
    }

    pub fn captchas(&self) -> CaptchaServiceClient<Channel> {
        CaptchaServiceClient::new(self.channel.clone())
    }

    pub fn accounts(&self) -> AccountsServiceClient<Channel> {
        AccountsServiceClient::new(self.channel.clone())
    }

    pub fn sessions(&self) -> SessionsServiceClient<Channel> {
        SessionsServiceClient::new(self.channel.clone())
    }

    pub fn people(&self) -> PeopleServiceClient<Channel> {
        PeopleServiceClient::new(self.channel.clone())
    }

    pub fn invitations(&self) -> InvitationsServiceClient<Channel> {
        InvitationsServiceClient::new(self.channel.clone())
    }

    pub fn organizations(&self) -> OrganizationsServiceClient<Channel> {
        OrganizationsServiceClient::new(self.channel.clone())
    }

    pub fn revocations(&self) -> RevocationServiceClient<Channel> {
        RevocationServiceClient::new(self.channel.clone())
    }

    /// Ends the service and drops its database.
    pub async fn end(self) {
        self.running.stop(std::time::Duration::ZERO).await;
        self.stage.clear().await;
    }
}

/// Works for a challenge, as a browser does.
pub fn solve(challenge: &Challenge) -> u64 {
    (0u64..)
        .find(|number| {
            let digest = Sha256::digest(format!("{}{number}", challenge.salt));
            let head = u32::from_be_bytes(digest[..4].try_into().unwrap());
            head.leading_zeros() >= challenge.difficulty.try_into().unwrap()
        })
        .unwrap()
}
