//! What somebody may do now. Found by asking the rules themselves, so that a page never shows a button that is refused.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::access::{Actor, Relation};
use super::change::Patch;
use super::command::{Command, Comment, Next};
use super::decide::{decide, follow_up_allowed};
use super::ids::{ItemId, PersonId};
use super::kinds::{Channel, Visibility};
use super::policy::{Reopen, Rules, Survey};
use super::reply::{makes_new_case, may_write};
use super::status::Status;
use super::ticket::Ticket;

/// The buttons of a ticket's page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::struct_excessive_bools, reason = "each is one button")]
pub struct Actions {
    /// Write a public comment that stays on this ticket.
    pub comment: bool,
    /// It reopens the ticket.
    pub comment_reopens: bool,
    /// It makes a new ticket.
    pub comment_makes_follow_up: bool,
    /// Close.
    pub close: bool,
    /// With a score.
    pub close_needs_score: bool,
    /// Perhaps with a score.
    pub close_asks_score: bool,
    /// Reopen.
    pub reopen: bool,
    /// Start the timers anew.
    pub keep_open: bool,
    /// Rate.
    pub rate: bool,
    /// Make a follow-up.
    pub follow_up: bool,
    /// Share.
    pub add_collaborator: bool,
    /// End one's own share.
    pub leave: bool,
    /// Write a note.
    pub note: bool,
    /// Change fields.
    pub update: bool,
    /// What a reply may choose.
    pub reply_statuses: Vec<Status>,
    /// What a change of fields may choose.
    pub update_statuses: Vec<Status>,
}

/// What `person`, who is `relation` to `ticket`, may do at `now`.
pub fn actions(ticket: &Ticket, person: PersonId, relation: Relation, rules: &Rules, now: OffsetDateTime) -> Actions {
    let trial = Trial { ticket, actor: Actor::Person(person, relation), rules, now };
    let staff = relation == Relation::Staff;
    let speaks = may_write(relation);
    let asks = rules.policies.survey != Survey::Off;
    let close = trial.allows(&Command::Close { score: asks.then_some(5), comment: String::new(), item: ITEM, channel: Channel::Portal });
    let set = |status| Command::Update { patch: Patch::default(), next: next(Some(status)) };
    let choices = |ask: &dyn Fn(Status) -> Command| -> Vec<Status> {
        if staff { Status::ALL.iter().copied().filter(|status| trial.allows(&ask(*status))).collect() } else { Vec::new() }
    };
    Actions {
        comment: trial.allows(&said(None, None)),
        comment_reopens: !staff && speaks && ticket.status == Status::Resolved && rules.policies.reopen == Reopen::OnComment,
        comment_makes_follow_up: makes_new_case(ticket, relation, rules),
        close,
        close_needs_score: close && rules.policies.survey == Survey::Require,
        close_asks_score: close && asks,
        reopen: trial.allows(&Command::Reopen { comment: "?".into(), item: ITEM, channel: Channel::Portal }),
        keep_open: trial.allows(&Command::KeepOpen),
        rate: trial.allows(&Command::Rate { score: 5, comment: String::new() }),
        follow_up: (staff || relation.acts_for_requester()) && follow_up_allowed(ticket, trial.actor, rules).is_ok(),
        add_collaborator: staff || relation.acts_for_requester(),
        leave: matches!(relation, Relation::Collaborator(_)),
        note: staff,
        update: staff && ticket.status != Status::Closed,
        reply_statuses: choices(&|status| said(Some(Visibility::Public), Some(status))),
        update_statuses: choices(&set),
    }
}

/// Trials leave no trace, so their comments need no name of their own.
const ITEM: ItemId = ItemId::new(Uuid::nil());

struct Trial<'a> {
    ticket: &'a Ticket,
    actor: Actor,
    rules: &'a Rules,
    now: OffsetDateTime,
}

impl Trial<'_> {
    fn allows(&self, command: &Command) -> bool {
        decide(self.ticket, self.actor, command, self.rules, self.now).is_ok()
    }
}

fn next(status: Option<Status>) -> Next {
    let sub_status = (status == Some(Status::WaitingThirdParty)).then(|| "?".to_owned());
    Next { status, sub_status, reason: None }
}

fn said(visibility: Option<Visibility>, status: Option<Status>) -> Command {
    Command::Comment(Comment { item: ITEM, body: "?".into(), visibility, channel: Channel::Portal, next: next(status) })
}
