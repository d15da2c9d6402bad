//! Signing in, and the three ways in which a session ends; its token must be dead [`REVOKED_WITHIN`] after (I12).

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::asking::{Person, text};
use super::{Camp, Crowd, REVOKED_WITHIN};
use crate::client::Client;
use crate::history::Kind;
use crate::plan::{End, Step};
use crate::portal::PASSWORD;

/// What a visitor's password changes to, and back.
const OTHER_PASSWORD: &str = "seven loud herons sing";

/// Somebody who comes to lose sessions; whoever has them works with them alone.
#[derive(Debug)]
pub(super) struct Visitor {
    client: Client,
    password: &'static str,
}

impl Visitor {
    pub fn new(client: Client) -> Self {
        Self { client, password: PASSWORD }
    }
}

/// Whether one knows what the visitor is now.
type Known = Option<()>;

impl Crowd {
    /// Signs in, looks, and loses the session.
    pub(super) async fn sign_in(&self, camp: &Camp, customer: usize, place: usize, step: Step, end: End) {
        let visitor = if end == End::SignOut { None } else { camp.visitor.try_lock().ok().filter(|visitor| visitor.is_some()) };
        match visitor {
            Some(mut visitor) => {
                let Some(mut known) = visitor.take() else { return };
                let who = Person::named(camp, known.client.clone(), "visitor");
                let done = match end {
                    End::Suspend => self.suspend(&who, &known, place, step).await,
                    End::NewPassword | End::SignOut => self.change_password(&who, &mut known, place, step).await,
                };
                // Nobody knows what a write without acknowledgement made of the visitor: nobody is asked to be one again.
                *visitor = done.map(|()| known);
            }
            None => self.sign_out(&Person::customer(camp, customer), place, step).await,
        }
    }

    /// A new session.
    async fn enter(&self, who: &Person<'_>, password: &str, key: &str) -> Option<Client> {
        let body = json!({"email": who.client.email(), "password": password});
        let send = || who.camp.guest.request(Method::POST, "auth/login").json(&body);
        let session = self.until_acknowledged(who, "sign_in", key, Value::Null, send).await?;
        let client = who.camp.guest.with_token(&text(&session["access_token"]));
        let own = Person { client: client.clone(), ..who.clone() };
        self.read(&own, "me", key, "me", Value::Null, |_, _| json!({})).await;
        Some(client)
    }

    async fn sign_out(&self, who: &Person<'_>, place: usize, mut step: Step) {
        let key = step.key();
        let Some(client) = self.enter(who, PASSWORD, &key).await else { return };
        let own = Person { client: client.clone(), ..who.clone() };
        let send = || client.request(Method::POST, "auth/logout").header("idempotency-key", &key);
        if self.until_acknowledged(&own, "sign_out", &key, Value::Null, send).await.is_some() {
            self.is_dead(&own, place, &key).await;
        }
    }

    async fn suspend(&self, who: &Person<'_>, visitor: &Visitor, place: usize, mut step: Step) -> Known {
        let Some(client) = self.enter(who, visitor.password, &step.key()).await else { return Some(()) };
        let (admin, key) = (Person::named(who.camp, who.camp.admin.clone(), "admin"), step.key());
        self.set_status(&admin, "suspend", visitor, "suspended", &key).await?;
        let own = Person { client, ..who.clone() };
        self.is_dead(&own, place, &key).await;
        self.set_status(&admin, "reactivate", visitor, "active", &step.key()).await
    }

    async fn set_status(&self, admin: &Person<'_>, op: &str, visitor: &Visitor, status: &str, key: &str) -> Known {
        let (path, body) = (format!("users/{}", visitor.client.id()), json!({ "status": status }));
        let send = || admin.client.request(Method::PATCH, &path).header("idempotency-key", key).json(&body);
        self.until_acknowledged(admin, op, key, Value::Null, send).await.map(drop)
    }

    /// In one session; the other one must end.
    async fn change_password(&self, who: &Person<'_>, visitor: &mut Visitor, place: usize, mut step: Step) -> Known {
        let Some(old) = self.enter(who, visitor.password, &step.key()).await else { return Some(()) };
        let Some(stays) = self.enter(who, visitor.password, &step.key()).await else { return Some(()) };
        let (key, new) = (step.key(), if visitor.password == PASSWORD { OTHER_PASSWORD } else { PASSWORD });
        let body = json!({"current": visitor.password, "new": new});
        let send = || stays.request(Method::POST, "me/password").header("idempotency-key", &key).json(&body);
        self.until_acknowledged(who, "change_password", &key, Value::Null, send).await?;
        visitor.password = new;
        self.is_dead(&Person { client: old, ..who.clone() }, place, &key).await;
        Some(())
    }

    /// Tries a token whose session has ended, in time, and has it tried once more at the end.
    async fn is_dead(&self, own: &Person<'_>, place: usize, session: &str) {
        self.ended.lock().expect("no panic while noting").push((place, session.to_owned(), own.client.clone()));
        tokio::time::sleep(REVOKED_WITHIN + Duration::from_millis(200)).await;
        self.try_token(own, session, &format!("{session} soon")).await;
    }

    /// Tries every token whose session has ended once more.
    pub async fn try_old_tokens(&self) {
        let old = std::mem::take(&mut *self.ended.lock().expect("no panic while noting"));
        for (place, session, client) in old {
            let Some(camp) = self.camps.get(place) else { continue };
            self.try_token(&Person::named(camp, client, "nobody"), &session, &format!("{session} late")).await;
        }
    }

    async fn try_token(&self, who: &Person<'_>, session: &str, key: &str) {
        let doing = who.doing("old_token", key);
        self.recorder.note(doing, Kind::Invoke, json!({ "session": session }));
        self.must_be_refused(who, doing, "me").await;
    }
}
