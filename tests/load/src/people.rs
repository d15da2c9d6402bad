//! People who use a portal: brought in by the operator, as another system's would be, and signed in for real.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use http::{HeaderValue, Request, header};
use portico_chassis::grpc::OPERATOR_TOKEN;
use portico_integration_tests::World;
use portico_integration_tests::portal::PASSWORD;
use portico_proto::common::v1::Role;
use portico_proto::identity::v1::people_service_client::PeopleServiceClient;
use portico_proto::identity::v1::{ImportPeopleRequest, ImportedPerson};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::http::{self as client, Body, Target};
use crate::measure::{Latencies, Tally};

/// People in one call of the import: each costs a password hash, and the call has ten seconds.
const BATCH: usize = 50;
/// Sign-ins at once: as many hashes wait as identity lets wait.
const AT_ONCE: usize = 16;
/// An access token lives five minutes; one of this age is exchanged before a cell begins.
const STALE: Duration = Duration::from_secs(120);

/// Somebody who is signed in.
#[derive(Debug)]
pub struct Person {
    /// Their id.
    pub id: Uuid,
    /// Their address; the password is the tests'.
    pub email: String,
    session: RwLock<Session>,
}

#[derive(Debug, Clone)]
struct Session {
    bearer: HeaderValue,
    refresh: String,
    since: Instant,
}

impl Session {
    fn read(answer: &Value) -> Result<Self> {
        let text = |name: &str| answer[name].as_str().with_context(|| format!("a sign-in without {name}"));
        let bearer = HeaderValue::from_str(&format!("Bearer {}", text("access_token")?))?;
        Ok(Self { bearer, refresh: text("refresh_token")?.to_owned(), since: Instant::now() })
    }
}

impl Person {
    /// The header that says who asks.
    pub fn bearer(&self) -> HeaderValue {
        self.session.read().unwrap_or_else(PoisonError::into_inner).bearer.clone()
    }

    /// A GET in their name.
    pub fn get(&self, path: &str) -> Request<Body> {
        client::get(path, header::AUTHORIZATION, self.bearer())
    }

    /// A POST in their name, with a key of its own.
    pub fn post(&self, path: &str, body: &Value) -> Request<Body> {
        client::post(path, Some(self.bearer()), body)
    }
}

/// The people of one portal.
#[derive(Debug, Clone)]
pub struct People {
    /// The portal.
    pub slug: String,
    /// Customers.
    pub customers: Vec<Arc<Person>>,
    /// Who answers them.
    pub agent: Arc<Person>,
    target: Arc<Target>,
}

impl People {
    /// Brings so many customers and an agent in and signs all of them in, which is measured.
    ///
    /// # Errors
    /// When the stack refuses somebody.
    pub async fn gather(world: &World, target: &Arc<Target>, slug: &str, customers: usize) -> Result<(Self, Tally)> {
        let mut emails: Vec<String> = (0..customers).map(|number| format!("customer{number}@{slug}.test")).collect();
        emails.push(format!("agent@{slug}.test"));
        import(world, slug, &emails).await?;
        let begun = Instant::now();
        let mut tally = Tally::new(Duration::ZERO);
        let mut people = Vec::with_capacity(emails.len());
        for batch in emails.chunks(AT_ONCE * 4) {
            let (signed_in, latencies) = sign_in(target, slug, batch).await?;
            tally.latencies.add(&latencies);
            people.extend(signed_in);
        }
        tally.time = begun.elapsed();
        let agent = people.pop().context("nobody was signed in")?;
        Ok((Self { slug: slug.to_owned(), customers: people, agent, target: Arc::clone(target) }, tally))
    }

    /// A path of the portal's JSON API.
    pub fn api(&self, path: &str) -> String {
        format!("/api/v1/portals/{}/{path}", self.slug)
    }

    /// A path of the portal's pages.
    pub fn page(&self, path: &str) -> String {
        format!("/portal/{}/{path}", self.slug)
    }

    /// One of the customers, in turn.
    pub fn customer(&self, number: u64) -> &Arc<Person> {
        &self.customers[crate::words::pick(number, self.customers.len())]
    }

    /// Exchanges the tokens that are about to end.
    ///
    /// # Errors
    /// When identity refuses one.
    pub async fn refresh(&self) -> Result<()> {
        let everybody = self.customers.iter().chain([&self.agent]);
        let session = |person: &Person| person.session.read().unwrap_or_else(PoisonError::into_inner).clone();
        let stale: Vec<&Arc<Person>> = everybody.filter(|person| session(person).since.elapsed() > STALE).collect();
        let ask = |person: &&Arc<Person>| {
            let body = json!({"refresh_token": session(person).refresh});
            client::post(&self.api("auth/refresh"), None, &body)
        };
        let replies = client::all(&self.target, AT_ONCE, stale.iter().map(ask).collect()).await?;
        for (person, reply) in stale.into_iter().zip(replies) {
            *person.session.write().unwrap_or_else(PoisonError::into_inner) = Session::read(&reply.json()?)?;
        }
        Ok(())
    }
}

/// A sign-in.
pub fn login(slug: &str, email: &str, password: &str) -> Request<Body> {
    let body = json!({"email": email, "password": password});
    client::post(&format!("/api/v1/portals/{slug}/auth/login"), None, &body)
}

async fn sign_in(target: &Arc<Target>, slug: &str, emails: &[String]) -> Result<(Vec<Arc<Person>>, Latencies)> {
    let mut people = Vec::with_capacity(emails.len());
    let mut latencies = Latencies::new();
    // As many at once as identity lets wait; each answer is timed.
    let mut asked = tokio::task::JoinSet::new();
    for (lane, some) in emails.chunks(emails.len().div_ceil(AT_ONCE).max(1)).enumerate() {
        let (target, slug, some) = (Arc::clone(target), slug.to_owned(), some.to_vec());
        asked.spawn(async move {
            let mut done = Vec::new();
            for email in some {
                let begun = Instant::now();
                let reply = client::all(&target, 1, vec![login(&slug, &email, PASSWORD)]).await?.pop().unwrap_or_default();
                done.push((email, reply, begun.elapsed()));
            }
            Ok::<_, anyhow::Error>((lane, done))
        });
    }
    let mut lanes = std::collections::BTreeMap::new();
    while let Some(done) = asked.join_next().await {
        let (lane, done) = done.context("a sign-in ended")??;
        lanes.insert(lane, done);
    }
    for (email, reply, latency) in lanes.into_values().flatten() {
        latencies.record(latency);
        let answer = reply.json().with_context(|| format!("{email} cannot sign in"))?;
        let id = answer["user"]["id"].as_str().context("a sign-in without the person")?.parse()?;
        people.push(Arc::new(Person { id, email, session: RwLock::new(Session::read(&answer)?) }));
    }
    Ok((people, latencies))
}

/// Makes the accounts as the operator; the last address is an agent's.
async fn import(world: &World, slug: &str, emails: &[String]) -> Result<()> {
    let status = world.status();
    let address = status["grpc"]["identity"].as_str().context("identity has no address")?;
    let token = status["operator_token"].as_str().context("the stack has no operator")?;
    let mut client = PeopleServiceClient::connect(format!("http://{address}")).await.context("identity does not answer")?;
    let agent = emails.last();
    for batch in emails.chunks(BATCH) {
        let people = batch.iter().map(|email| imported(email, if Some(email) == agent { Role::Agent } else { Role::Customer }));
        let message = ImportPeopleRequest { portal: slug.to_owned(), request_id: Uuid::new_v4().to_string(), people: people.collect() };
        let mut request = tonic::Request::new(message);
        request.metadata_mut().insert(OPERATOR_TOKEN, token.parse().context("the operator's token is damaged")?);
        client.import_people(request).await.map_err(|status| anyhow::anyhow!("people cannot be made: {}", status.message()))?;
    }
    Ok(())
}

fn imported(email: &str, role: Role) -> ImportedPerson {
    ImportedPerson {
        email: email.to_owned(),
        name: email.split('@').next().unwrap_or_default().to_owned(),
        role: role.into(),
        password: PASSWORD.to_owned(),
        locale: "en".to_owned(),
        ..ImportedPerson::default()
    }
}
