//! A portal of a test's own, and its people.

use hmac::{Hmac, Mac};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;
use time::OffsetDateTime;

use crate::client::{Answer, Client};
use crate::mail::{Mail, Mailbox};
use crate::page::Browser;
use crate::stack::World;

/// A password that every rule accepts.
pub const PASSWORD: &str = "nine quiet otters cross";

/// One portal.
#[derive(Debug)]
pub struct Portal<'w> {
    world: &'w World,
    /// Its slug, which is part of every address in it.
    pub slug: String,
    /// Its first administrator, signed in.
    pub admin: Client,
    /// What signs inbound mail.
    pub inbound_secret: String,
}

/// What a new person is.
#[derive(Debug, Clone, Default)]
pub struct As<'a> {
    /// customer (default), agent or admin.
    pub role: Option<&'a str>,
    /// The organisation's id.
    pub organization: Option<&'a str>,
    /// own or organization.
    pub visibility: Option<&'a str>,
}

impl<'w> Portal<'w> {
    /// Makes a portal as the operator and signs its administrator in by the one-time link.
    pub async fn create(world: &'w World, slug: &str, profile: &str) -> Self {
        let email = format!("admin@{slug}.test");
        let body = json!({"slug": slug, "title": format!("Help of {slug}"), "profile": profile, "admin_email": email});
        let made = world.operator().post("/api/v1/portals", body).await.expect(201);
        let url = made["invitation"]["url"].as_str().expect("an invitation's link");
        let token = url.rsplit('/').next().expect("a token");
        let guest = world.guest(slug);
        let session = guest.post("auth/register", json!({"token": token, "password": PASSWORD, "name": "Ada Admin"})).await.expect(201);
        let inbound_secret = made["inbound_secret"].as_str().expect("a secret for inbound mail").to_owned();
        Self { world, slug: slug.to_owned(), admin: guest.with_session(session), inbound_secret }
    }

    /// The stack it is in.
    pub fn world(&self) -> &World {
        self.world
    }

    /// Caught mail.
    pub fn mailbox(&self) -> &Mailbox {
        self.world.mailbox()
    }

    /// A guest.
    pub fn guest(&self) -> Client {
        self.world.guest(&self.slug)
    }

    /// A browser that was never here.
    pub fn browser(&self) -> Browser {
        Browser::open(&self.guest(), &self.slug)
    }

    /// A browser in which somebody has signed in with [`PASSWORD`].
    pub async fn browser_of(&self, person: &Client) -> Browser {
        let mut browser = self.browser();
        assert_eq!(browser.sign_in(person.email(), PASSWORD).await.status, 303);
        browser
    }

    /// An address that exists in no other test: `alice@acme.t1234.test`.
    pub fn address(&self, name: &str) -> String {
        match name.split_once('@') {
            Some((local, domain)) => format!("{local}@{domain}.{}.test", self.slug),
            None => format!("{name}@{}.test", self.slug),
        }
    }

    /// Invites somebody, who registers with the link from the mail.
    pub async fn person(&self, name: &str, what: As<'_>) -> Client {
        let email = self.address(name);
        let mut body = json!({"email": email, "name": name, "role": what.role.unwrap_or("customer")});
        if let Some(organization) = what.organization {
            body["organization"] = organization.into();
        }
        if let Some(visibility) = what.visibility {
            body["visibility"] = visibility.into();
        }
        self.admin.post("invitations", body).await.expect(201);
        let mail = self.mailbox().first(&email, "invite").await;
        self.register(&mail, name).await
    }

    /// Registers with the one-time link of a mail.
    pub async fn register(&self, mail: &Mail, name: &str) -> Client {
        let guest = self.guest();
        let body = json!({"token": mail.token(), "password": PASSWORD, "name": name});
        let session = guest.post("auth/register", body).await.expect(201);
        guest.with_session(session)
    }

    /// An agent.
    pub async fn agent(&self, name: &str) -> Client {
        self.person(name, As { role: Some("agent"), ..As::default() }).await
    }

    /// A customer without organisation.
    pub async fn customer(&self, name: &str) -> Client {
        self.person(name, As::default()).await
    }

    /// A new organisation's id.
    pub async fn organization(&self, name: &str) -> String {
        let made = self.admin.post("organizations", json!({"name": name})).await.expect(201);
        made["id"].as_str().expect("an organisation has an id").to_owned()
    }

    /// Changes the settings.
    pub async fn settings(&self, patch: Value) -> Value {
        self.admin.patch("settings", patch).await.expect(200)
    }

    /// Hands a raw mail to the portal's inbound door, signed as a mail provider signs it.
    pub async fn inbound(&self, raw: &str) -> Answer {
        let at = OffsetDateTime::now_utc().unix_timestamp().to_string();
        let signature = self.sign(&at, raw);
        let guest = self.guest();
        let request = guest
            .request(Method::POST, "inbound-email")
            .header("content-type", "message/rfc822")
            .header("x-portico-timestamp", at)
            .header("x-portico-signature", signature)
            .body(raw.to_owned());
        guest.send(request).await
    }

    /// `sha256=…` over time and body.
    pub fn sign(&self, at: &str, raw: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.inbound_secret.as_bytes()).expect("any length of key");
        mac.update(format!("{at}.{raw}").as_bytes());
        format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
    }
}

/// A mail whose sender a trusted server has proven.
pub fn proven_mail(from: &str, to: &str, subject: &str, message_id: &str, body: &str) -> String {
    format!(
        "Authentication-Results: mx.portico.test; dmarc=pass header.from={domain}\r\nFrom: {from}\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{message_id}>\r\n\
         Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n",
        domain = from.rsplit('@').next().unwrap_or_default(),
    )
}
