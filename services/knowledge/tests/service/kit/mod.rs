//! A started knowledge service and its clients.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    dead_code,
    reason = "tests end at the first surprise; each file uses a part of the kit"
)]

use std::net::SocketAddr;
use std::time::Duration;

use portico_chassis::auth::{Person, Role};
use portico_chassis::run::Running;
use portico_chassis::testing::{Stage, organization, person};
use portico_knowledge::Config;
use portico_proto::knowledge::v1 as wire;
use portico_proto::knowledge::v1::announcements_service_client::AnnouncementsServiceClient;
use portico_proto::knowledge::v1::article_comments_service_client::ArticleCommentsServiceClient;
use portico_proto::knowledge::v1::articles_service_client::ArticlesServiceClient;
use portico_proto::knowledge::v1::search_service_client::SearchServiceClient;
use tonic::transport::Channel;
use tonic::{Code, Status};
use uuid::Uuid;

pub const PORTAL: &str = "demo";

/// The service under test.
pub struct Kit {
    pub stage: Stage,
    pub running: Option<Running>,
    channel: Channel,
}

impl Kit {
    pub async fn start() -> Self {
        Self::on(Stage::new().await).await
    }

    /// On a stage that has peers already.
    pub async fn on(mut stage: Stage) -> Self {
        let (running, channel) = launch(&mut stage).await;
        Self { stage, running: Some(running), channel }
    }

    /// Ends the service and starts it again on the same database and folder.
    pub async fn restart(&mut self, between: impl FnOnce(&Stage)) {
        self.stop().await;
        between(&self.stage);
        let (running, channel) = launch(&mut self.stage).await;
        self.running = Some(running);
        self.channel = channel;
    }

    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop(Duration::ZERO).await;
        }
    }

    pub async fn end(mut self) {
        self.stop().await;
        self.stage.clear().await;
    }

    pub fn articles(&self) -> ArticlesServiceClient<Channel> {
        ArticlesServiceClient::new(self.channel.clone())
    }

    pub fn comments(&self) -> ArticleCommentsServiceClient<Channel> {
        ArticleCommentsServiceClient::new(self.channel.clone())
    }

    pub fn announcements(&self) -> AnnouncementsServiceClient<Channel> {
        AnnouncementsServiceClient::new(self.channel.clone())
    }

    pub fn search_client(&self) -> SearchServiceClient<Channel> {
        SearchServiceClient::new(self.channel.clone())
    }

    /// An agent writes an article.
    pub async fn write(&self, request: wire::CreateArticleRequest) -> wire::Article {
        self.articles().create_article(self.stage.as_person(&agent(), request)).await.unwrap().into_inner()
    }

    /// An agent changes an article.
    pub async fn change(&self, request: wire::UpdateArticleRequest) -> Result<wire::Article, Status> {
        self.articles().update_article(self.stage.as_person(&agent(), request)).await.map(tonic::Response::into_inner)
    }

    /// Searches as somebody; `None` is a guest.
    pub async fn search(&self, who: Option<&Person>, query: &str) -> wire::SearchResponse {
        let message = wire::SearchRequest { portal: PORTAL.into(), query: query.into(), ..Default::default() };
        self.search_with(who, message).await.unwrap()
    }

    pub async fn search_with(&self, who: Option<&Person>, message: wire::SearchRequest) -> Result<wire::SearchResponse, Status> {
        let request = match who {
            Some(person) => self.stage.as_person(person, message),
            None => self.stage.as_guest("somewhere", message),
        };
        self.search_client().search(request).await.map(tonic::Response::into_inner)
    }

    /// How far the indexes are.
    pub async fn index_status(&self) -> wire::GetIndexStatusResponse {
        self.search_client().get_index_status(self.stage.as_operator(wire::GetIndexStatusRequest {})).await.unwrap().into_inner()
    }

    /// Waits until the index holds all that was written so far.
    pub async fn settle(&self) {
        let status = self.index_status().await;
        let wait = wire::AwaitIndexedRequest { portal: PORTAL.into(), position: status.head_position, timeout_millis: 9_000 };
        assert!(self.search_client().await_indexed(self.stage.as_operator(wait)).await.unwrap().into_inner().reached);
    }
}

async fn launch(stage: &mut Stage) -> (Running, Channel) {
    let config = Config { index_dir: stage.path("index"), scanner: None };
    let boot = stage.boot("knowledge", config).await;
    let running = portico_knowledge::start(boot).await.unwrap();
    let channel = channel(running.grpc.unwrap());
    // Most tests have no identity beside it: a portal without settings has the product's defaults.
    portico_chassis::testing::eventually("the service to be ready", || async {
        running.readiness.failing().iter().all(|(check, _)| check == "settings").then_some(())
    })
    .await;
    (running, channel)
}

pub fn channel(address: SocketAddr) -> Channel {
    Channel::from_shared(format!("http://{address}")).unwrap().connect_lazy()
}

pub fn agent() -> Person {
    person(1, Role::Agent)
}

pub fn admin() -> Person {
    person(2, Role::Admin)
}

pub fn alice() -> Person {
    Person { organization: Some(organization(1, "ACME")), ..person(11, Role::Customer) }
}

pub fn carol() -> Person {
    Person { organization: Some(organization(2, "Globex")), ..person(12, Role::Customer) }
}

pub fn acme() -> String {
    organization(1, "ACME").id.to_string()
}

pub fn request_id() -> String {
    Uuid::now_v7().to_string()
}

/// A published public article.
pub fn published(title: &str, body: &str) -> wire::CreateArticleRequest {
    wire::CreateArticleRequest {
        portal: PORTAL.into(),
        request_id: request_id(),
        title: title.into(),
        body: body.into(),
        state: wire::ArticleState::Published.into(),
        ..Default::default()
    }
}

pub fn update(slug: &str) -> wire::UpdateArticleRequest {
    wire::UpdateArticleRequest { portal: PORTAL.into(), request_id: request_id(), slug: slug.into(), ..Default::default() }
}

/// The titles of a kind's hits, best first.
pub fn titles(answer: &wire::SearchResponse, kind: wire::SearchKind) -> Vec<String> {
    group(answer, kind).items.iter().map(|item| item.title.clone()).collect()
}

pub fn group(answer: &wire::SearchResponse, kind: wire::SearchKind) -> wire::SearchGroup {
    answer.groups.iter().find(|group| group.kind() == kind).cloned().unwrap_or_default()
}

pub fn code<T: std::fmt::Debug>(result: Result<T, Status>) -> Code {
    result.unwrap_err().code()
}
