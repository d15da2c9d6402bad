//! The demo portal that a fresh start seeds: a maker of networked building controls, its people and their requests.
//!
//! The past comes in by the operator's imports, with its dates; what the people do on the day itself goes through the public API. All of it
//! has ids or idempotency keys of its own: a seed that was interrupted is taken up again and repeats nothing.

mod articles;
mod community;
mod data;
mod past;
mod people;
mod session;
mod tickets;

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::layout::{Layout, write_atomically};
use crate::operator;
use crate::status::Status;
use crate::terminal;
use data::Demo;
use past::Calendar;
use session::Session;

/// The portal's slug.
pub const PORTAL: &str = "demo";
/// The password of all demo people.
pub const PASSWORD: &str = "a-demo-Passphrase-41";
/// How fast the bar may move.
const REDRAWS_A_SECOND: u8 = 10;

/// One of the demo's people.
#[derive(Debug, Clone, Copy)]
pub struct Person {
    /// The address they sign in with.
    pub email: &'static str,
    /// Who they are, for the list at the terminal.
    pub note: &'static str,
}

/// The people whom a visitor may sign in as.
pub const PEOPLE: [Person; 6] = [
    Person { email: "admin@demo.test", note: "administrator" },
    Person { email: "agent@demo.test", note: "agent" },
    Person { email: "agent2@demo.test", note: "agent" },
    Person { email: "alice@acme.test", note: "customer of ACME, sees her own requests" },
    Person { email: "bob@acme.test", note: "customer of ACME, sees all of ACME's" },
    Person { email: "carol@globex.test", note: "customer of Globex" },
];

/// What every part of the seed works with.
struct Scene<'a> {
    status: &'a Status,
    /// Everybody's id, by address.
    ids: BTreeMap<String, String>,
    /// Those who do something on the day of the seed.
    sessions: BTreeMap<String, Session>,
    calendar: Calendar,
    bar: terminal::Progress,
}

impl Scene<'_> {
    /// The id of one of the demo's people.
    fn id(&self, email: &str) -> Result<String> {
        self.ids.get(email).cloned().with_context(|| format!("{email} is none of the demo's people"))
    }

    /// The same; empty when nobody is named.
    fn id_or_none(&self, email: Option<&str>) -> Result<String> {
        email.map_or_else(|| Ok(String::new()), |email| self.id(email))
    }

    /// The session of one of the demo's people.
    fn of(&self, email: &str) -> Result<&Session> {
        self.sessions.get(email).with_context(|| format!("{email} is not signed in"))
    }

    fn admin(&self) -> Result<&Session> {
        self.of("admin@demo.test")
    }

    fn agent(&self) -> Result<&Session> {
        self.of("agent@demo.test")
    }
}

/// Fills the demo portal when it is not there yet.
pub async fn seed(layout: &Layout, status: &Status) -> Result<()> {
    let done = layout.data().join("demo.done");
    if done.exists() {
        return Ok(());
    }
    let demo = Demo::load()?;
    let calendar = Calendar::open(layout)?;
    let steps = demo.articles.len() + demo.community.topics.len() + demo.tickets.len();
    let bar = terminal::progress("the demo", steps as u64, REDRAWS_A_SECOND);
    make_portal(status, &demo).await?;
    let ids = people::import(status, &demo.people).await?;
    let mut sessions = BTreeMap::new();
    for email in ["admin@demo.test", "agent@demo.test"].into_iter().chain(demo.live.iter().map(|live| live.by.as_str())) {
        if !sessions.contains_key(email) {
            sessions.insert(email.to_owned(), Session::sign_in(status, email).await?);
        }
    }
    let scene = Scene { status, ids, sessions, calendar, bar };
    let catalogue = tickets::make_catalogue(&scene, &demo).await?;
    articles::seed(&scene, &demo.articles).await?;
    community::seed(&scene, &demo.community).await?;
    tickets::seed(&scene, &catalogue, &demo).await?;
    scene.bar.end();
    write_atomically(&done, b"seeded\n", 0o644).context("the seed cannot be noted")?;
    Ok(())
}

async fn make_portal(status: &Status, demo: &Demo) -> Result<()> {
    let http = operator::http()?;
    let known = operator::patiently(http.get(format!("{}/api/v1/portals/{PORTAL}", status.public))).await?;
    if known.status().is_success() {
        return Ok(());
    }
    let body = json!({"slug": PORTAL, "title": demo.title, "profile": "helpdesk", "admin_email": "admin@demo.test"});
    let request = http.post(format!("{}/api/v1/portals", status.public)).bearer_auth(&status.operator_token).json(&body);
    let answer = operator::patiently(request).await?;
    if answer.status().is_success() || answer.status() == reqwest::StatusCode::CONFLICT {
        return Ok(());
    }
    anyhow::bail!("the portal: {}", operator::complaint(answer).await)
}

/// A text member of an answer.
fn text(value: &Value, key: &str) -> Result<String> {
    value.get(key).and_then(Value::as_str).map(str::to_owned).with_context(|| format!("the answer has no {key}: {value}"))
}
