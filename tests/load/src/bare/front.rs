//! The first half: HTTP with JSON in front of gRPC.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use serde::Deserialize;
use tonic::transport::{Channel, Endpoint};

use super::proto::limit_client::LimitClient;
use super::proto::{Asked, Entries, NewTicket, Row, Rows};
use super::{BACK, told};
use crate::terminal;

/// What a browser would send.
#[derive(Debug, Deserialize)]
struct Ticket {
    person: String,
    subject: String,
    description: String,
}

/// What is asked for.
#[derive(Debug, Deserialize)]
struct Question {
    person: String,
    #[serde(default)]
    number: String,
}

impl From<Question> for Asked {
    fn from(question: Question) -> Self {
        Self { person: question.person, number: question.number }
    }
}

type Limit = LimitClient<Channel>;

/// Serves until the process is ended.
///
/// # Errors
/// When the other half is not there.
pub async fn serve() -> anyhow::Result<()> {
    let channel = Endpoint::from_shared(told(BACK)?)?.tcp_nodelay(true).connect().await?;
    let routes = Router::new().route("/tickets", post(create).get(list)).route("/ticket", get(view)).with_state(LimitClient::new(channel));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    terminal::say(format!("http://{}", listener.local_addr()?));
    let listener = listener.tap_io(|stream| {
        // Latency is measured here; a socket that cannot do it works all the same.
        let _ = stream.set_nodelay(true);
    });
    Ok(axum::serve(listener, routes).await?)
}

async fn create(State(mut limit): State<Limit>, Json(ticket): Json<Ticket>) -> Result<(StatusCode, Json<Row>), StatusCode> {
    let message = NewTicket { person: ticket.person, subject: ticket.subject, description: ticket.description };
    let row = limit.create(message).await.map_err(refused)?.into_inner();
    Ok((StatusCode::CREATED, Json(row)))
}

async fn list(State(mut limit): State<Limit>, Query(question): Query<Question>) -> Result<Json<Rows>, StatusCode> {
    Ok(Json(limit.list(Asked::from(question)).await.map_err(refused)?.into_inner()))
}

async fn view(State(mut limit): State<Limit>, Query(question): Query<Question>) -> Result<Json<Entries>, StatusCode> {
    Ok(Json(limit.view(Asked::from(question)).await.map_err(refused)?.into_inner()))
}

fn refused(status: tonic::Status) -> StatusCode {
    terminal::note(format!("bare limit: {status}"));
    StatusCode::INTERNAL_SERVER_ERROR
}
