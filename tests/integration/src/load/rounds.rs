//! What the people of the load do, but for signing in.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::asking::{Person, Write, text};
use super::{AUTO_RESOLVE, Camp, Crowd, NOTE, SEARCHED};
use crate::history::Kind;
use crate::plan::{Step, Turn};

/// An answer back comes at most so much before the timer, and as much after it.
const AROUND: u64 = 300;

impl Crowd {
    pub(super) async fn ticket(&self, camp: &Camp, customer: usize, mut step: Step, file: bool, turn: Turn) {
        let who = Person::customer(camp, customer);
        let subject = step.words("Load", &camp.slug);
        let mut body = json!({"subject": subject, "description": format!("Text of {subject}")});
        let mut content = Value::Null;
        if file {
            let text = format!("File of {subject}");
            if let Some(upload) = self.upload(&who, &step.key(), &text).await {
                body["uploads"] = json!([upload]);
                content = text.into();
            }
        }
        let asked = json!({"body": body, "file": content, "customer": customer});
        let Some(ticket) = self.write(&who, &step.key(), Write::post("ticket", "tickets", body, asked)).await else { return };
        let number = text(&ticket["number"]);
        self.look(&who, &number, &mut step).await;
        if let Some(content) = content.as_str() {
            self.download(&who, &number, content, &mut step).await;
        }
        if turn == Turn::Share {
            self.share_for_a_moment(&who, (customer + 1) % camp.customers.len(), &number, &mut step).await;
        }
        let agent = Person::agent(camp);
        let answered = self.say(&agent, "reply", &number, "Answer", json!({"status": "waiting_customer"}), &mut step).await;
        self.look(&agent, &number, &mut step).await;
        self.look(&who, &number, &mut step).await;
        match turn {
            Turn::Note => {
                self.say(&agent, "note", &number, NOTE, json!({"visibility": "internal"}), &mut step).await;
                self.look(&who, &number, &mut step).await;
            }
            Turn::AnswerBack if answered.is_some() => {
                let soon = Duration::from_secs(AUTO_RESOLVE.into()) - Duration::from_millis(AROUND) + step.millis(2 * AROUND);
                tokio::time::sleep(soon).await;
                self.say(&who, "answer_back", &number, "Back", json!({}), &mut step).await;
                self.look(&who, &number, &mut step).await;
            }
            Turn::None | Turn::Share | Turn::AnswerBack => {}
        }
    }

    /// Writes on a ticket; `more` goes into the body.
    async fn say(&self, who: &Person<'_>, op: &str, number: &str, words: &str, more: Value, step: &mut Step) -> Option<Value> {
        let said = step.words(words, &who.camp.slug);
        let mut body = more;
        body["body"] = said.as_str().into();
        let asked = json!({"number": number, "body": said});
        self.write(who, &step.key(), Write::post(op, format!("tickets/{number}/comments"), body, asked)).await
    }

    /// Another customer of the portal may read the ticket until that is taken back.
    async fn share_for_a_moment(&self, who: &Person<'_>, other: usize, number: &str, step: &mut Step) {
        let body = json!({"email": who.camp.customers[other].email()});
        let path = format!("tickets/{number}/collaborators");
        let asked = json!({"number": number, "with": other});
        let Some(share) = self.write(who, &step.key(), Write::post("share", path.as_str(), body, asked.clone())).await else { return };
        let path = format!("{path}/{}", text(&share["id"]));
        self.write(who, &step.key(), Write { op: "unshare", method: Method::DELETE, path, body: Value::Null, asked }).await;
    }

    /// Uploads a file; its id.
    async fn upload(&self, who: &Person<'_>, key: &str, content: &str) -> Option<String> {
        let send = || {
            let request = who.client.request(Method::POST, "uploads").query(&[("name", "note.txt")]).header("content-type", "text/plain");
            request.header("idempotency-key", key).body(content.to_owned())
        };
        let answer = self.until_acknowledged(who, "upload", key, Value::Null, send).await?;
        Some(text(&answer["upload_id"]))
    }

    /// Asks for the ticket's file at once: it is whole, or not yet given out.
    async fn download(&self, who: &Person<'_>, number: &str, content: &str, step: &mut Step) {
        let path = format!("tickets/{number}/timeline");
        let timeline = self.read(who, "list", &step.key(), &path, Value::Null, |_, _| json!({})).await;
        let Some(id) = timeline["items"][0]["attachments"][0]["id"].as_str() else { return };
        let right = |status: u16, bytes: &[u8]| json!({"right": !(200..300).contains(&status) || bytes == content.as_bytes()});
        self.read(who, "list", &step.key(), &format!("attachments/{id}"), json!({"number": number}), right).await;
    }

    /// A topic, an answer to it, a comment on the article and a word about its use.
    pub(super) async fn talk(&self, camp: &Camp, customer: usize, mut step: Step) {
        let (who, other) = (Person::customer(camp, customer), Person::customer(camp, (customer + 1) % camp.customers.len()));
        let title = step.words("Talk", &camp.slug);
        let body = json!({"type": "question", "title": title, "body": format!("Text of {title}"), "forum": camp.forum});
        let asked = json!({ "body": body });
        if let Some(topic) = self.write(&who, &step.key(), Write::post("topic", "topics", body, asked)).await {
            let (id, said) = (text(&topic["id"]), step.words("Post", &camp.slug));
            let asked = json!({"topic": id, "body": said});
            self.write(&other, &step.key(), Write::post("post", format!("topics/{id}/posts"), json!({"body": said}), asked)).await;
        }
        let said = step.words("Comment", &camp.slug);
        let path = format!("articles/{}", camp.article);
        let comment = Write::post("comment", format!("{path}/comments"), json!({"body": said}), json!({"body": said}));
        self.write(&who, &step.key(), comment).await;
        let word = json!({"helpful": step.number.is_multiple_of(2)});
        self.write(&who, &step.key(), Write::post("feedback", format!("{path}/feedback"), word, Value::Null)).await;
    }

    /// An agent publishes an article, or publishes and withdraws it; then a customer looks for it.
    pub(super) async fn article(&self, camp: &Camp, customer: usize, mut step: Step, withdrawn: bool) {
        let (agent, title) = (Person::agent(camp), step.words(SEARCHED, &camp.slug));
        let body = json!({"title": title, "body": format!("Text of {title}"), "state": "published"});
        let made = self.write(&agent, &step.key(), Write::post("article", "articles", body, json!({"title": title}))).await;
        let Some(article) = made else { return };
        if withdrawn {
            let path = format!("articles/{}", text(&article["slug"]));
            let (body, asked) = (json!({"state": "archived"}), json!({"title": title}));
            self.write(&agent, &step.key(), Write { op: "unpublish", method: Method::PATCH, path, body, asked }).await;
        }
        // What was withdrawn and acknowledged must not be found; what was not may take a moment.
        self.find(&Person::customer(camp, customer), &title, json!({ "gone": title }), &mut step).await;
    }

    /// Lists and searches; what comes must be of this portal.
    pub(super) async fn search(&self, camp: &Camp, customer: usize, mut step: Step) {
        let who = Person::customer(camp, customer);
        self.find(&who, "text", Value::Null, &mut step).await;
        for path in ["tickets?limit=10", "topics?limit=10", "notifications?limit=10"] {
            self.read(&who, "list", &step.key(), path, Value::Null, |_, _| json!({})).await;
        }
    }

    /// Searches; the titles of articles and the numbers of tickets that were found are noted.
    async fn find(&self, who: &Person<'_>, words: &str, asked: Value, step: &mut Step) {
        let path = format!("search?q={}", words.replace(' ', "%20"));
        self.read(who, "search", &step.key(), &path, asked, |_, bytes| {
            let found: Value = serde_json::from_slice(bytes).unwrap_or_default();
            let hits = |kind: &str, what: &str| {
                let groups = found["groups"].as_array().into_iter().flatten().filter(|group| group["kind"] == kind);
                let items = groups.filter_map(|group| group["items"].as_array()).flatten();
                items.map(|item| item[what].clone()).collect::<Vec<Value>>()
            };
            json!({"titles": hits("articles", "title"), "tickets": hits("tickets", "id")})
        })
        .await;
    }

    /// A guest, and a token that somebody made up, are told nothing, whatever is away (I16).
    pub(super) async fn stranger(&self, camp: &Camp, mut step: Step) {
        for client in [camp.guest.clone(), camp.guest.with_token(&forged(&text(&camp.agent.session["access_token"])))] {
            let who = Person::named(camp, client, "stranger");
            let key = step.key();
            let doing = who.doing("stranger", &key);
            self.recorder.note(doing, Kind::Invoke, Value::Null);
            self.must_be_refused(&who, doing, "tickets").await;
        }
    }
}

/// A token of the right form whose signature is wrong in one letter.
fn forged(token: &str) -> String {
    let middle = token.len() / 2;
    token.char_indices().map(|(place, letter)| if place == middle { if letter == 'A' { 'B' } else { 'A' } } else { letter }).collect()
}
