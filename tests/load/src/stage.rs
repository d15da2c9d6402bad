//! What the cells share: a running stack, a portal with people, and what has been prepared and measured so far.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use portico_integration_tests::portal::Portal;
use portico_integration_tests::{Browser, World};
use serde_json::json;

use crate::bare::Bare;
use crate::catch_up::{self, CatchUp};
use crate::cli::Options;
use crate::closed::{self, Ask, Closed};
use crate::fill::Filled;
use crate::http::{self, Target};
use crate::measure::{Tally, median};
use crate::open::{self, Open};
use crate::people::People;
use crate::row::Row;
use crate::table;
use crate::terminal::{self, Step};
use crate::words::Words;

/// Requests at once while something is prepared.
pub const PREPARING: usize = 16;
/// How long the next cell waits until consumers have done what a cell left them; what is left then is dropped.
const QUIET: Duration = Duration::from_secs(60);

/// What the cells share.
pub struct Stage<'w> {
    /// How it is measured.
    pub options: Options,
    /// The stack.
    pub world: &'w World,
    /// The portal, its administrator signed in.
    pub portal: Portal<'w>,
    /// The people of the portal.
    pub people: People,
    /// The public port.
    pub target: Arc<Target>,
    /// The seed's words.
    pub words: Arc<Words>,
    /// The number of each customer's own request, in the order of the customers.
    pub own: Vec<String>,
    /// Tickets from before, once they were filled in.
    pub filled: Option<Filled>,
    /// The bare limits, once they were started.
    bare: Option<Bare>,
    /// What was measured.
    pub rows: Vec<Row>,
}

impl<'w> Stage<'w> {
    /// A portal of its own with people who have each filed a request.
    ///
    /// # Errors
    /// When the stack refuses something.
    pub async fn set(world: &'w World, options: &Options, words: Arc<Words>) -> Result<Self> {
        let target = Arc::new(Target::read(world.public())?);
        let portal = new_portal(world).await;
        let step = Step::begin(format!("{} people are made and sign in", options.people));
        let (people, sign_ins) = People::gather(world, &target, &portal.slug, usize::try_from(options.people)?).await?;
        step.done();
        let mut stage = Self {
            options: options.clone(),
            world,
            portal,
            people,
            target,
            words,
            own: Vec::new(),
            filled: None,
            bare: None,
            rows: Vec::new(),
        };
        stage.own = stage.file_one_each().await?;
        let row = Row::new("sign_in", "sign in with a password, 16 at once").tally(&sign_ins);
        stage.push(row.note("one Argon2id check each, on all cores but one"));
        stage.settle().await?;
        Ok(stage)
    }

    async fn file_one_each(&self) -> Result<Vec<String>> {
        let path = self.people.api("tickets");
        let ask = |(number, person): (usize, &Arc<crate::people::Person>)| person.post(&path, &self.ticket(number as u64));
        let replies = http::all(&self.target, PREPARING, self.people.customers.iter().enumerate().map(ask).collect()).await?;
        replies.iter().map(|reply| Ok(reply.json()?["number"].as_str().context("a ticket without a number")?.to_owned())).collect()
    }

    /// The body of a new ticket: about as long as people write.
    pub fn ticket(&self, about: u64) -> serde_json::Value {
        json!({"subject": self.words.text(about, 0, 6), "description": self.words.text(about, 1, 40)})
    }

    /// Keeps a row and shows it.
    pub fn push(&mut self, row: Row) {
        terminal::note(table::brief(&row));
        self.rows.push(row);
    }

    /// A row of a cell that the options may change: at so many at once, or in an open loop, which the targets are not about.
    pub fn row(&self, name: &str, what: &str, at_once: usize) -> Row {
        Row::new(name, format!("{what}, {}", self.how(at_once))).for_information(self.options.rate.is_some())
    }

    fn how(&self, at_once: usize) -> String {
        match self.options.rate {
            Some(rate) => format!("open loop at {rate}/s"),
            None => format!("{} at once", self.at_once(at_once)),
        }
    }

    fn at_once(&self, at_once: usize) -> usize {
        self.options.at_once.unwrap_or(at_once)
    }

    /// What a closed loop finds room for, in requests a second.
    ///
    /// # Errors
    /// When the loop breaks.
    pub async fn capacity(&self, what: &str, at_once: usize, ask: &Ask) -> Result<f64> {
        self.people.refresh().await?;
        let step = Step::begin(what);
        let tally = closed_rounds(&self.target, &self.options, self.at_once(at_once), std::slice::from_ref(ask)).await?;
        step.done();
        Ok(tally.per_second())
    }

    /// Runs a cell as its options say: a closed loop at so many at once, the median of the rounds; or an open one where `--rate` is given.
    ///
    /// # Errors
    /// When the loop breaks.
    pub async fn measure(&self, what: &str, at_once: usize, steps: &[Ask]) -> Result<Tally> {
        self.people.refresh().await?;
        let at_once = self.at_once(at_once);
        let step = Step::begin(what);
        let tally = match (self.options.rate, steps) {
            (Some(rate), [ask]) => open::run(&self.target, self.open_loop(rate, at_once.max(256)), ask).await?,
            _ => closed_rounds(&self.target, &self.options, at_once, steps).await?,
        };
        step.done();
        Ok(tally)
    }

    /// The closed loop of a cell at a bare limit.
    ///
    /// # Errors
    /// When the limit cannot be started, or the loop breaks.
    pub async fn measure_bare(&mut self, what: &str, at_once: usize, ask: Ask) -> Result<Tally> {
        let target = self.bare().await?;
        let step = Step::begin(format!("bare limit: {what}"));
        let tally = closed_rounds(&target, &self.options, self.at_once(at_once), &[ask]).await?;
        step.done();
        Ok(tally)
    }

    /// The measured part of an open loop at this rate.
    pub fn open_loop(&self, rate: f64, connections: usize) -> Open {
        Open { rate, connections, warmup: self.options.warming(), measured: self.options.measured(), by_second: false }
    }

    async fn bare(&mut self) -> Result<Arc<Target>> {
        if self.bare.is_none() {
            self.bare = Some(Bare::start(self.world, &self.portal.slug).await?);
        }
        Ok(Arc::clone(&self.bare.as_ref().context("the bare limits do not run")?.target))
    }

    /// Ends the bare limits and removes their tables.
    ///
    /// # Errors
    /// When the tables stay.
    pub async fn end_bare(&mut self) -> Result<()> {
        match self.bare.take() {
            Some(bare) => bare.end(self.world).await,
            None => Ok(()),
        }
    }

    /// Waits until the consumers have done their work, at most a minute; returns how long they took.
    ///
    /// # Errors
    /// When the databases do not answer.
    pub async fn settle(&self) -> Result<CatchUp> {
        let step = Step::begin("consumers catch up");
        let took = catch_up::wait(self.world, QUIET).await?;
        if took.deliveries.is_none() {
            catch_up::drop_deliveries(self.world, &self.portal.slug).await?;
        }
        step.done();
        Ok(took)
    }

    /// The cookies of so many customers at browsers without scripts.
    ///
    /// # Errors
    /// When a cookie is no header.
    pub async fn cookies(&self, browsers: usize) -> Result<Arc<Vec<::http::HeaderValue>>> {
        let mut cookies = Vec::with_capacity(browsers);
        for person in self.people.customers.iter().take(browsers) {
            let mut browser: Browser = self.portal.browser();
            let answer = browser.sign_in(&person.email, portico_integration_tests::portal::PASSWORD).await;
            anyhow::ensure!(answer.status == 303, "{} cannot sign in at the page: {}", person.email, answer.status);
            cookies.push(::http::HeaderValue::from_str(&browser.cookie())?);
        }
        Ok(Arc::new(cookies))
    }
}

/// A portal whose limits are made for a generator: everybody comes from one address.
pub async fn new_portal(world: &World) -> Portal<'_> {
    let portal = world.portal("helpdesk").await;
    let limits = json!({
        "requests_per_minute_per_source": 1_000_000,
        "sign_in_attempts_per_minute_per_source": 1_000_000,
        "tickets_per_hour_per_person": 10_000,
        "comments_per_hour_per_person": 10_000,
    });
    portal.settings(json!({"limits": limits})).await;
    portal
}

async fn closed_rounds(target: &Arc<Target>, options: &Options, at_once: usize, steps: &[Ask]) -> Result<Tally> {
    let how = Closed { at_once, warmup: options.warming(), measured: options.measured() };
    let mut tallies = Vec::new();
    for _ in 0..options.rounds {
        tallies.push(closed::run(target, how, steps).await?);
    }
    median(tallies).context("nothing was measured")
}
