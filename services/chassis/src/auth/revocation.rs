//! What was revoked lately: ended sessions and raised generations.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, PoisonError, RwLock};

use uuid::Uuid;

use super::caller::Person;
use crate::ids::PortalId;

/// Revocations that are kept. A token lives five minutes, so what is older than the last this many has no token left to refuse.
const KEPT: usize = 200_000;

/// The set that every token is checked against. Cheap to clone; clones share it.
///
/// The poller in [`crate::peers`] asks identity each second; while identity is unreachable, tokens hold until they end.
#[derive(Clone, Debug, Default)]
pub struct Revocations(Arc<RwLock<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    sessions: HashSet<Uuid>,
    session_order: VecDeque<Uuid>,
    generations: HashMap<(PortalId, Uuid), i64>,
    generation_order: VecDeque<(PortalId, Uuid)>,
}

impl Revocations {
    /// No token of this session is believed from now on.
    pub fn end_session(&self, session: Uuid) {
        let mut inner = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if inner.sessions.insert(session) {
            inner.session_order.push_back(session);
            if inner.session_order.len() > KEPT
                && let Some(oldest) = inner.session_order.pop_front()
            {
                inner.sessions.remove(&oldest);
            }
        }
    }

    /// Only tokens of this generation or a later one are believed from now on.
    pub fn raise_generation(&self, portal: &PortalId, person: Uuid, generation: i64) {
        let mut inner = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let key = (portal.clone(), person);
        let known = inner.generations.get(&key).copied();
        if known.is_none_or(|known| known < generation) {
            inner.generations.insert(key.clone(), generation);
        }
        if known.is_none() {
            inner.generation_order.push_back(key);
            if inner.generation_order.len() > KEPT
                && let Some(oldest) = inner.generation_order.pop_front()
            {
                inner.generations.remove(&oldest);
            }
        }
    }

    /// Whether a token for this person of this session and generation is void.
    pub fn is_revoked(&self, person: &Person) -> bool {
        let inner = self.0.read().unwrap_or_else(PoisonError::into_inner);
        inner.sessions.contains(&person.session)
            || inner.generations.get(&(person.portal.clone(), person.id)).is_some_and(|least| person.generation < *least)
    }
}
