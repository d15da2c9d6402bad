//! A neighbour that tells events: a journal in memory behind the contract that every service pulls from.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use portico_proto::events::v1::events_service_server::{EventsService, EventsServiceServer};
use portico_proto::events::v1::{
    BeginEpochRequest, BeginEpochResponse, Envelope, EventBody, GetHeadRequest, GetHeadResponse, PullRequest, PullResponse,
    SnapshotRequest, SnapshotResponse, event_body,
};
use prost::Message;
use tokio::sync::watch;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status};
use uuid::Uuid;

use crate::error::Error;

const EPOCH: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

/// Serves a neighbour of the service under test at a free port, for as long as the test runs.
pub async fn serve(neighbour: Routes) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::builder().add_routes(neighbour).serve_with_incoming(TcpIncoming::from(listener));
    #[allow(clippy::disallowed_methods, reason = "it ends with the test")]
    tokio::spawn(server);
    address
}

/// What a producer does with a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Answers it.
    Willing,
    /// Keeps it until the mood changes.
    Silent,
    /// Refuses it.
    Refusing(Code),
    /// Refuses every second one: no process of the service is there.
    Shaky,
    /// Refuses it: its database is away.
    WithoutDatabase,
}

/// The neighbour. Clones share its journal.
#[derive(Clone, Debug)]
pub struct Producer {
    name: &'static str,
    events: Arc<Mutex<Vec<Envelope>>>,
    mood: watch::Sender<Mood>,
    asked: watch::Sender<usize>,
}

impl Producer {
    /// A service with an empty journal.
    pub fn new(name: &'static str) -> Self {
        Self { name, events: Arc::default(), mood: watch::Sender::new(Mood::Willing), asked: watch::Sender::new(0) }
    }

    /// To be added to the neighbour's server.
    pub fn service(&self) -> EventsServiceServer<Self> {
        EventsServiceServer::new(self.clone())
    }

    /// Writes an event down: what a journal gives, and a version when there is none, is filled in.
    pub fn tell(&self, body: event_body::Body, event: Envelope) -> Uuid {
        let mut events = self.events.lock().unwrap();
        let (id, position) = (Uuid::now_v7(), events.len() as i64 + 1);
        let previous_event_id = events.last().map(|last| last.event_id.clone()).unwrap_or_default();
        events.push(Envelope {
            event_id: id.to_string(),
            producer: self.name.to_owned(),
            epoch: EPOCH.to_owned(),
            position,
            previous_event_id,
            version: if event.version == 0 { position } else { event.version },
            body: EventBody { body: Some(body) }.encode_to_vec(),
            ..event
        });
        id
    }

    /// From now on every question is met in this mood, also those that wait.
    pub fn turn(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    /// Waits until it was asked so often.
    pub async fn asked(&self, times: usize) {
        self.asked.subscribe().wait_for(|asked| *asked >= times).await.unwrap();
    }

    /// How often it was asked.
    pub fn questions(&self) -> usize {
        *self.asked.borrow()
    }

    /// The journal, once it is willing to tell.
    async fn opened(&self) -> Result<Vec<Envelope>, Status> {
        self.asked.send_modify(|asked| *asked += 1);
        let turn = self.questions();
        let mood = *self.mood.subscribe().wait_for(|mood| *mood != Mood::Silent).await.unwrap();
        match mood {
            Mood::Shaky if turn.is_multiple_of(2) => Err(Status::unavailable("as the test wants it")),
            Mood::WithoutDatabase => Err(Error::Unavailable("the database").into()),
            Mood::Refusing(code) => Err(Status::new(code, "as the test wants it")),
            _ => Ok(self.events.lock().unwrap().clone()),
        }
    }
}

#[tonic::async_trait]
impl EventsService for Producer {
    async fn get_head(&self, request: Request<GetHeadRequest>) -> Result<Response<GetHeadResponse>, Status> {
        let (events, cursor) = (self.opened().await?, request.into_inner());
        let matches =
            cursor.position == 0 || events.iter().any(|event| event.position == cursor.position && event.event_id == cursor.event_id);
        Ok(Response::new(GetHeadResponse { epoch: EPOCH.to_owned(), position: events.len() as i64, matches }))
    }

    async fn pull(&self, request: Request<PullRequest>) -> Result<Response<PullResponse>, Status> {
        let (mut events, after) = (self.opened().await?, request.into_inner().after_position);
        let head_position = events.len() as i64;
        events.retain(|event| event.position > after);
        Ok(Response::new(PullResponse { epoch: EPOCH.to_owned(), events, head_position }))
    }

    async fn snapshot(&self, _: Request<SnapshotRequest>) -> Result<Response<SnapshotResponse>, Status> {
        Err(Status::unimplemented("its journal begins at the first event"))
    }

    async fn begin_epoch(&self, _: Request<BeginEpochRequest>) -> Result<Response<BeginEpochResponse>, Status> {
        Err(Status::unimplemented("nothing is restored"))
    }
}
