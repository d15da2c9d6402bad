//! One request of the API or of a page: which portal, who asks, from where, until when, and how to ask the services in their name.

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use chassis::auth::{Caller, TokenError};
use chassis::deadline::Deadline;
use chassis::error::Error;
use chassis::grpc::{OPERATOR_TOKEN, PORTAL, SOURCE};
use chassis::ids::PortalId;
use portico_proto::identity::v1 as identity;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tonic::Request;
use tonic::metadata::MetadataValue;

use crate::arrival::Arrival;
use crate::clients::Clients;
use crate::csrf;
use crate::error::Problem;
use crate::limits::{self, Kind};
use crate::session::{self, Browser};
use crate::state::{AppState, InProgress};
use crate::term::Term;

/// What a handler knows besides its body and parameters.
#[derive(Clone)]
pub struct Call {
    /// Everything shared.
    pub state: AppState,
    /// Who asks.
    pub caller: Caller,
    /// The browser session, when the request has a cookie of ours (pages: always).
    pub browser: Option<Browser>,
    /// The request's headers.
    pub headers: HeaderMap,
    /// Where it comes from.
    pub source: IpAddr,
    portal: String,
    path: Vec<(String, String)>,
    token: Option<Arc<str>>,
    operator: bool,
    pub(crate) term: Term,
    request_id: String,
    // Held until the answer is ready.
    in_progress: Option<Arc<InProgress>>,
}

/// A call of the JSON API: a write with the cookie has been checked for its form token.
pub struct Api(pub Call);

/// A call of a page: `Posted` checks the form token of a write, with [`Call::check_form`].
pub struct Page(pub Call);

/// A call by whoever runs the installation.
pub struct Operator(pub Call);

impl FromRequestParts<AppState> for Api {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let call = Call::open(parts, state).await?;
        if csrf::is_write(&parts.method) && !parts.headers.contains_key(header::AUTHORIZATION) {
            call.check_api_write()?;
        }
        Ok(Self(call))
    }
}

impl FromRequestParts<AppState> for Page {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        Call::open(parts, state).await.map(Self)
    }
}

impl FromRequestParts<AppState> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let given = bearer(&parts.headers)?.ok_or_else(|| Problem::Error(Error::sign_in_required()))?;
        let known = state.operator_token().is_some_and(|token| bool::from(token.expose().as_bytes().ct_eq(given.as_bytes())));
        if !known {
            return Err(Error::Unauthenticated { code: "bad_credentials".into() }.into());
        }
        let mut call = Call::bare(parts, state, String::new());
        call.operator = true;
        call.caller = Caller::Operator;
        call.identify(&parts.method, parts.uri.path())?;
        Ok(Self(call))
    }
}

/// The token of an `Authorization` header.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let refused = || Problem::Error(Error::Unauthenticated { code: "token_invalid".into() });
    let text = value.to_str().map_err(|_| refused())?;
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() => Ok(Some(token.trim())),
        _ => Err(refused()),
    }
}

impl Call {
    async fn open(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        crate::extract::refuse_strange_path(parts)?;
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| Problem::not_found())?;
        let path: Vec<_> = params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let portal = path.iter().find(|(name, _)| name == "portal").map(|(_, value)| value.clone()).unwrap_or_default();
        let slug: PortalId = portal.parse().map_err(|_| Problem::not_found())?;
        let mut call = Self { path, ..Self::bare(parts, state, portal) };
        call.authenticate(&slug).await?;
        call.require_portal().await?;
        call.identify(&parts.method, parts.uri.path())?;
        Ok(call)
    }

    fn bare(parts: &Parts, state: &AppState, portal: String) -> Self {
        let arrival = parts.extensions.get::<Arrival>().cloned().unwrap_or_default();
        let browser = parts.extensions.get::<Browser>().cloned().or_else(|| Browser::from_headers(&parts.headers, state.session_keys()));
        Self {
            state: state.clone(),
            caller: Caller::Guest,
            headers: parts.headers.clone(),
            source: arrival.source,
            term: arrival.term,
            request_id: String::new(),
            operator: false,
            token: None,
            path: Vec::new(),
            in_progress: None,
            browser,
            portal,
        }
    }

    async fn authenticate(&mut self, slug: &PortalId) -> Result<(), Problem> {
        if let Some(token) = bearer(&self.headers)? {
            let person = self.state.tokens().person(token).map_err(refused)?;
            if person.portal != *slug {
                return Err(Error::Unauthenticated { code: "wrong_portal".into() }.into());
            }
            self.token = Some(token.into());
            self.caller = Caller::Person(Box::new(person));
            // A token speaks for itself: the cookie that happens to come along decides nothing.
            self.browser = None;
            return Ok(());
        }
        let Some(secret) = self.browser.as_ref().and_then(Browser::secret) else { return Ok(()) };
        let request =
            identity::ResolveSessionRequest { portal: self.portal.clone(), secret: secret.to_owned(), client: Some(self.client(true)) };
        let request = self.grpc(request);
        if let Some(signed_in) = self.state.sign_ins().resolve(self.state.clients(), self.state.tokens(), request).await? {
            if signed_in.person.portal != *slug {
                return Err(Error::Unauthenticated { code: "wrong_portal".into() }.into());
            }
            self.token = Some(signed_in.token.into());
            self.caller = Caller::Person(Box::new(signed_in.person));
        }
        Ok(())
    }

    /// Looks again whether the session stands, with a new token if needed and time for a next step; false when it ended or the person's rights
    /// changed.
    ///
    /// # Errors
    /// When identity must be asked and does not answer.
    pub async fn refresh(&mut self) -> Result<bool, Problem> {
        self.term = Term::within(Duration::from_secs(2));
        let Some(before) = self.caller.as_person().cloned() else { return Ok(false) };
        if let Some(token) = self.token.as_deref() {
            match self.state.tokens().person(token) {
                Ok(_) => return Ok(true),
                // A revoked token means that something changed: the client begins anew and is looked at again.
                Err(TokenError::Revoked | TokenError::Invalid) => return Ok(false),
                Err(TokenError::Expired) if self.browser.is_none() => return Ok(false),
                Err(TokenError::Expired) => {}
            }
        }
        self.caller = Caller::Guest;
        self.authenticate(&before.portal.clone()).await?;
        Ok(self.caller.as_person().is_some_and(|now| (now.id, now.generation) == (before.id, before.generation)))
    }

    /// A portal that was made a moment ago may not be in the copy yet: then identity is asked.
    async fn require_portal(&self) -> Result<(), Problem> {
        if self.state.portals().get(&self.portal).is_some() {
            return Ok(());
        }
        let request = self.grpc(identity::GetPortalRequest { portal: self.portal.clone() });
        self.state.clients().portals().get_portal(request).await?;
        Ok(())
    }

    /// Derives the request id of the services from `Idempotency-Key`, or makes one.
    fn identify(&mut self, method: &Method, path: &str) -> Result<(), Problem> {
        let Some(key) = self.headers.get("idempotency-key").filter(|_| csrf::is_write(method)) else {
            self.request_id = self.state.random().uuid(self.state.clock().now()).to_string();
            return Ok(());
        };
        let well_formed = (1..=128).contains(&key.len()) && key.as_bytes().iter().all(u8::is_ascii_graphic);
        if !well_formed {
            return Err(Error::invalid("Idempotency-Key", "invalid", "Idempotency-Key must be 1 to 128 visible ASCII characters.").into());
        }
        self.request_id = self.scoped_key(method, path, key.as_bytes());
        self.in_progress = Some(Arc::new(self.state.begin(&self.request_id)?));
        Ok(())
    }

    /// One key is worth nothing for another caller or path.
    fn scoped_key(&self, method: &Method, path: &str, key: &[u8]) -> String {
        let who = match &self.caller {
            Caller::Guest => format!("guest {}", self.state.source_hash(self.source)),
            caller => caller.actor(),
        };
        let mut digest = Sha256::new();
        for part in [self.portal.as_bytes(), who.as_bytes(), method.as_str().as_bytes(), path.as_bytes(), key] {
            digest.update(part.len().to_be_bytes());
            digest.update(part);
        }
        hex::encode(digest.finalize())
    }

    fn check_api_write(&self) -> Result<(), Problem> {
        match &self.browser {
            Some(browser) => {
                csrf::check(&self.headers, self.state.origins(), browser, csrf::header_token(&self.headers), self.state.session_keys())
            }
            None if csrf::not_cross_site(&self.headers, self.state.origins()) => Ok(()),
            None => Err(Problem::csrf()),
        }
    }

    /// Checks a page's form: the rule of [`csrf`] and the form's `_csrf`.
    ///
    /// # Errors
    /// 403 `csrf`.
    pub fn check_form(&self, token: Option<&str>) -> Result<(), Problem> {
        let browser = self.browser.as_ref().ok_or_else(Problem::csrf)?;
        csrf::check(&self.headers, self.state.origins(), browser, token, self.state.session_keys())
    }

    /// The portal's slug.
    pub fn portal(&self) -> String {
        self.portal.clone()
    }

    /// A segment of the path by its name in the route; empty when the route has none of that name.
    pub fn path(&self, name: &str) -> String {
        self.path.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// The other services.
    pub fn clients(&self) -> &Clients {
        self.state.clients()
    }

    /// The idempotency key of the services: the same for a repeated `Idempotency-Key`, new otherwise.
    pub fn request_id(&self) -> String {
        self.request_id.clone()
    }

    /// The client's `Idempotency-Key`, scoped to caller and path; `None` without one.
    pub fn idempotency_key(&self) -> Option<&str> {
        self.in_progress.as_ref().map(|_| self.request_id.as_str())
    }

    /// `If-Match` as the contracts' etag.
    ///
    /// # Errors
    /// 400 when it is not one tag.
    pub fn etag(&self) -> Result<String, Problem> {
        crate::json::shared::if_match(&self.headers)
    }

    /// Until when the answer is of use.
    pub fn deadline(&self) -> Deadline {
        self.term.deadline()
    }

    /// The same call in nobody's name: after something that made the token void.
    pub fn without_token(&self) -> Self {
        Self { token: None, caller: Caller::Guest, ..self.clone() }
    }

    /// The access token of the caller.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// A gRPC request in the caller's name, with the deadline.
    pub fn grpc<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        // A deadline that has passed still needs a number: the peer then refuses at once.
        request.set_timeout(self.deadline().remaining().unwrap_or(Duration::from_millis(1)));
        let metadata = request.metadata_mut();
        if let Some(token) = self.token.as_deref().and_then(|token| MetadataValue::from_str(&format!("Bearer {token}")).ok()) {
            metadata.insert("authorization", token);
        }
        if let Ok(source) = MetadataValue::from_str(&self.state.source_hash(self.source)) {
            metadata.insert(SOURCE, source);
        }
        if let Ok(portal) = MetadataValue::from_str(&self.portal) {
            metadata.insert(PORTAL, portal);
        }
        if let Some(operator) = self.state.operator_token().filter(|_| self.operator)
            && let Ok(value) = MetadataValue::from_str(operator.expose())
        {
            metadata.insert(OPERATOR_TOKEN, value);
        }
        request
    }

    /// The client, as identity wants to know it: a known device says so, and a `browser` brings its cookie along.
    pub fn client(&self, browser: bool) -> identity::Client {
        let secret = self.browser.as_ref().and_then(Browser::secret).filter(|_| browser);
        identity::Client {
            ip: self.source.to_string(),
            user_agent: self.user_agent(),
            browser_secret: secret.map(str::to_owned).unwrap_or_default(),
            device_token: session::cookie(&self.headers, session::DEVICE_COOKIE).map(str::to_owned).unwrap_or_default(),
            browser,
        }
    }

    fn user_agent(&self) -> String {
        let text = self.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        text.chars().take(300).collect()
    }

    /// The form token for `X-CSRF-Token` and `_csrf`; `None` without a cookie.
    pub fn csrf_token(&self) -> Option<String> {
        self.browser.as_ref().map(|browser| browser.csrf_token(self.state.session_keys(), self.state.random()))
    }

    /// Counts an attempt to use a password, link, code or refresh token.
    ///
    /// # Errors
    /// 429 when this source has tried too often.
    pub fn limit_credentials(&self) -> Result<(), Problem> {
        self.limit(Kind::Credentials)
    }

    /// Takes a token: of the person for uploads, of the source for everything else.
    ///
    /// # Errors
    /// 429 when the bucket is empty.
    pub fn limit(&self, kind: Kind) -> Result<(), Problem> {
        let bucket = match (kind, self.caller.as_person()) {
            (Kind::Uploads, Some(person)) => person.id.as_u128(),
            _ => limits::of_source(self.source),
        };
        self.state.take(Some(&self.portal), kind, bucket).map_err(Problem::from)
    }

    /// The cookies of a browser's sign-in: a new browser session (S19), and the known device.
    pub fn signed_in_cookies(&self, answer: &identity::SignIn) -> Vec<HeaderValue> {
        let browser = Browser::signed_in(answer.browser_secret.clone(), self.state.random());
        browser.set_cookie(self.state.session_keys(), self.state.random()).into_iter().chain(Self::device_cookie(answer)).collect()
    }

    /// The cookie of a known device, after a sign-in that gave one: its owner can sign in from there while others guess (S17).
    pub fn device_cookie(answer: &identity::SignIn) -> Option<HeaderValue> {
        Some(&answer.device_token).filter(|token| !token.is_empty()).and_then(|token| session::set_device_cookie(token))
    }

    /// The cookie after a sign-out or another change of what the session may do: the same sign-ins under a new id.
    pub fn renewed_cookie(&self) -> Option<HeaderValue> {
        self.forget_session();
        let browser = self.browser.as_ref()?.renewed(self.state.random());
        browser.set_cookie(self.state.session_keys(), self.state.random())
    }

    /// Drops what is remembered of this cookie's sign-in, so that identity is asked again.
    pub fn forget_session(&self) {
        if let Some(secret) = self.browser.as_ref().and_then(Browser::secret) {
            self.state.sign_ins().forget(secret);
        }
    }
}

fn refused(error: TokenError) -> Problem {
    let code = match error {
        TokenError::Invalid => "token_invalid",
        TokenError::Expired => "token_expired",
        TokenError::Revoked => "token_revoked",
    };
    Error::Unauthenticated { code: code.into() }.into()
}
