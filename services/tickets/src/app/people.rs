//! People: copies first; on a miss identity is asked once.

use std::sync::Arc;

use async_trait::async_trait;
use portico_chassis::db::PortalConn;
use portico_chassis::deadline::Deadline;
use portico_chassis::entity::Asked;
use portico_chassis::error::{Error, FieldError};
use portico_chassis::ids::PortalId;
use portico_chassis::inbox::Connection;
use portico_chassis::keeper::{self, Keeper};
use portico_chassis::settings::FromDocument;
use serde::Deserialize;
use uuid::Uuid;

use super::Tickets;
use super::clients::Ensure;
use super::entity::{Ask, By, Links, Wants};
use crate::domain::command::Command;
use crate::domain::ids::PersonId;
use crate::domain::person::PersonFacts;
use crate::domain::policy::Rules;
use crate::store;

/// Copies of people in the table `dirty`.
pub const PERSON: &str = "person";
/// People whose address was proven, in the table `dirty`: their unverified tickets are to be claimed.
pub const PROVEN: &str = "proven";

/// The rules of a portal, as its settings document has them.
#[derive(Debug, Clone, Default)]
pub struct SharedRules(pub Arc<Rules>);

impl FromDocument for SharedRules {
    fn from_document(document: &serde_json::Value) -> Self {
        match serde_json::from_value(document.clone()) {
            Ok(rules) => Self(Arc::new(rules)),
            Err(error) => {
                tracing::warn!(%error, "a settings document could not be read; the product's defaults hold");
                Self::default()
            }
        }
    }

    fn problems(document: &serde_json::Value) -> Vec<FieldError> {
        let parts = ["policies", "timers", "limits", "status_labels", "words"];
        let members = parts.iter().filter_map(|part| Some((part, document.get(*part)?.as_object()?)));
        let mut problems: Vec<FieldError> = members
            .flat_map(|(part, members)| members.iter().map(move |(name, value)| (*part, name, value)))
            .filter(|(part, name, value)| !is_readable(&serde_json::json!({ *part: { name.as_str(): value } })))
            .map(|(part, name, _)| unusable(&format!("{part}.{name}")))
            .collect();
        if !is_readable(&serde_json::json!({ "ticket_prefix": document.get("ticket_prefix").cloned().unwrap_or_else(|| "".into()) })) {
            problems.push(unusable("ticket_prefix"));
        }
        problems
    }
}

/// Makes every copy stale: identity's facts may be older than the copies now.
///
/// # Errors
/// When the database is away.
pub async fn outdate(conn: &mut Connection) -> Result<(), Error> {
    let copies = store::person::outdate(conn).await?;
    if copies.is_empty() { Ok(()) } else { keeper::mark(conn, PERSON, &copies).await }
}

/// Whether the rules can be read out of a document.
fn is_readable(document: &serde_json::Value) -> bool {
    Rules::deserialize(document).is_ok()
}

fn unusable(field: &str) -> FieldError {
    FieldError::new(field.to_owned(), "invalid", format!("`{field}` has no value that requests can obey."))
}

impl Tickets {
    /// Facts by id: the copies, and identity's for those that are missing.
    pub(super) async fn people(
        &self,
        conn: &mut PortalConn,
        portal: &PortalId,
        ids: &[Uuid],
        deadline: Deadline,
    ) -> Result<Vec<PersonFacts>, Error> {
        let mut known = store::person::by_ids(conn, portal, ids).await?;
        let missing: Vec<Uuid> = ids.iter().copied().filter(|id| known.iter().all(|person| person.id.uuid() != *id)).collect();
        if !missing.is_empty() {
            let fetched = self.identity.people(portal, &missing, deadline).await?;
            store::person::upsert(conn, &fetched).await?;
            known.extend(fetched);
        }
        Ok(known)
    }

    /// One person.
    pub(super) async fn person(
        &self,
        conn: &mut PortalConn,
        portal: &PortalId,
        id: PersonId,
        deadline: Deadline,
    ) -> Result<Option<PersonFacts>, Error> {
        Ok(self.people(conn, portal, &[id.uuid()], deadline).await?.pop())
    }

    /// The person of an address, kept as a copy. No connection is held while identity is asked.
    pub(super) async fn ensure(&self, asked: &Ensure<'_>, deadline: Deadline) -> Result<PersonFacts, Error> {
        let person = self.identity.ensure(asked, deadline).await?;
        let mut conn = self.db.read(asked.portal, deadline).await?;
        store::person::upsert(&mut conn, std::slice::from_ref(&person)).await?;
        Ok(person)
    }

    /// Gives a person the unverified tickets of their proven address.
    async fn claim_tickets(&self, portal: &PortalId, person: &PersonFacts) -> Result<(), Error> {
        let deadline = Deadline::background();
        let mut conn = self.db.read(portal, deadline).await?;
        let tickets = store::ticket::unverified_of(&mut conn, portal, &person.email).await?;
        let agents = store::person::support(&mut conn, portal, super::AGENTS_TOLD).await?;
        drop(conn);
        let rules = self.rules(portal).await?;
        for id in tickets {
            let organization = person.organization.as_ref().map(|(id, _)| *id);
            let command = Command::Verify { person: person.id, organization, email: person.email.clone() };
            let ask = Ask {
                command,
                wants: Wants::Nothing,
                by: By::System,
                etag: None,
                rules: rules.clone(),
                agents: agents.clone(),
                names: std::collections::HashMap::new(),
                links: Links::default(),
                files: Vec::new(),
                claims: Vec::new(),
                not_before: None,
                vouched: None,
            };
            let asked = Asked { portal: portal.clone(), id, actor: "system".to_owned(), request: None };
            match self.directory.ask(asked, ask, deadline).await {
                // Somebody else proved the address meanwhile, or the ticket has gone.
                Ok(_) | Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Keeps the copies of people.
pub struct PeopleKeeper(pub Tickets);

#[async_trait]
impl Keeper for PeopleKeeper {
    fn kind(&self) -> &'static str {
        PERSON
    }

    async fn refresh(&self, portal: &PortalId, ids: &[Uuid]) -> Result<(), Error> {
        let deadline = Deadline::background();
        let facts = self.0.identity.people(portal, ids, deadline).await?;
        let gone: Vec<Uuid> = ids.iter().copied().filter(|id| facts.iter().all(|person| person.id.uuid() != *id)).collect();
        let mut conn = self.0.db.read(portal, deadline).await?;
        store::person::upsert(&mut conn, &facts).await?;
        if !gone.is_empty() {
            store::person::delete(&mut conn, portal, &gone).await?;
        }
        Ok(())
    }
}

/// Claims the tickets of addresses that were proven.
pub struct ProofKeeper(pub Tickets);

#[async_trait]
impl Keeper for ProofKeeper {
    fn kind(&self) -> &'static str {
        PROVEN
    }

    async fn refresh(&self, portal: &PortalId, ids: &[Uuid]) -> Result<(), Error> {
        for person in self.0.identity.people(portal, ids, Deadline::background()).await? {
            self.0.claim_tickets(portal, &person).await?;
        }
        Ok(())
    }
}
