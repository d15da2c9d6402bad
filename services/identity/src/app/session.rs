//! Sessions: beginning, using, exchanging and ending them.

use async_trait::async_trait;
use portico_chassis::auth;
use portico_chassis::deadline::Deadline;
use portico_chassis::error::Error;
use portico_chassis::grpc::Context;
use portico_chassis::ids::PortalId;
use portico_chassis::journal::RequestKey;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::draft::{Draft, Subject};
use super::{App, Ask, Command, caller_id};
use crate::domain::ids::{BrowserId, PersonId, SessionId};
use crate::domain::person::{Person, Status};
use crate::domain::portal::Portal;
use crate::domain::session::{EndReason, Session};
use crate::domain::text::clipped;
use crate::store;
use crate::store::browser::{self, BrowserRow};
use crate::store::session::{self as rows, Exchange};

/// Bytes of a user agent that are kept.
const USER_AGENT_BYTES: usize = 300;
/// Bytes of an address that are kept.
const IP_BYTES: usize = 45;
/// Sessions that one command ends; a person with more signs out of the rest by the epoch.
const MOST_SESSIONS: i64 = 200;

/// Who signs in, as the gateway saw it.
#[derive(Debug, Clone, Default)]
pub struct Client {
    /// Textual IP address.
    pub ip: String,
    /// What the client said it was.
    pub user_agent: String,
    /// A browser gets a cookie instead of a refresh token.
    pub browser: bool,
    /// The cookie that the browser has.
    pub browser_secret: String,
    /// What an earlier sign-in left on the device.
    pub device_token: String,
}

/// A sign-in as it is stored: without secrets, which are derived when it is answered.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SignedIn {
    /// The person at that moment.
    pub person: Person,
    /// The session.
    pub session: SessionId,
    /// The browser and the sequence of its cookie.
    pub browser: Option<(BrowserId, i64)>,
    /// The sequence of the refresh token.
    pub refresh: i64,
}

/// A sign-in as it is answered.
#[derive(Debug, Clone)]
pub struct Granted {
    /// A signed access token.
    pub access_token: String,
    /// Seconds that it lives.
    pub expires_in: i32,
    /// Empty for a browser.
    pub refresh_token: String,
    /// Empty for a program.
    pub browser_secret: String,
    /// What the device keeps; empty when nothing new is to be kept.
    pub device_token: String,
    /// The session.
    pub session: SessionId,
    /// The person.
    pub person: Person,
}

fn ended() -> Error {
    Error::Unauthenticated { code: "session_ended".into() }
}

/// Begins a session for somebody who has just proven who they are. The browser's cookie is renewed (S19), its sign-ins elsewhere stay.
pub async fn begin(
    app: &App,
    conn: &mut PgConnection,
    draft: &mut Draft,
    portal: &Portal,
    person: &Person,
    client: &Client,
) -> Result<(SessionId, Option<(BrowserId, i64)>), Error> {
    let browser = if client.browser { Some(renew_browser(app, conn, draft, client).await?) } else { None };
    let session = Session {
        id: SessionId::new(draft.id()),
        person: person.id,
        browser: browser.map(|(id, _)| id),
        refresh_sequence: 1,
        epoch: person.epoch,
        created_at: draft.now,
        last_used_at: draft.now,
        expires_at: draft.now + portal.settings.session_absolute(),
        ip: clipped(&client.ip, IP_BYTES),
        user_agent: clipped(&client.user_agent, USER_AGENT_BYTES),
        ended_at: None,
        version: 0,
    };
    let session = draft.start_session(session);
    Ok((session.id, browser))
}

async fn renew_browser(app: &App, conn: &mut PgConnection, draft: &mut Draft, client: &Client) -> Result<(BrowserId, i64), Error> {
    let known = app.open_browser(&client.browser_secret);
    let (id, sequence) = match known {
        Some((id, sequence)) if browser::is_current(conn, id, sequence).await? => {
            if let Some(before) = rows::find_by_browser(conn, &draft.portal, id, sequence).await? {
                draft.end_session(&before, EndReason::Replaced);
            }
            (id, sequence + 1)
        }
        _ => (BrowserId::new(draft.id()), 1),
    };
    draft.browser(BrowserRow { id, sequence, rotated_at: draft.now });
    Ok((id, sequence))
}

/// Ends every session of a person that a raised epoch has made void, but the one that stays.
pub async fn end_void(
    conn: &mut PgConnection,
    draft: &mut Draft,
    person: &Person,
    stays: Option<SessionId>,
    reason: EndReason,
) -> Result<usize, Error> {
    let sessions = rows::list(conn, &draft.portal, person.id, None, MOST_SESSIONS).await?;
    let void: Vec<&Session> = sessions.iter().filter(|session| session.epoch < person.epoch && Some(session.id) != stays).collect();
    for session in &void {
        draft.end_session(session, reason);
    }
    Ok(void.len())
}

struct EndSession {
    person: PersonId,
    session: SessionId,
    reason: EndReason,
}

#[async_trait]
impl Command for EndSession {
    type Answer = ();

    async fn decide(&self, _: &App, conn: &mut PgConnection, draft: &mut Draft) -> Result<(), Error> {
        let session = rows::find(conn, &draft.portal, self.session).await?.filter(|session| session.person == self.person);
        let session = session.ok_or(Error::NOT_FOUND)?;
        if session.ended_at.is_none() {
            draft.end_session(&session, self.reason);
        }
        Ok(())
    }
}

struct EndAll(PersonId);

#[async_trait]
impl Command for EndAll {
    type Answer = ();

    async fn decide(&self, _: &App, conn: &mut PgConnection, draft: &mut Draft) -> Result<(), Error> {
        let person = store::person::find(conn, &draft.portal, self.0).await?.ok_or(Error::NOT_FOUND)?;
        let mut subject = Subject::known(person);
        subject.person.epoch += 1;
        let raised = subject.person.raise_generation();
        subject.happened([raised]);
        let person = draft.person(subject);
        end_void(conn, draft, &person, None, EndReason::LogoutAll).await?;
        Ok(())
    }
}

impl App {
    /// The access token of a person in a session.
    pub fn vouch(&self, portal: &PortalId, person: &Person, session: SessionId) -> Result<(String, i32), Error> {
        let claims = auth::Person {
            portal: portal.clone(),
            id: person.id.uuid(),
            session: session.uuid(),
            generation: person.generation,
            role: person.role,
            organization: person.organization.as_ref().map(|o| auth::Organization { id: o.id.uuid(), name: o.name.clone() }),
            visibility: person.visibility,
            name: person.name.clone(),
            email: person.email.to_string(),
            locale: person.locale.clone(),
            time_zone: person.time_zone.clone(),
            internal: person.internal,
            version: person.version,
            api_token: false,
        };
        let (token, life) = self.tokens.issue(&claims).map_err(Error::internal)?;
        Ok((token, i32::try_from(life.whole_seconds()).unwrap_or(0)))
    }

    /// The secrets of a sign-in. One whose session ended meanwhile is not granted again.
    pub async fn grant(&self, portal: &PortalId, signed_in: SignedIn, deadline: Deadline) -> Result<Granted, Error> {
        let (_, person) = self.living(portal, signed_in.session, deadline).await?;
        let (access_token, expires_in) = self.vouch(portal, &person, signed_in.session)?;
        let refresh_token = match signed_in.browser {
            Some(_) => String::new(),
            None => self.secrets.seal("refresh", portal.as_str(), signed_in.session.uuid(), signed_in.refresh),
        };
        let browser_secret =
            signed_in.browser.map(|(id, sequence)| self.secrets.seal("browser", "", id.uuid(), sequence)).unwrap_or_default();
        Ok(Granted {
            access_token,
            expires_in,
            refresh_token,
            browser_secret,
            device_token: self.device_token(portal, person.id, signed_in.session),
            session: signed_in.session,
            person,
        })
    }

    /// A session that is alive, and its person as they are now.
    async fn living(&self, portal: &PortalId, id: SessionId, deadline: Deadline) -> Result<(Session, Person), Error> {
        let mut conn = self.db.read(portal, deadline).await?;
        let session = rows::find(&mut conn, portal, id).await?.ok_or_else(ended)?;
        let person = self.alive(&mut conn, portal, &session).await?;
        Ok((session, person))
    }

    /// The person of a session that is alive.
    async fn alive(&self, conn: &mut PgConnection, portal: &PortalId, session: &Session) -> Result<Person, Error> {
        let person = store::person::find(conn, portal, session.person).await?.ok_or_else(ended)?;
        let settings = self.portal(conn, portal).await?.settings;
        let alive = session.is_alive(self.clock.now(), person.epoch, settings.session_idle()) && person.status == Status::Active;
        if alive { Ok(person) } else { Err(ended()) }
    }

    fn open_browser(&self, secret: &str) -> Option<(BrowserId, i64)> {
        self.secrets.open("browser", "", secret).map(|(id, sequence)| (BrowserId::new(id), sequence))
    }

    /// What a browser's cookie stands for in a portal: a new access token.
    pub async fn resolve_session(&self, portal: &PortalId, secret: &str, deadline: Deadline) -> Result<Granted, Error> {
        let (browser, sequence) = self.open_browser(secret).ok_or_else(ended)?;
        let mut conn = self.db.read(portal, deadline).await?;
        let session = rows::find_by_browser(&mut conn, portal, browser, sequence).await?.ok_or_else(ended)?;
        let person = self.alive(&mut conn, portal, &session).await?;
        let now = self.clock.now();
        if session.is_stale(now) {
            rows::touch(&mut conn, portal, session.id, now).await?;
        }
        drop(conn);
        let (access_token, expires_in) = self.vouch(portal, &person, session.id)?;
        Ok(Granted {
            access_token,
            expires_in,
            refresh_token: String::new(),
            browser_secret: String::new(),
            device_token: String::new(),
            session: session.id,
            person,
        })
    }

    /// Exchanges a refresh token for the next. One that was used before ends the session.
    pub async fn refresh(&self, ask: &Ask, token: &str) -> Result<Granted, Error> {
        let portal = &ask.portal;
        let (id, sequence) = self.secrets.open("refresh", portal.as_str(), token).ok_or_else(ended)?;
        let (session, person) = self.living(portal, SessionId::new(id), ask.deadline).await?;
        let mut conn = self.db.read(portal, ask.deadline).await?;
        let now = self.clock.now();
        let exchange = rows::exchange(&mut conn, portal, session.id, sequence, &ask.request.key, now).await?;
        drop(conn);
        let next = match exchange {
            Exchange::Done(next) | Exchange::Repeated(next) => next,
            Exchange::Reused => {
                tracing::warn!(session = %session.id, "a refresh token came a second time: its session ends");
                let request = RequestKey::internal("EndReusedSession", session.id.to_string());
                let command = EndSession { person: person.id, session: session.id, reason: EndReason::TokenReused };
                self.run(&Self::own_ask(portal.clone(), request), &command).await?;
                return Err(ended());
            }
        };
        let (access_token, expires_in) = self.vouch(portal, &person, session.id)?;
        Ok(Granted {
            access_token,
            expires_in,
            refresh_token: self.secrets.seal("refresh", portal.as_str(), session.id.uuid(), next),
            browser_secret: String::new(),
            device_token: String::new(),
            session: session.id,
            person,
        })
    }

    /// Signs the caller out of this session, or of all.
    pub async fn logout(&self, context: &Context, ask: &Ask, all: bool) -> Result<(), Error> {
        let person = caller_id(context)?;
        if all {
            self.run(ask, &EndAll(person)).await?;
            return self.end_stragglers(&ask.portal, person, None, EndReason::LogoutAll).await;
        }
        let session = SessionId::new(context.caller.person()?.session);
        self.run(ask, &EndSession { person, session, reason: EndReason::Logout }).await
    }

    /// Ends one session of the caller.
    pub async fn end_own_session(&self, context: &Context, ask: &Ask, session: SessionId) -> Result<(), Error> {
        self.run(ask, &EndSession { person: caller_id(context)?, session, reason: EndReason::EndedByOwner }).await
    }

    /// Ends sessions that began with the account's earlier epoch while the epoch was raised: a sign-in that committed just before.
    pub async fn end_stragglers(
        &self,
        portal: &PortalId,
        person: PersonId,
        stays: Option<SessionId>,
        reason: EndReason,
    ) -> Result<(), Error> {
        let key = format!("{person}:{}", self.random.uuid(self.clock.now()));
        let ask = Self::own_ask(portal.clone(), RequestKey::internal("EndStragglers", key));
        self.run(&ask, &EndStragglers { person, stays, reason }).await
    }

    /// The caller's sessions that are alive, newest first, and whether more may follow.
    pub async fn list_sessions(
        &self,
        context: &Context,
        portal: &PortalId,
        before: Option<(OffsetDateTime, Uuid)>,
        limit: i64,
    ) -> Result<(Vec<Session>, Option<(OffsetDateTime, Uuid)>), Error> {
        let mut conn = self.db.read(portal, context.deadline).await?;
        let id = caller_id(context)?;
        let person = store::person::find(&mut conn, portal, id).await?.ok_or(Error::NOT_FOUND)?;
        let idle = self.portal(&mut conn, portal).await?.settings.session_idle();
        let mut sessions = rows::list(&mut conn, portal, id, before, limit + 1).await?;
        let more = i64::try_from(sessions.len()).unwrap_or(0) > limit;
        sessions.truncate(usize::try_from(limit).unwrap_or(0));
        let next = sessions.last().filter(|_| more).map(|session| (session.created_at, session.id.uuid()));
        let now = self.clock.now();
        sessions.retain(|session| session.is_alive(now, person.epoch, idle));
        Ok((sessions, next))
    }
}

struct EndStragglers {
    person: PersonId,
    stays: Option<SessionId>,
    reason: EndReason,
}

#[async_trait]
impl Command for EndStragglers {
    type Answer = ();

    async fn decide(&self, _: &App, conn: &mut PgConnection, draft: &mut Draft) -> Result<(), Error> {
        let Some(person) = store::person::find(conn, &draft.portal, self.person).await? else { return Ok(()) };
        end_void(conn, draft, &person, self.stays, self.reason).await?;
        Ok(())
    }
}
