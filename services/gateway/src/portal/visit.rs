//! One request of a page: the call, the frame of the page, and the reader's dates.

use std::time::Duration;

use askama::Template;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use chassis::auth::{Caller, Person, Visibility};
use chassis::error::Error;
use portico_proto::identity::v1 as identity;
use portico_proto::notifier::v1 as notifier;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::dates::Dates;
use super::view::form::Form;
use super::view::layout::{Layout, Me, Portal, Words, capital};
use crate::call::{Call, Page};
use crate::error::{Answer, Problem};
use crate::session;
use crate::state::AppState;

/// Keeps the reader's choice of colours.
pub const THEME_COOKIE: &str = "portico-theme";
/// Carries one sentence to the next page.
pub const FLASH_COOKIE: &str = "portico-flash";

/// How long a page waits for the count of unread marks.
const BELL: Duration = Duration::from_millis(150);

/// A page's request.
#[derive(Clone)]
pub struct Visit {
    /// Who asks, and how to ask the services in their name.
    pub call: Call,
    /// The frame of the page.
    pub l: Layout,
    /// The reader's dates.
    pub dates: Dates,
}

impl FromRequestParts<AppState> for Visit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let Page(call) = Page::from_request_parts(parts, state).await?;
        let path = parts.uri.path_and_query().map_or_else(|| parts.uri.path().to_owned(), ToString::to_string);
        let mut visit = Self::of(call, path).await?;
        if parts.method.is_safe() {
            visit.l.unread = visit.unread().await;
        }
        Ok(visit)
    }
}

impl Visit {
    /// The frame for a call. A portal that was made a moment ago may not be in the copy yet: then identity is asked.
    async fn of(call: Call, path: String) -> Answer<Self> {
        let zone = match &call.caller {
            Caller::Person(person) => person.time_zone.clone(),
            _ => "UTC".into(),
        };
        let dates = Dates::new(call.state.clock().now(), &zone);
        let facts = match call.state.portals().get(&call.portal()) {
            Some(copy) => Facts::of_copy(&copy.title, copy.version, &copy.settings),
            None => {
                let request = call.grpc(identity::GetPortalRequest { portal: call.portal() });
                Facts::of_owner(call.clients().portals().get_portal(request).await?.into_inner())
            }
        };
        let l = layout(&call, path, facts);
        Ok(Self { call, l, dates })
    }

    async fn unread(&self) -> i32 {
        if self.l.me.is_none() {
            return 0;
        }
        let request = self.call.grpc(notifier::GetUnreadCountRequest { portal: self.call.portal() });
        let mut bell = self.call.clients().notifications();
        // The bell may be dark for a moment; the page is not worth less for it, and does not wait.
        match tokio::time::timeout(BELL, bell.get_unread_count(request)).await {
            Ok(Ok(answer)) => answer.into_inner().unread_count,
            Ok(Err(_)) | Err(_) => 0,
        }
    }

    /// The signed-in person, or a way to sign in.
    ///
    /// # Errors
    /// 401, which the pages' layer turns into a redirect to the sign-in page.
    pub fn person(&self) -> Answer<&Person> {
        Ok(self.call.caller.person()?)
    }

    /// One of the team.
    ///
    /// # Errors
    /// 401 for a guest; 404 for a customer, so that nothing tells what is there.
    pub fn staff(&self) -> Answer<&Person> {
        let person = self.person()?;
        if person.is_staff() { Ok(person) } else { Err(Problem::not_found()) }
    }

    /// An administrator.
    ///
    /// # Errors
    /// As [`Visit::staff`].
    pub fn admin(&self) -> Answer<&Person> {
        let person = self.person()?;
        if self.l.admin() { Ok(person) } else { Err(Problem::not_found()) }
    }

    /// Whose id the reader has; empty for a guest.
    pub fn my_id(&self) -> String {
        self.l.me.as_ref().map(|me| me.id.clone()).unwrap_or_default()
    }

    /// The portal's slug.
    pub fn portal(&self) -> String {
        self.call.portal()
    }

    /// A path below the portal.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.l.portal.base)
    }

    /// Where the reader works on a request: the team at the desk, everybody else in the portal.
    pub fn request_url(&self, number: &str) -> String {
        if self.l.staff() { format!("{}/tickets/{number}", self.l.portal.desk) } else { self.url(&format!("/requests/{number}")) }
    }

    /// The frame with its part of the portal marked.
    pub fn layout(&self, section: &'static str) -> Layout {
        Layout { section, ..self.l.clone() }
    }

    /// A new form with an idempotency key.
    pub fn form(&self) -> Form {
        Form::new(self.call.state.random().uuid(self.call.state.clock().now()).to_string())
    }

    /// The services' request id for a form's key: one key is worth nothing for another caller or purpose.
    pub fn request_id(&self, purpose: &str, key: &str) -> String {
        let who = match &self.call.caller {
            Caller::Guest => self.call.browser.as_ref().map_or_else(String::new, |_| self.call.state.source_hash(self.call.source)),
            caller => caller.actor(),
        };
        let mut digest = Sha256::new();
        for part in [self.call.portal().as_str(), who.as_str(), purpose, key] {
            digest.update(part.len().to_be_bytes());
            digest.update(part);
        }
        hex::encode(digest.finalize())
    }

    /// Answers a page.
    ///
    /// # Errors
    /// 500 when the template fails.
    pub fn show(&self, page: &impl Template) -> Answer<Response> {
        self.show_as(StatusCode::OK, page)
    }

    /// Answers a page with a status: 422 for a form that was refused.
    ///
    /// # Errors
    /// As [`Visit::show`].
    pub fn show_as(&self, status: StatusCode, page: &impl Template) -> Answer<Response> {
        let html = page.render().map_err(|error| Problem::Error(Error::internal(format!("a template failed: {error}"))))?;
        let mut response = (status, Html(html)).into_response();
        response.headers_mut().insert(header::VARY, HeaderValue::from_static("HX-Request-Type, Cookie"));
        if self.l.flash.is_some() {
            let gone = HeaderValue::from_static("portico-flash=; Path=/; Max-Age=0; SameSite=Lax");
            response.headers_mut().append(header::SET_COOKIE, gone);
        }
        Ok(response)
    }

    /// A status in the portal's words.
    pub fn status_word(&self, key: &str) -> String {
        let copy = self.call.state.portals().get(&self.portal());
        let label = copy.as_ref().and_then(|portal| portal.settings.pointer(&format!("/status_labels/{key}"))?.as_str());
        label.map_or_else(|| capital(&key.replace('_', " ")), |label| label.replace("{sub_status}", "…"))
    }

    /// Answers a page with an empty form that makes something. Back shows the same page with the same idempotency key, so that sending it again
    /// makes nothing twice.
    ///
    /// # Errors
    /// As [`Visit::show`].
    pub fn show_form(&self, page: &impl Template) -> Answer<Response> {
        let mut response = self.show(page)?;
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        Ok(response)
    }

    /// Whether a script asks for a part of the page alone. Back, forward and restores ask for the whole.
    pub fn partial(&self) -> bool {
        self.call.headers.get("hx-request-type").is_some_and(|kind| kind.as_bytes() == b"partial")
    }

    /// Goes on to another page of the portal after a write.
    pub fn go(&self, url: &str) -> Response {
        Redirect::to(url).into_response()
    }

    /// Goes on and says a sentence there.
    pub fn go_saying(&self, url: &str, sentence: &str) -> Response {
        let mut response = self.go(url);
        let value = super::view::layout::percent_encode(sentence);
        if let Ok(value) = HeaderValue::from_str(&format!("{FLASH_COOKIE}={value}; Path=/; Max-Age=30; SameSite=Lax; HttpOnly")) {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
        response
    }
}

/// What the frame tells of a portal.
struct Facts {
    title: String,
    version: i64,
    lang: String,
    community: bool,
    announcements: bool,
    signup: bool,
    guest_requests: bool,
    words: Words,
}

impl Facts {
    fn of_copy(title: &str, version: i64, settings: &Value) -> Self {
        let flag = |pointer: &str| settings.pointer(pointer).and_then(Value::as_bool).unwrap_or(false);
        let word = |name: &str| settings.pointer(&format!("/words/{name}")).and_then(Value::as_str).map(str::to_owned);
        Self {
            title: title.to_owned(),
            version,
            lang: settings.pointer("/locales/0").and_then(Value::as_str).unwrap_or("en").to_owned(),
            community: flag("/features/community"),
            announcements: flag("/features/announcements"),
            signup: flag("/features/signup"),
            guest_requests: flag("/policies/guest_requests"),
            words: words(word),
        }
    }

    fn of_owner(portal: identity::Portal) -> Self {
        let features = portal.features.unwrap_or_default();
        Self {
            lang: portal.locales.first().cloned().unwrap_or_else(|| "en".into()),
            words: words(|name| portal.words.get(name).cloned()),
            title: portal.title,
            version: portal.settings_version,
            community: features.community,
            announcements: features.announcements,
            signup: features.signup,
            guest_requests: portal.guest_requests,
        }
    }
}

fn layout(call: &Call, path: String, facts: Facts) -> Layout {
    let slug = call.portal();
    let base = format!("/portal/{slug}");
    let lang = match &call.caller {
        Caller::Person(person) => person.locale.clone(),
        _ => facts.lang,
    };
    Layout {
        dir: if rtl(&lang) { "rtl" } else { "ltr" },
        theme: session::cookie(&call.headers, THEME_COOKIE).filter(|theme| matches!(*theme, "light" | "dark")).unwrap_or_default().into(),
        csrf: call.csrf_token().unwrap_or_default(),
        api: format!("/api/v1/portals/{slug}"),
        portal: Portal {
            title: facts.title,
            desk: format!("/desk/{slug}"),
            theme_url: format!("{base}/theme.css?v={}", facts.version),
            community: facts.community,
            announcements: facts.announcements,
            signup: facts.signup,
            guest_requests: facts.guest_requests,
            base,
            slug,
        },
        words: facts.words,
        me: me(&call.caller),
        unread: 0,
        flash: flash(&call.headers),
        failed: false,
        section: "",
        upload_limit: i64::try_from(crate::uploads::largest(call)).unwrap_or(i64::MAX),
        path,
        lang,
    }
}

fn words(word: impl Fn(&str) -> Option<String>) -> Words {
    let word = |name: &str, default: String| word(name).map_or(default, |word| word.to_lowercase());
    let default = Words::default();
    Words {
        ticket: word("ticket", default.ticket),
        tickets: word("tickets", default.tickets),
        organization: word("organization", default.organization),
        article: word("article", default.article),
        articles: word("articles", default.articles),
        product: word("product", default.product),
    }
}

fn me(caller: &Caller) -> Option<Me> {
    let person = caller.person().ok()?;
    Some(Me {
        id: person.id.to_string(),
        name: person.name.clone(),
        email: person.email.clone(),
        staff: person.is_staff(),
        admin: person.role == chassis::auth::Role::Admin,
        external: !person.internal,
        organization_view: person.organization.is_some() && person.visibility == Visibility::Organization,
        team: false,
        me: true,
    })
}

fn flash(headers: &HeaderMap) -> Option<String> {
    let value = session::cookie(headers, FLASH_COOKIE)?;
    let text = percent_encoding::percent_decode_str(value).decode_utf8().ok()?;
    Some(text.chars().take(200).collect::<String>()).filter(|text| !text.is_empty())
}

fn rtl(lang: &str) -> bool {
    matches!(lang.split('-').next(), Some("ar" | "he" | "fa" | "ur"))
}
