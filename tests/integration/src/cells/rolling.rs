//! Processes are restarted in turn under load, all of them under 200 requests a second (F04): nobody notices, nothing is done twice or missed, and
//! it is hardly slower.
//!
//! These clients don't ask again: a request that fails has failed. Half of them speak HTTP/1.1 with keep-alive, half HTTP/2. Only a request of
//! which no byte was sent goes over another connection, because its own was closed already; hyper does that by itself.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use rand::Rng;
use reqwest::redirect::Policy;
use reqwest::{Body, Method, RequestBuilder, retry};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::bench::{Bench, SERVICES};
use super::listeners::{Rung, listen, send};
use super::rolled;
use crate::client::{Client, fresh_key};
use crate::load::Crowd;

/// Every so many requests one files a ticket, and one uploads a file and files a ticket with it.
const MIX: u64 = 10;
/// Between two answers of an agent, each of which rings a listener's bell.
const SPEAKS: Duration = Duration::from_millis(500);
/// No answer takes longer.
const ANSWERED: Duration = Duration::from_secs(20);
/// The slowest hundredth may be so many times slower during a restart.
const SLOWER: u32 = 2;
/// From the signal until a process has ended by itself and another one runs.
const ENDED: Duration = Duration::from_secs(30);
/// Requests whose bodies take their time while a gateway is told to end: each of two has some.
const SLOW: usize = 4;
/// Between two letters of such a body, and before the signal.
const LETTER: Duration = Duration::from_millis(100);
const BEGUN: Duration = Duration::from_millis(500);

/// What is done to the processes during one stretch of load.
pub(super) type Disturbance = for<'b> fn(&'b Bench, &'b Crowd) -> LocalBoxFuture<'b, ()>;

/// A ticket that was acknowledged.
#[derive(Debug)]
pub(super) struct Filed {
    /// Which portal, and which of its customers.
    pub place: (usize, usize),
    /// Its subject, which no other one has.
    pub subject: String,
    /// Its number.
    pub number: String,
    /// The content of its file, if it has one.
    pub file: Option<String>,
    /// What an agent answered, if one did: its customer's bell rang.
    pub said: Option<String>,
}

/// What one stretch of load came to.
#[derive(Debug, Default)]
struct Stretch {
    took: Vec<Duration>,
    failed: Vec<String>,
    filed: Vec<Filed>,
}

impl Stretch {
    fn add(&mut self, other: Self) {
        self.took.extend(other.took);
        self.failed.extend(other.failed);
        self.filed.extend(other.filed);
    }
}

/// Everybody at work: the people, their connections, and what came of it.
#[derive(Clone)]
struct Work {
    crowd: Crowd,
    http: [reqwest::Client; 2],
    result: Arc<Mutex<Stretch>>,
}

/// Nobody notices that each process was told to end and another one took its place (F04).
pub(super) async fn restarted(bench: &mut Bench) {
    let restart: Disturbance = |bench, crowd| Box::pin(restart_all(bench, crowd));
    let rounds: Vec<Disturbance> = (0..bench.setting.rolling.rounds).map(|_| restart).collect();
    Box::pin(nobody_notices(bench, "F04", &rounds)).await;
}

/// Load without a disturbance, then through each of these: nothing fails, all of it is there once, and it is hardly slower.
pub(super) async fn nobody_notices(bench: &mut Bench, id: &str, rounds: &[Disturbance]) {
    // A little of the usual load, so that the usual invariants have something to look at.
    let (crowd, rate) = bench.load().await;
    crowd.during(rate, bench.calm()).await;
    let setting = bench.setting.rolling;
    let calm = match setting.undisturbed {
        Some(long) => stretch(&crowd, setting.rate, sleep(long)).await,
        None => Stretch::default(),
    };
    let ended_badly = bad_ends(bench);
    let mut rolling = Stretch::default();
    for disturb in rounds {
        let crowd = crowd.signed_in_again().await;
        rolling.add(stretch(&crowd, setting.rate, disturb(bench, &crowd)).await);
    }
    let (before, during) = (quantiles(calm.took.clone()), quantiles(rolling.took.clone()));
    let bells = rolling.filed.iter().filter(|filed| filed.said.is_some()).count();
    bench.note = format!(
        "{} requests, {} failed, {bells} bells; p50 {} ms, p99 {} ms; undisturbed p50 {} ms, p99 {} ms",
        rolling.took.len(),
        rolling.failed.len(),
        during.0.as_millis(),
        during.1.as_millis(),
        before.0.as_millis(),
        before.1.as_millis()
    );
    let failed: Vec<&String> = calm.failed.iter().chain(&rolling.failed).take(10).collect();
    assert!(failed.is_empty(), "{}; failed: {failed:?} ({id})", bench.note);
    assert_eq!(bad_ends(bench), ended_badly, "a process that was told to end did not end with 0 ({id})");
    let filed: Vec<Filed> = calm.filed.into_iter().chain(rolling.filed).collect();
    rolled::are_there_once(id, &crowd.signed_in_again().await, &filed).await;
    assert!(setting.undisturbed.is_none() || during.1 <= before.1 * SLOWER, "{} ({id})", bench.note);
}

/// Each process, or one of each service, is told to end, and serves again before the next one is told.
async fn restart_all(bench: &Bench, crowd: &Crowd) {
    let mut draw = bench.setting.plan.faults();
    for service in SERVICES {
        let mut processes = bench.world.replicas(service);
        if !bench.setting.rolling.both {
            processes = vec![processes.swap_remove(draw.random_range(0..processes.len()))];
        }
        for process in processes {
            let slow = if service == "gateway" { begin_slowly(crowd).await } else { JoinSet::new() };
            renew(bench, &process).await;
            let answers = slow.join_all().await;
            assert!(answers.iter().all(|status| (200..300).contains(status)), "of requests that had begun: {answers:?} (F04)");
        }
    }
}

/// A process is told to end, and another one serves in its place.
pub(super) async fn renew(bench: &Bench, process: &str) {
    let old = bench.world.signal(process, "TERM");
    bench.world.reborn(process, old, ENDED).await;
    bench.world.ready(process).await;
}

/// Tickets whose bodies come letter by letter, and have begun; the statuses of their answers, 0 for none.
async fn begin_slowly(crowd: &Crowd) -> JoinSet<u16> {
    let mut slow = JoinSet::new();
    let customers: Vec<&Client> = crowd.camps.iter().flat_map(|camp| &camp.customers).collect();
    for customer in customers.into_iter().cycle().take(SLOW) {
        let body = json!({"subject": format!("Slowly {}", fresh_key()), "description": "Letter by letter"}).to_string();
        let letters: Vec<String> = body.chars().map(String::from).collect();
        let body = futures_util::stream::iter(letters).then(async |letter| {
            sleep(LETTER).await;
            Ok::<_, std::io::Error>(letter)
        });
        let request = write(customer, "tickets").header("content-type", "application/json").body(Body::wrap_stream(Box::pin(body)));
        slow.spawn(async move { request.send().await.map_or(0, |answer| answer.status().as_u16()) });
    }
    sleep(BEGUN).await;
    slow
}

/// How many processes ended otherwise than with 0, by the supervisor's words.
fn bad_ends(bench: &Bench) -> usize {
    bench.run_log().lines().filter(|line| line.contains(" ended (") && !line.contains(" ended (exit status: 0)")).count()
}

fn quantiles(mut took: Vec<Duration>) -> (Duration, Duration) {
    took.sort_unstable();
    let at = |share: usize| took.get((took.len() * share / 100).min(took.len().saturating_sub(1))).copied().unwrap_or_default();
    (at(50), at(99))
}

/// Load of so many requests a second for as long as `meanwhile` takes; over when every listener has heard its bells.
async fn stretch(crowd: &Crowd, rate: u32, meanwhile: impl Future<Output = ()>) -> Stretch {
    let plain = || reqwest::Client::builder().no_proxy().redirect(Policy::none()).retry(retry::never());
    let http = [plain().http1_only(), plain().http2_prior_knowledge()].map(|client| client.build().expect("an HTTP client"));
    let work = Work { crowd: crowd.clone(), http, result: Arc::default() };
    let (rung, over) = (Rung::default(), watch::Sender::new(false));
    let breaking = async {
        meanwhile.await;
        over.send_replace(true);
    };
    let working = async {
        tokio::join!(work.requests(rate, over.subscribe()), work.answers(over.subscribe()), breaking);
        rolled::rang(crowd, &work.take_answered(), &rung).await
    };
    tokio::select! {
        unheard = working => unheard.into_iter().for_each(|bell| work.fail(bell)),
        () = work.listeners(&rung) => {}
    }
    std::mem::take(&mut *work.result.lock().expect("no panic while noting"))
}

impl Work {
    async fn requests(&self, rate: u32, over: watch::Receiver<bool>) {
        let mut clock = interval(Duration::from_secs(1) / rate);
        // What the generator itself missed is sent late and measured from when it was due.
        clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut sent = JoinSet::new();
        let mut number = 0;
        while !*over.borrow() {
            let due = clock.tick().await;
            let work = self.clone();
            sent.spawn(async move { work.one(number, due).await });
            number += 1;
            while sent.try_join_next().is_some() {}
        }
        while let Some(done) = sent.join_next().await {
            done.expect("a request does not panic");
        }
    }

    async fn one(&self, number: u64, due: Instant) {
        let turn = usize::try_from(number).unwrap_or_default();
        let place = self.place(turn);
        let client = self.customer(place);
        match number % MIX {
            0 => self.file(turn, place, due, None).await,
            1 => {
                let content = format!("File {}", fresh_key());
                let request = write(client, "uploads?name=note.txt").header("content-type", "text/plain").body(content.clone());
                let Some(upload) = self.ask(turn, due, request).await else { return };
                self.file(turn, place, Instant::now(), Some((content, upload["upload_id"].clone()))).await
            }
            2..5 => drop(self.ask(turn, due, client.request(Method::GET, "search?q=rolling")).await),
            5..8 => drop(self.ask(turn, due, client.request(Method::GET, "tickets?limit=10")).await),
            _ => drop(self.ask(turn, due, client.request(Method::GET, "me")).await),
        };
    }

    /// Files a ticket, with a file that was uploaded before.
    async fn file(&self, turn: usize, place: (usize, usize), due: Instant, upload: Option<(String, Value)>) {
        if let Some(filed) = self.filed(turn, place, due, upload).await {
            self.note(filed);
        }
    }

    async fn filed(&self, turn: usize, place: (usize, usize), due: Instant, upload: Option<(String, Value)>) -> Option<Filed> {
        let subject = format!("Rolling {}", fresh_key());
        let mut body = json!({"subject": subject, "description": "While it rolls."});
        let file = upload.map(|(content, id)| {
            body["uploads"] = json!([id]);
            content
        });
        let ticket = self.ask(turn, due, write(self.customer(place), "tickets").json(&body)).await?;
        let number = ticket["number"].as_str().unwrap_or_default().to_owned();
        Some(Filed { place, subject, number, file, said: None })
    }

    /// An agent answers a fresh ticket of each customer in turn.
    async fn answers(&self, over: watch::Receiver<bool>) {
        let mut clock = interval(SPEAKS);
        clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
        for turn in 0.. {
            clock.tick().await;
            if *over.borrow() {
                return;
            }
            let place = self.place(turn);
            let Some(mut filed) = self.filed(turn, place, Instant::now(), None).await else { continue };
            let said = format!("Answer {}", fresh_key());
            let body = json!({"body": said, "status": "waiting_customer"});
            let request = write(&self.crowd.camps[place.0].agent, &format!("tickets/{}/comments", filed.number)).json(&body);
            filed.said = self.ask(turn, Instant::now(), request).await.map(|_| said);
            self.note(filed);
        }
    }

    /// One stream for each customer.
    async fn listeners(&self, rung: &Rung) {
        let customers = self.crowd.camps.iter().flat_map(|camp| &camp.customers).enumerate();
        let failed = |what| self.fail(what);
        let streams = customers.map(|(place, customer)| listen(&self.http[place % self.http.len()], customer, rung, &failed));
        futures_util::future::join_all(streams).await;
    }

    /// Asks once; the answer as JSON, null where it is none.
    async fn ask(&self, turn: usize, due: Instant, request: RequestBuilder) -> Option<Value> {
        // Portals, customers and kinds of requests meet both protocols: their numbers have other periods.
        let http = &self.http[turn / 7 % self.http.len()];
        let answered = async {
            let answer = send(http, request.timeout(ANSWERED)).await.map_err(|error| format!("{error:?}"))?;
            let status = answer.status();
            let bytes = answer.bytes().await.map_err(|error| format!("{error:?}"))?;
            if status.is_success() { Ok(bytes) } else { Err(format!("{status}: {}", String::from_utf8_lossy(&bytes))) }
        };
        let outcome = answered.await;
        self.result.lock().expect("no panic while noting").took.push(due.elapsed());
        match outcome {
            Ok(bytes) => Some(serde_json::from_slice(&bytes).unwrap_or_default()),
            Err(error) => {
                self.fail(format!("{turn}: {error}"));
                None
            }
        }
    }

    fn place(&self, turn: usize) -> (usize, usize) {
        let camp = turn % self.crowd.camps.len();
        (camp, turn / self.crowd.camps.len() % self.crowd.camps[camp].customers.len())
    }

    fn customer(&self, place: (usize, usize)) -> &Client {
        &self.crowd.camps[place.0].customers[place.1]
    }

    fn note(&self, filed: Filed) {
        self.result.lock().expect("no panic while noting").filed.push(filed);
    }

    fn fail(&self, what: String) {
        self.result.lock().expect("no panic while noting").failed.push(what);
    }

    /// Places and numbers of the tickets that were answered.
    fn take_answered(&self) -> Vec<((usize, usize), String)> {
        let result = self.result.lock().expect("no panic while noting");
        let answered = result.filed.iter().filter(|filed| filed.said.is_some());
        answered.map(|filed| (filed.place, filed.number.clone())).collect()
    }
}

fn write(client: &Client, path: &str) -> RequestBuilder {
    client.request(Method::POST, path).header("idempotency-key", fresh_key())
}
