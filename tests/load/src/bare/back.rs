//! The second half: gRPC in front of PostgreSQL, with the product's own statements.

use portico_chassis::page::First;
use portico_tickets::domain::filter::{Filter, Scope, Sort};
use portico_tickets::domain::ids::{PersonId, PortalId};
use portico_tickets::store::filter::Sight;
use portico_tickets::store::ticket::{Found, Handle};
use portico_tickets::store::{item, list, ticket};
use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgPool, PgPoolOptions};
use time::OffsetDateTime;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::commit::Commits;
use super::proto::limit_server::{Limit, LimitServer};
use super::proto::{Asked, Entries, Entry, NewTicket, Row, Rows};
use super::{DATABASE, PORTAL, told};
use crate::terminal;

/// As many connections as a replica of tickets has for requests.
const CONNECTIONS: u32 = 8;
/// Rows of a page, and the one more that tells whether there is a next.
const ROWS: i64 = 26;
/// Items of a page.
const ITEMS: i64 = 26;

struct Back {
    pool: PgPool,
    portal: PortalId,
    commits: Commits,
}

/// Serves until the process is ended.
///
/// # Errors
/// When the database is not there.
pub async fn serve() -> anyhow::Result<()> {
    let (dsn, portal) = (told(DATABASE)?, told(PORTAL)?);
    let parsed: PortalId = portal.parse().map_err(|_| anyhow::anyhow!("{portal} is no portal"))?;
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .after_connect(move |connection, _| {
            // A slug has only letters, digits and hyphens.
            let fence = format!("SET ROLE tickets_app; SET portico.portals = '{portal}'");
            Box::pin(async move {
                sqlx::raw_sql(AssertSqlSafe(fence)).execute(connection).await?;
                Ok(())
            })
        })
        .connect(&dsn)
        .await?;
    let back = Back { pool, portal: parsed, commits: Commits::start(&dsn).await? };
    let incoming = TcpIncoming::bind(([127, 0, 0, 1], 0).into())?.with_nodelay(Some(true));
    terminal::say(format!("http://{}", incoming.local_addr()?));
    Ok(Server::builder().add_service(LimitServer::new(back)).serve_with_incoming(incoming).await?)
}

#[tonic::async_trait]
impl Limit for Back {
    async fn create(&self, request: Request<NewTicket>) -> Result<Response<Row>, Status> {
        let new = request.into_inner();
        let person = person(&new.person)?;
        Ok(Response::new(self.commits.create(&self.portal, person, new.subject, new.description).await?))
    }

    async fn list(&self, request: Request<Asked>) -> Result<Response<Rows>, Status> {
        let sight = Sight::Customer { person: person(&request.get_ref().person)?, email: String::new(), organization: None };
        let filter = Filter { scope: Some(Scope::Mine), ..Filter::default() };
        let page = list::Page { sort: Sort::Created, ascending: false, after: None, limit: ROWS };
        let mut connection = self.pool.acquire().await.map_err(internal)?;
        let found = list::page(&mut connection, &self.portal, &sight, &filter, &page, OffsetDateTime::now_utc()).await.map_err(internal)?;
        Ok(Response::new(Rows { rows: found.iter().take(25).map(row).collect() }))
    }

    async fn view(&self, request: Request<Asked>) -> Result<Response<Entries>, Status> {
        let asked = request.into_inner();
        let viewer = person(&asked.person)?;
        let mut connection = self.pool.acquire().await.map_err(internal)?;
        let found = ticket::find(&mut connection, &self.portal, Handle::Number(&asked.number), Some(viewer)).await.map_err(internal)?;
        let found = found.ok_or_else(|| Status::not_found(asked.number))?;
        let from = item::From { first: First::Oldest, after: None };
        let items = item::page(&mut connection, &self.portal, found.case.ticket.id, false, from, ITEMS).await.map_err(internal)?;
        let entries = items.into_iter().map(|found| Entry {
            id: found.row.id.to_string(),
            version: found.row.version,
            kind: found.row.kind.into(),
            at: found.row.at.unix_timestamp(),
            author: found.actor_name.unwrap_or_default(),
            author_role: found.row.actor_role.into(),
            body: found.row.body,
        });
        Ok(Response::new(Entries { ticket: Some(row(&found)), entries: entries.collect() }))
    }
}

fn person(text: &str) -> Result<PersonId, Status> {
    text.parse::<Uuid>().map(PersonId::new).map_err(|_| Status::invalid_argument("person"))
}

fn row(found: &Found) -> Row {
    let (ticket, case) = (&found.case.ticket, &found.case);
    Row {
        id: ticket.id.to_string(),
        number: ticket.number.clone(),
        subject: ticket.subject.clone(),
        status: ticket.status.code().into(),
        priority: ticket.priority.code().into(),
        ticket_type: ticket.ticket_type.code().into(),
        requester: ticket.requester.map(|person| case.name(person)).unwrap_or_default(),
        requester_email: case.requester_email.clone(),
        version: ticket.public_version,
        created_at: ticket.created_at.unix_timestamp(),
        updated_at: ticket.public_updated_at.unix_timestamp(),
    }
}

/// What went wrong, for the generator's own terminal.
pub fn internal(error: impl std::fmt::Display) -> Status {
    Status::internal(error.to_string())
}
