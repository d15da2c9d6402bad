//! Reports, locks, and deleting.

use super::ids::ReportId;
use super::person::Actor;
use super::refusal::Refusal;
use super::text;
use super::topic::{Event, Stage, Topic};

/// What somebody tells the moderators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Names it.
    pub id: ReportId,
    /// Why.
    pub reason: String,
}

/// Somebody tells the moderators.
pub fn report(topic: &Topic, actor: &Actor, report: Report) -> Result<Vec<Event>, Refusal> {
    topic.refuse_when_draft()?;
    if text::is_blank(&report.reason) {
        return Err(Refusal::field("reason", "required", "Say what is wrong with it."));
    }
    Ok(vec![Event::Reported { id: report.id, reporter: actor.id, reason: report.reason }])
}

/// An agent closes all reports about a topic.
pub fn dismiss(topic: &Topic, actor: &Actor) -> Result<Vec<Event>, Refusal> {
    if !actor.staff {
        return Err(Refusal::Forbidden);
    }
    if topic.is_reported { Ok(vec![Event::ReportsDismissed]) } else { Ok(Vec::new()) }
}

/// An agent locks a topic for a reason, or opens it.
pub fn lock(topic: &Topic, actor: &Actor, reason: Option<String>) -> Result<Vec<Event>, Refusal> {
    if !actor.staff {
        return Err(Refusal::Forbidden);
    }
    topic.refuse_when_draft()?;
    if topic.locked == reason {
        return Ok(Vec::new());
    }
    Ok(vec![Event::Locked(reason)])
}

/// The writer deletes a draft, or a topic that nobody else has answered; agents delete any published topic.
pub fn delete(topic: &Topic, actor: &Actor) -> Result<Vec<Event>, Refusal> {
    let published = topic.stage == Stage::Published;
    if !actor.staff && !topic.is_writer(actor) {
        return Err(Refusal::Forbidden);
    }
    if published && !actor.staff {
        topic.refuse_when_locked(actor)?;
        if topic.has_replies {
            return Err(Refusal::HasReplies);
        }
    }
    Ok(vec![Event::Deleted])
}
