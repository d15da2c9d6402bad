//! Choosing and changing passwords.

use async_trait::async_trait;
use portico_chassis::error::Error;
use portico_chassis::grpc::Context;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use super::draft::{Draft, Subject};
use super::hasher::Checked;
use super::person::end_links;
use super::session;
use super::{App, Ask, Command, caller_id};
use crate::domain::ids::{PersonId, SessionId};
use crate::domain::link::LinkState;
use crate::domain::password::{Password, PasswordProblem};
use crate::domain::person::Person;
use crate::domain::portal::Portal;
use crate::domain::session::EndReason;
use crate::store;

/// A password that the rules allow; `field` is named when they don't.
pub fn chosen(field: &'static str, text: &str, portal: &Portal, person: &Person) -> Result<Password, Error> {
    let context = [portal.slug.as_str(), portal.title.as_str(), person.name.as_str(), person.email.as_str()];
    Password::chosen(text, &context).map_err(|problem| refused(field, problem))
}

/// The error of a password that is refused.
pub fn refused(field: &'static str, problem: PasswordProblem) -> Error {
    Error::invalid(field, problem.code(), problem.to_string())
}

struct ChangePassword {
    person: PersonId,
    stays: SessionId,
    /// The hash that the current password was checked against.
    checked: String,
    hash: String,
}

/// A change that took place.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Changed;

#[async_trait]
impl Command for ChangePassword {
    type Answer = Changed;

    async fn decide(&self, _: &App, conn: &mut PgConnection, draft: &mut Draft) -> Result<Changed, Error> {
        let person = store::person::find(conn, &draft.portal, self.person).await?.ok_or(Error::NOT_FOUND)?;
        let present = store::credential::find(conn, &draft.portal, self.person).await?;
        if present.as_deref() != Some(self.checked.as_str()) {
            return Err(wrong_current());
        }
        let mut subject = Subject::known(person);
        let changed = subject.person.change_password();
        subject.happened([changed]);
        end_links(conn, draft, &mut subject, LinkState::Revoked).await?;
        let person = draft.person(subject);
        draft.credential(&person, self.hash.clone());
        draft.keep_session(self.stays, person.epoch);
        session::end_void(conn, draft, &person, Some(self.stays), EndReason::PasswordChanged).await?;
        Ok(Changed)
    }
}

fn wrong_current() -> Error {
    Error::invalid("current", "wrong", "This is not your present password.")
}

impl App {
    /// Sets a new password after checking the present one; the caller's session stays, every other ends, older links die (S06).
    pub async fn change_password(&self, context: &Context, ask: &Ask, current: &Password, new: &str) -> Result<(), Error> {
        if self.answered::<Changed>(ask).await?.is_some() {
            return Ok(());
        }
        let Err(refusal) = self.check_and_change(context, ask, current, new).await else { return Ok(()) };
        // The same request may have been answered since it was looked up; then this refusal speaks of its own effect.
        self.answered::<Changed>(ask).await?.map(|Changed| ()).ok_or(refusal)
    }

    async fn check_and_change(&self, context: &Context, ask: &Ask, current: &Password, new: &str) -> Result<(), Error> {
        let (portal, id) = (&ask.portal, caller_id(context)?);
        let stays = SessionId::new(context.caller.person()?.session);
        // Before the attempt is counted: who is turned away must not be locked out for it.
        let turn = self.hasher.turn()?;
        let mut conn = self.db.read(portal, ask.deadline).await?;
        let place = self.portal(&mut conn, portal).await?;
        let person = store::person::find(&mut conn, portal, id).await?.ok_or(Error::NOT_FOUND)?;
        if !person.internal {
            return Err(Error::conflict("password_managed_elsewhere", "Your password is kept by the system that you sign in with."));
        }
        // Whoever found an open session must not try passwords without end.
        let key = self.throttle_key(portal, &format!("change {id}"), None);
        self.charge(&mut conn, portal, &key, &place.settings).await?;
        let stored = store::credential::find(&mut conn, portal, id).await?;
        drop(conn);
        if self.hasher.check(turn, current, stored.as_deref(), ask.deadline).await? == Checked::Wrong {
            return Err(wrong_current());
        }
        let new = chosen("new", new, &place, &person)?;
        let hash = self.hasher.hash(&new, self.random.bytes(), ask.deadline).await?;
        let command = ChangePassword { person: id, stays, checked: stored.unwrap_or_default(), hash };
        self.run(ask, &command).await?;
        let mut conn = self.db.read(portal, ask.deadline).await?;
        store::throttle::clear(&mut conn, portal, &key).await?;
        drop(conn);
        self.end_stragglers(portal, id, Some(stays), EndReason::PasswordChanged).await
    }
}
