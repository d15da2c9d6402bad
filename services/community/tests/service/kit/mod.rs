//! What the community's black-box tests take place in: the real service with real PostgreSQL and NATS, and a small peer for identity.

pub mod identity;

use std::sync::atomic::{AtomicU64, Ordering};

use portico_chassis::auth::{Person, Role};
use portico_chassis::db::Db;
use portico_chassis::error::Error;
use portico_chassis::run::Running;
use portico_chassis::sqlx;
use portico_chassis::testing::{Stage, person};
use portico_community::config::Config;
use portico_proto::community::v1 as wire;
use portico_proto::community::v1::forums_service_client::ForumsServiceClient;
use portico_proto::community::v1::posts_service_client::PostsServiceClient;
use portico_proto::community::v1::topics_service_client::TopicsServiceClient;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use identity::Identity;

/// The portal of all tests.
pub const PORTAL: &str = "demo";
/// A portal that has switched its community off.
pub const CLOSED: &str = "closed";

/// One test's world.
pub struct World {
    pub stage: Stage,
    pub identity: Identity,
    pub channel: Channel,
    /// A pool that sees everything, for white-box looks.
    pub db: Db,
    running: Running,
    others: Vec<Running>,
}

static REQUEST: AtomicU64 = AtomicU64::new(1);

/// A request id that was not used before.
pub fn fresh() -> String {
    format!("r-{}", REQUEST.fetch_add(1, Ordering::Relaxed))
}

/// What went wrong, as the chassis' error.
pub fn refusal<T>(result: Result<Response<T>, Status>) -> Error {
    match result {
        Ok(_) => panic!("this should have been refused"),
        Err(status) => Error::from_status(&status),
    }
}

/// The code of a refusal.
pub fn code<T>(result: Result<Response<T>, Status>) -> String {
    refusal(result).code().to_owned()
}

/// The fields that were wrong, with their codes.
pub fn wrong_fields<T>(result: Result<Response<T>, Status>) -> Vec<(String, String)> {
    match refusal(result) {
        Error::Invalid(fields) => fields.into_iter().map(|field| (field.field, field.code.into_owned())).collect(),
        other => panic!("{other:?}"),
    }
}

pub fn alice() -> Person {
    Person { name: "Alice".into(), email: "alice@acme.test".into(), ..person(1, Role::Customer) }
}

pub fn bob() -> Person {
    Person { name: "Bob".into(), email: "bob@acme.test".into(), ..person(2, Role::Customer) }
}

pub fn agent() -> Person {
    Person { name: "Grace".into(), email: "grace@vendor.test".into(), ..person(3, Role::Agent) }
}

impl World {
    /// A running service with two portals.
    pub async fn new() -> Self {
        let identity = Identity::new();
        [alice(), bob(), agent()].iter().for_each(|person| identity.knows(person));
        let mut stage = Stage::new().await;
        stage.peer("identity", identity.clone().start().await);
        let mut boot = stage.boot("community", Config::default()).await;
        boot.common.limit_factor = 1;
        let db = Db::open(boot.common.database_url.as_ref().unwrap(), 4, "community-test").unwrap();
        db.migrate(&portico_community::store::MIGRATIONS).await.unwrap();
        for (portal, version, document) in [
            (
                PORTAL,
                1,
                r#"{"features": {"community": true}, "limits": {"topics_per_hour_per_person": 12, "comments_per_hour_per_person": 14}}"#,
            ),
            (CLOSED, 2, r#"{"features": {"community": false}}"#),
        ] {
            sqlx::query("INSERT INTO portal_settings (portal, version, title, document) VALUES ($1, $2, $3, $4::jsonb)")
                .bind(portal)
                .bind(i64::from(version))
                .bind("ACME Help")
                .bind(document)
                .execute(db.system())
                .await
                .unwrap();
        }
        let running = portico_community::start(boot).await.unwrap();
        let channel = Channel::from_shared(format!("http://{}", running.grpc.unwrap())).unwrap().connect().await.unwrap();
        Self { stage, identity, channel, db, running, others: Vec::new() }
    }

    /// Starts another replica of the service; gives the ways to the first and to the new one.
    pub async fn second_replica(&mut self) -> (Channel, Channel) {
        let mut boot = self.stage.boot("community", Config::default()).await;
        boot.common.limit_factor = 1;
        let second = portico_community::start(boot).await.unwrap();
        let channel = Channel::from_shared(format!("http://{}", second.grpc.unwrap())).unwrap().connect().await.unwrap();
        self.others.push(second);
        (self.channel.clone(), channel)
    }

    /// Ends everything.
    pub async fn end(self) {
        for other in self.others {
            other.stop(std::time::Duration::ZERO).await;
        }
        self.running.stop(std::time::Duration::ZERO).await;
        self.db.close().await;
        self.stage.clear().await;
    }

    pub fn forums(&self) -> ForumsServiceClient<Channel> {
        ForumsServiceClient::new(self.channel.clone())
    }

    pub fn topics(&self) -> TopicsServiceClient<Channel> {
        TopicsServiceClient::new(self.channel.clone())
    }

    pub fn posts(&self) -> PostsServiceClient<Channel> {
        PostsServiceClient::new(self.channel.clone())
    }

    /// A request of a person, or of a guest.
    pub fn by<T>(&self, who: Option<&Person>, message: T) -> Request<T> {
        match who {
            Some(person) => self.stage.as_person(person, message),
            None => self.stage.as_guest("1.2.3.4", message),
        }
    }

    /// A forum, made by an agent.
    pub async fn forum(&self, name: &str, parent: &str, audience: wire::Audience) -> wire::Forum {
        let message = wire::CreateForumRequest {
            portal: PORTAL.into(),
            request_id: fresh(),
            name: name.into(),
            description: format!("About {name}"),
            parent_id: parent.into(),
            audience: audience.into(),
        };
        self.forums().create_forum(self.by(Some(&agent()), message)).await.unwrap().into_inner()
    }

    pub async fn list_forums(&self, who: Option<&Person>) -> Vec<wire::Forum> {
        let message = wire::ListForumsRequest { portal: PORTAL.into() };
        self.forums().list_forums(self.by(who, message)).await.unwrap().into_inner().forums
    }

    pub async fn create(&self, who: &Person, message: wire::CreateTopicRequest) -> Result<Response<wire::Topic>, Status> {
        self.topics().create_topic(self.by(Some(who), message)).await
    }

    /// A published question.
    pub async fn question(&self, who: &Person, title: &str, forum: &str) -> wire::Topic {
        self.create(who, topic(title, forum)).await.unwrap().into_inner()
    }

    pub async fn get(&self, who: Option<&Person>, id: &str) -> Result<Response<wire::Topic>, Status> {
        let message = wire::GetTopicRequest { portal: PORTAL.into(), id: id.into(), count_view: false };
        self.topics().get_topic(self.by(who, message)).await
    }

    pub async fn update(&self, who: &Person, message: wire::UpdateTopicRequest) -> Result<Response<wire::Topic>, Status> {
        self.topics().update_topic(self.by(Some(who), message)).await
    }

    pub async fn list(&self, who: Option<&Person>, message: wire::ListTopicsRequest) -> Vec<String> {
        let answer = self.topics().list_topics(self.by(who, message)).await.unwrap().into_inner();
        answer.topics.into_iter().map(|topic| topic.title).collect()
    }

    pub async fn post(&self, who: &Person, topic: &str, body: &str) -> Result<Response<wire::Post>, Status> {
        let message = wire::AddPostRequest {
            portal: PORTAL.into(),
            request_id: fresh(),
            topic_id: topic.into(),
            body: body.into(),
            uploads: Vec::new(),
        };
        self.posts().add_post(self.by(Some(who), message)).await
    }

    pub async fn accept(&self, who: &Person, topic: &str, post: &str) -> Result<Response<wire::Topic>, Status> {
        let message = wire::AcceptPostRequest { portal: PORTAL.into(), request_id: fresh(), id: topic.into(), post_id: post.into() };
        self.topics().accept_post(self.by(Some(who), message)).await
    }

    pub async fn vote(&self, who: &Person, topic: &str, value: i32) -> Result<Response<wire::VoteTopicResponse>, Status> {
        let message = wire::VoteTopicRequest { portal: PORTAL.into(), request_id: fresh(), id: topic.into(), value };
        self.topics().vote_topic(self.by(Some(who), message)).await
    }

    pub async fn follow(&self, who: &Person, topic: &str, on: bool) -> Result<Response<wire::FollowTopicResponse>, Status> {
        let message = wire::FollowTopicRequest { portal: PORTAL.into(), request_id: fresh(), id: topic.into(), on };
        self.topics().follow_topic(self.by(Some(who), message)).await
    }

    pub async fn lock(&self, who: &Person, topic: &str, locked: bool) -> Result<Response<wire::Topic>, Status> {
        let message = wire::LockTopicRequest {
            portal: PORTAL.into(),
            request_id: fresh(),
            etag: String::new(),
            id: topic.into(),
            locked,
            reason: if locked { "Off topic".into() } else { String::new() },
        };
        self.topics().lock_topic(self.by(Some(who), message)).await
    }

    pub async fn delete(&self, who: &Person, topic: &str) -> Result<Response<wire::DeleteTopicResponse>, Status> {
        let message = wire::DeleteTopicRequest { portal: PORTAL.into(), request_id: fresh(), etag: String::new(), id: topic.into() };
        self.topics().delete_topic(self.by(Some(who), message)).await
    }

    pub async fn list_posts(&self, who: Option<&Person>, topic: &str) -> Result<Vec<wire::Post>, Status> {
        let message = wire::ListPostsRequest { portal: PORTAL.into(), topic_id: topic.into(), ..Default::default() };
        Ok(self.posts().list_posts(self.by(who, message)).await?.into_inner().posts)
    }

    /// Events of one kind of body, oldest first, with their ids.
    pub async fn events(&self) -> Vec<(String, portico_proto::events::v1::community_event::Event)> {
        use portico_proto::events::v1::{CommunityEvent, EventBody, event_body::Body};
        let rows: Vec<(sqlx::types::Uuid, Vec<u8>)> =
            sqlx::query_as("SELECT event_id, body FROM journal ORDER BY position").fetch_all(self.db.system()).await.unwrap();
        rows.into_iter()
            .map(|(id, body)| match <EventBody as prost::Message>::decode(body.as_slice()).unwrap().body {
                Some(Body::Community(CommunityEvent { event: Some(event) })) => (id.to_string(), event),
                other => panic!("{other:?}"),
            })
            .collect()
    }
}

/// A question with a body.
pub fn topic(title: &str, forum: &str) -> wire::CreateTopicRequest {
    wire::CreateTopicRequest {
        portal: PORTAL.into(),
        request_id: fresh(),
        r#type: wire::TopicType::Question.into(),
        title: title.into(),
        body: format!("**{title}** in full."),
        forum: forum.into(),
        ..wire::CreateTopicRequest::default()
    }
}

/// An empty change of a topic.
pub fn change(id: &str) -> wire::UpdateTopicRequest {
    wire::UpdateTopicRequest { portal: PORTAL.into(), request_id: fresh(), id: id.into(), ..wire::UpdateTopicRequest::default() }
}

/// All topics, in the default order.
pub fn everything() -> wire::ListTopicsRequest {
    wire::ListTopicsRequest { portal: PORTAL.into(), ..wire::ListTopicsRequest::default() }
}
