//! Customers and agents of two portals at work while things break; a history holds what was acknowledged.

mod asking;
mod rounds;
mod sessions;
mod watch;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use self::asking::text;
use self::sessions::Visitor;
use self::watch::Watch;
use crate::client::Client;
use crate::history::Recorder;
use crate::plan::{Plan, Round, Step};
use crate::portal::PASSWORD;
use crate::stack::World;
use crate::wait;

/// Seconds until a ticket that waits for its customer is resolved.
pub const AUTO_RESOLVE: u32 = 15;
/// Seconds until its customer is reminded of it, once.
const REMIND: u32 = 6;
/// A token that was given back is dead this long after.
pub const REVOKED_WITHIN: Duration = Duration::from_secs(5);
/// Customers of one portal.
const CUSTOMERS: usize = 3;
/// Requests of one round, on average.
const REQUESTS_A_ROUND: u32 = 5;
/// A word that internal notes alone have.
pub(crate) const NOTE: &str = "Quillwort";
/// A word that the titles of the load's articles alone have.
pub(crate) const SEARCHED: &str = "Bergamot";

/// The people of one portal.
#[derive(Debug)]
pub struct Camp {
    /// The portal.
    pub slug: String,
    /// Its customers.
    pub customers: Vec<Client>,
    /// Who answers them.
    pub agent: Client,
    /// The article that they comment on.
    pub article: String,
    forum: String,
    guest: Client,
    admin: Client,
    /// Who loses sessions; none when nobody knows any more what they are.
    visitor: Arc<tokio::sync::Mutex<Option<Visitor>>>,
}

/// Two portals under load.
#[derive(Debug, Clone)]
pub struct Crowd {
    /// The portals; what one says the other must never hear.
    pub camps: Arc<Vec<Camp>>,
    /// What is done.
    pub plan: Plan,
    /// Where it is noted.
    pub recorder: Recorder,
    next: Arc<AtomicU64>,
    /// Sessions that have ended: their portal's place, what ended them, and the token.
    ended: Arc<Mutex<Vec<(usize, String, Client)>>>,
}

impl Crowd {
    /// Two portals with customers and an agent each, a forum and an article. What waits for a customer is resolved by a timer of seconds.
    pub async fn gather(world: &World, plan: Plan) -> Self {
        let mut camps = Vec::new();
        for _ in 0..2 {
            camps.push(Camp::pitch(world).await);
        }
        let recorder = Recorder::create(&world.data().join("log/history.jsonl"));
        Self { camps: Arc::new(camps), plan, recorder, next: Arc::default(), ended: Arc::default() }
    }

    /// The same people with new sessions: a token lives for five minutes, a run may take longer.
    pub async fn signed_in_again(&self) -> Self {
        let mut camps = Vec::new();
        for camp in self.camps.iter() {
            let mut customers = Vec::new();
            for customer in &camp.customers {
                customers.push(again(&camp.guest, customer).await);
            }
            let (agent, admin) = (again(&camp.guest, &camp.agent).await, again(&camp.guest, &camp.admin).await);
            let (slug, article, forum) = (camp.slug.clone(), camp.article.clone(), camp.forum.clone());
            let (guest, visitor) = (camp.guest.clone(), Arc::clone(&camp.visitor));
            camps.push(Camp { slug, customers, agent, article, forum, guest, admin, visitor });
        }
        Self { camps: Arc::new(camps), ..self.clone() }
    }

    /// Works at about this many requests a second for as long as `meanwhile`, which breaks things, takes; returns when all is answered.
    pub async fn during(&self, requests_a_second: u32, meanwhile: impl Future<Output = ()>) {
        let over = AtomicBool::new(false);
        let breaking = async {
            meanwhile.await;
            over.store(true, Ordering::Relaxed);
        };
        let working = async { tokio::join!(self.load(requests_a_second, &over), breaking) };
        let Some(first) = self.camps.first() else { return };
        let mut watch = Watch::new(&self.recorder, first.guest.http().clone());
        tokio::select! {
            _ = working => {}
            () = watch.look() => {}
        }
    }

    async fn load(&self, requests_a_second: u32, over: &AtomicBool) {
        let mut clock = interval(Duration::from_secs(1) * REQUESTS_A_ROUND / requests_a_second);
        clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut rounds = JoinSet::new();
        while !over.load(Ordering::Relaxed) {
            clock.tick().await;
            let crowd = self.clone();
            let step = self.plan.step(self.next.fetch_add(1, Ordering::Relaxed));
            rounds.spawn(async move { crowd.round(step).await });
        }
        while let Some(done) = rounds.join_next().await {
            done.expect("a round does not panic");
        }
    }

    async fn round(&self, step: Step) {
        let Some(camp) = self.camps.get(step.camp) else { return };
        let (customer, place) = (step.customer % camp.customers.len(), step.camp);
        match step.round {
            Round::Ticket { file, turn } => self.ticket(camp, customer, step, file, turn).await,
            Round::Talk => self.talk(camp, customer, step).await,
            Round::SignIn { end } => self.sign_in(camp, customer, place, step, end).await,
            Round::Search => self.search(camp, customer, step).await,
            Round::Article { withdrawn } => self.article(camp, customer, step, withdrawn).await,
            Round::Stranger => self.stranger(camp, step).await,
        }
    }
}

async fn again(guest: &Client, who: &Client) -> Client {
    guest.with_session(guest.login(who.email(), PASSWORD).await.expect(200))
}

impl Camp {
    async fn pitch(world: &World) -> Self {
        let portal = world.portal("helpdesk").await;
        portal.settings(json!({"timers": {"waiting_reminder_seconds": [REMIND], "auto_resolve_seconds": AUTO_RESOLVE}})).await;
        let mut customers = Vec::new();
        for index in 0..CUSTOMERS {
            customers.push(portal.customer(&format!("customer{index}")).await);
        }
        let (agent, visitor) = (portal.agent("agnes").await, portal.customer("visitor").await);
        let forum = agent.post("forums", json!({"name": "Controllers"})).await.expect(201);
        let article = agent.post("articles", json!({"title": "Reset it", "body": "Hold reset.", "state": "published"})).await.expect(201);
        let (article, forum) = (text(&article["slug"]), text(&forum["id"]));
        // Until tickets knows its agent, others are told of what nobody owns.
        wait::until("tickets knows the agent", async || {
            let known = agent.get("agents").await.expect(200);
            known["items"].as_array()?.iter().any(|one| one["id"] == agent.id()).then_some(())
        })
        .await;
        let visitor = Arc::new(tokio::sync::Mutex::new(Some(Visitor::new(visitor))));
        let (slug, guest, admin) = (portal.slug.clone(), portal.guest(), portal.admin.clone());
        Self { slug, customers, agent, article, forum, guest, admin, visitor }
    }
}
