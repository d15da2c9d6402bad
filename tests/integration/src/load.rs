//! Customers and an agent at work while things break, and a history of what was acknowledged.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::client::{Client, fresh_key};
use crate::portal::Portal;

/// A caller repeats a request that got no answer, or a 5xx, with the same key until this is over; then its outcome is unknown.
const RETRIES: Duration = Duration::from_secs(45);
const PAUSE: Duration = Duration::from_millis(250);

/// One acknowledged ticket and what was acknowledged about it.
#[derive(Debug, Clone)]
pub struct Acknowledged {
    /// Which of the customers filed it.
    pub customer: usize,
    /// Its number.
    pub number: String,
    /// Its subject, which occurs once.
    pub subject: String,
    /// The key it was filed with.
    pub key: String,
    /// The bytes of the answer.
    pub answer: Vec<u8>,
    /// The agent's public answer, when it was acknowledged.
    pub reply: Option<String>,
}

/// What happened.
#[derive(Debug, Default)]
pub struct History {
    /// Acknowledged tickets.
    pub tickets: Vec<Acknowledged>,
    /// Subjects of tickets without an acknowledgement.
    pub unknown: Vec<String>,
    /// How many requests were sent, repeats and reads included.
    pub requests: u64,
    /// How many of them got no answer or a 5xx.
    pub troubled: u64,
    /// Answers that no fault explains.
    pub wrong: Vec<String>,
}

/// The people of a portal under load.
#[derive(Debug, Clone)]
pub struct Crowd {
    /// The customers.
    pub customers: Vec<Client>,
    /// Who answers them.
    pub agent: Client,
    history: Arc<Mutex<History>>,
}

impl Crowd {
    /// Some customers and an agent.
    pub async fn gather(portal: &Portal<'_>, customers: usize) -> Self {
        let mut people = Vec::new();
        for index in 0..customers {
            people.push(portal.customer(&format!("customer{index}")).await);
        }
        Self { customers: people, agent: portal.agent("agnes").await, history: Arc::default() }
    }

    /// Works for a time at about this many requests a second, while `meanwhile` breaks things.
    pub async fn work(&self, time: Duration, requests_a_second: u32, meanwhile: impl Future<Output = ()>) -> History {
        let end = Instant::now() + time;
        let load = async {
            // A round is a ticket, the agent's answer to it, and two reads.
            let mut clock = interval(Duration::from_secs(4) / requests_a_second);
            clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
            let mut rounds = JoinSet::new();
            let mut round = 0;
            while Instant::now() < end {
                clock.tick().await;
                let crowd = self.clone();
                rounds.spawn(async move { crowd.round(round).await });
                round += 1;
            }
            while let Some(done) = rounds.join_next().await {
                done.expect("a round does not panic");
            }
        };
        tokio::join!(load, meanwhile);
        std::mem::take(&mut *self.history.lock().expect("no panic while noting"))
    }

    async fn round(&self, round: usize) {
        let customer = round % self.customers.len();
        let who = &self.customers[customer];
        let subject = format!("Load {round} {}", fresh_key());
        let key = fresh_key();
        let body = json!({"subject": subject, "description": format!("Text of {subject}")});
        let Some((bytes, ticket)) = self.acknowledged(who, "tickets", &key, &body).await else {
            self.note(|history| history.unknown.push(subject));
            return;
        };
        let number = ticket["number"].as_str().unwrap_or_default().to_owned();
        let reply = format!("Answer {round} {}", fresh_key());
        let body = json!({"body": reply, "status": "waiting_customer"});
        let replied = self.acknowledged(&self.agent, &format!("tickets/{number}/comments"), &fresh_key(), &body).await.is_some();
        let one = Acknowledged { customer, number: number.clone(), subject, key, answer: bytes, reply: replied.then_some(reply) };
        self.note(|history| history.tickets.push(one));
        self.read(who, &format!("tickets/{number}")).await;
        self.read(who, "tickets?limit=10").await;
    }

    /// Sends a write until it is acknowledged; none when its outcome stays unknown or it was refused.
    async fn acknowledged(&self, who: &Client, path: &str, key: &str, body: &Value) -> Option<(Vec<u8>, Value)> {
        let end = Instant::now() + RETRIES;
        while Instant::now() < end {
            let request =
                who.request(reqwest::Method::POST, path).header("idempotency-key", key).timeout(Duration::from_secs(10)).json(body);
            self.note(|history| history.requests += 1);
            match request.send().await {
                Ok(answer) if answer.status().is_success() => {
                    if let Ok(bytes) = answer.bytes().await {
                        let value = serde_json::from_slice(&bytes).unwrap_or_default();
                        return Some((bytes.to_vec(), value));
                    }
                    self.note(|history| history.troubled += 1);
                }
                Ok(answer) if answer.status().is_server_error() || matches!(answer.status().as_u16(), 409 | 429) => {
                    self.note(|history| history.troubled += 1);
                }
                Ok(answer) => {
                    let what = format!("POST {path}: {} {}", answer.status(), answer.text().await.unwrap_or_default());
                    self.note(|history| history.wrong.push(what));
                    return None;
                }
                Err(_) => self.note(|history| history.troubled += 1),
            }
            tokio::time::sleep(PAUSE).await;
        }
        None
    }

    async fn read(&self, who: &Client, path: &str) {
        self.note(|history| history.requests += 1);
        let answer = who.request(reqwest::Method::GET, path).timeout(Duration::from_secs(10)).send().await;
        match answer {
            Ok(answer) if answer.status().is_success() => {}
            Ok(answer) if answer.status().is_server_error() => self.note(|history| history.troubled += 1),
            Ok(answer) => {
                let what = format!("GET {path}: {}", answer.status());
                self.note(|history| history.wrong.push(what));
            }
            Err(_) => self.note(|history| history.troubled += 1),
        }
    }

    fn note(&self, change: impl FnOnce(&mut History)) {
        change(&mut self.history.lock().expect("no panic while noting"));
    }
}
