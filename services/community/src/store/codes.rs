//! How the domain's words stand in the database.

use portico_chassis::error::Error;

use crate::domain::attachment::ScanState;
use crate::domain::forum::Audience;
use crate::domain::topic::{Stage, TopicType};
use crate::domain::view::Role;

/// A row that no version of this service wrote.
fn unknown(what: &str) -> Error {
    Error::internal(format!("the database holds an unknown {what}"))
}

/// 0, 1, 2: compared in queries.
pub fn audience_code(audience: Audience) -> i16 {
    match audience {
        Audience::Public => 0,
        Audience::Customers => 1,
        Audience::Agents => 2,
    }
}

/// Reads [`audience_code`].
pub fn audience(code: i16) -> Result<Audience, Error> {
    match code {
        0 => Ok(Audience::Public),
        1 => Ok(Audience::Customers),
        2 => Ok(Audience::Agents),
        _ => Err(unknown("audience")),
    }
}

/// The word for a stage.
pub fn stage_word(stage: Stage) -> &'static str {
    match stage {
        Stage::Draft => "draft",
        Stage::Published => "published",
        Stage::Deleted => "deleted",
    }
}

/// Reads [`stage_word`].
pub fn stage(word: &str) -> Result<Stage, Error> {
    [Stage::Draft, Stage::Published, Stage::Deleted].into_iter().find(|stage| stage_word(*stage) == word).ok_or_else(|| unknown("stage"))
}

/// The word for a type.
pub fn type_word(kind: TopicType) -> &'static str {
    match kind {
        TopicType::Question => "question",
        TopicType::Idea => "idea",
        TopicType::Problem => "problem",
        TopicType::Discussion => "discussion",
        TopicType::Announcement => "announcement",
    }
}

/// Reads [`type_word`].
pub fn topic_type(word: &str) -> Result<TopicType, Error> {
    use TopicType::{Announcement, Discussion, Idea, Problem, Question};
    [Question, Idea, Problem, Discussion, Announcement].into_iter().find(|kind| type_word(*kind) == word).ok_or_else(|| unknown("type"))
}

/// The word for a scan state.
pub fn scan_word(state: ScanState) -> &'static str {
    match state {
        ScanState::Quarantined => "quarantined",
        ScanState::Clean => "clean",
        ScanState::Infected => "infected",
    }
}

/// Reads [`scan_word`].
pub fn scan(word: &str) -> Result<ScanState, Error> {
    [ScanState::Quarantined, ScanState::Clean, ScanState::Infected]
        .into_iter()
        .find(|state| scan_word(*state) == word)
        .ok_or_else(|| unknown("scan state"))
}

/// The word for a role.
pub fn role_word(role: Role) -> &'static str {
    match role {
        Role::Customer => "customer",
        Role::Agent => "agent",
        Role::Admin => "admin",
    }
}

/// Reads [`role_word`]; a person who is not known is shown as a customer.
pub fn role(word: Option<&str>) -> Role {
    match word {
        Some("agent") => Role::Agent,
        Some("admin") => Role::Admin,
        _ => Role::Customer,
    }
}
