//! Customers and an agent at work while things break, and a history of what was acknowledged.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::client::{Client, fresh_key};
use crate::portal::Portal;

/// A caller repeats a request that got no answer, or a 5xx, with the same key until this is over; then its outcome is unknown.
const RETRIES: Duration = Duration::from_secs(45);
const PAUSE: Duration = Duration::from_millis(250);
/// Seconds until a ticket that waits for its customer is resolved.
const AUTO_RESOLVE: u32 = 15;

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
    /// What it was filed with.
    pub body: Value,
    /// The bytes of the answer.
    pub answer: Vec<u8>,
    /// The content of its file, if it has one.
    pub file: Option<String>,
    /// The agent's public answer, when it was acknowledged.
    pub reply: Option<String>,
}

/// One acknowledged topic.
#[derive(Debug, Clone)]
pub struct Topic {
    /// Its id.
    pub id: String,
    /// What it was written with.
    pub body: Value,
    /// The post below it, when it was acknowledged.
    pub post: Option<String>,
}

/// What happened.
#[derive(Debug, Default)]
pub struct History {
    /// Acknowledged tickets.
    pub tickets: Vec<Acknowledged>,
    /// Subjects of tickets without an acknowledgement.
    pub unknown: Vec<String>,
    /// Acknowledged topics.
    pub topics: Vec<Topic>,
    /// Acknowledged comments on the article.
    pub comments: Vec<String>,
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
    /// The article that they comment on.
    pub article: String,
    forum: String,
    history: Arc<Mutex<History>>,
}

impl Crowd {
    /// Some customers and an agent, who find a forum and an article. What waits for a customer is resolved by a timer of a few seconds.
    pub async fn gather(portal: &Portal<'_>, customers: usize) -> Self {
        portal.settings(json!({"timers": {"waiting_reminder_seconds": [], "auto_resolve_seconds": AUTO_RESOLVE}})).await;
        let mut people = Vec::new();
        for index in 0..customers {
            people.push(portal.customer(&format!("customer{index}")).await);
        }
        let agent = portal.agent("agnes").await;
        let forum = agent.post("forums", json!({"name": "Controllers"})).await.expect(201);
        let article = agent.post("articles", json!({"title": "Reset it", "body": "Hold reset.", "state": "published"})).await.expect(201);
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        Self { customers: people, agent, article: text(&article["slug"]), forum: text(&forum["id"]), history: Arc::default() }
    }

    /// Works for a time at about this many requests a second, while `meanwhile` breaks things.
    pub async fn work(&self, time: Duration, requests_a_second: u32, meanwhile: impl Future<Output = ()>) -> History {
        let end = Instant::now() + time;
        let load = async {
            // A round has about four requests: a ticket, the agent's answer and two reads, for one.
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

    /// Three rounds in four are about a ticket, the fourth is talk.
    async fn round(&self, round: usize) {
        let customer = round % self.customers.len();
        if round % 4 == 3 { self.talk(round, customer).await } else { self.ticket(round, customer).await }
    }

    async fn ticket(&self, round: usize, customer: usize) {
        let who = &self.customers[customer];
        let subject = format!("Load {round} {}", fresh_key());
        let mut body = json!({"subject": subject, "description": format!("Text of {subject}")});
        let file = if round.is_multiple_of(4) { self.file(who, &subject).await } else { None };
        if let Some((upload, _)) = &file {
            body["uploads"] = json!([upload]);
        }
        let key = fresh_key();
        let Some((bytes, ticket)) = self.acknowledged(who, "tickets", &key, &body).await else {
            self.note(|history| history.unknown.push(subject));
            return;
        };
        let number = ticket["number"].as_str().unwrap_or_default().to_owned();
        let reply = format!("Answer {round} {}", fresh_key());
        let said = json!({"body": reply, "status": "waiting_customer"});
        let replied = self.acknowledged(&self.agent, &format!("tickets/{number}/comments"), &fresh_key(), &said).await.is_some();
        let one = Acknowledged {
            customer,
            number: number.clone(),
            subject,
            key,
            body,
            answer: bytes,
            file: file.map(|(_, content)| content),
            reply: replied.then_some(reply),
        };
        self.note(|history| history.tickets.push(one));
        self.read(who, &format!("tickets/{number}")).await;
        self.read(who, "tickets?limit=10").await;
    }

    /// Uploads a file; its id and content.
    async fn file(&self, who: &Client, subject: &str) -> Option<(String, String)> {
        let content = format!("File of {subject}");
        let key = fresh_key();
        let send = || {
            let request = who.request(Method::POST, "uploads").query(&[("name", "note.txt")]).header("content-type", "text/plain");
            request.header("idempotency-key", &key).body(content.clone())
        };
        let (_, upload) = self.until_acknowledged("uploads", send).await?;
        Some((upload["upload_id"].as_str().unwrap_or_default().to_owned(), content))
    }

    /// A topic, an answer to it, a comment on the article and a word about its use.
    async fn talk(&self, round: usize, customer: usize) {
        let (who, other) = (&self.customers[customer], &self.customers[(customer + 1) % self.customers.len()]);
        let title = format!("Talk {round} {}", fresh_key());
        let body = json!({"type": "question", "title": title, "body": format!("Text of {title}"), "forum": self.forum});
        if let Some((_, topic)) = self.acknowledged(who, "topics", &fresh_key(), &body).await {
            let id = topic["id"].as_str().unwrap_or_default().to_owned();
            let said = format!("Post {round} {}", fresh_key());
            let post = self.acknowledged(other, &format!("topics/{id}/posts"), &fresh_key(), &json!({"body": said})).await;
            let topic = Topic { id, body, post: post.map(|_| said) };
            self.note(|history| history.topics.push(topic));
        }
        let said = format!("Comment {round} {}", fresh_key());
        if self.acknowledged(who, &format!("articles/{}/comments", self.article), &fresh_key(), &json!({"body": said})).await.is_some() {
            self.note(|history| history.comments.push(said));
        }
        let word = json!({"helpful": round % 8 == 3});
        self.acknowledged(who, &format!("articles/{}/feedback", self.article), &fresh_key(), &word).await;
    }

    /// Sends a write until it is acknowledged; none when its outcome stays unknown or it was refused.
    async fn acknowledged(&self, who: &Client, path: &str, key: &str, body: &Value) -> Option<(Vec<u8>, Value)> {
        self.until_acknowledged(path, || who.request(Method::POST, path).header("idempotency-key", key).json(body)).await
    }

    async fn until_acknowledged(&self, path: &str, request: impl Fn() -> RequestBuilder) -> Option<(Vec<u8>, Value)> {
        let end = Instant::now() + RETRIES;
        while Instant::now() < end {
            self.note(|history| history.requests += 1);
            match request().timeout(Duration::from_secs(10)).send().await {
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
        let answer = who.request(Method::GET, path).timeout(Duration::from_secs(10)).send().await;
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
