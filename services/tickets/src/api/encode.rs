//! From views to messages.

use portico_chassis::clock::to_proto;
use portico_chassis::markdown;
use portico_proto::common::v1::{Attachment, OrganizationName, PersonName, Role as WireRole};
use portico_proto::tickets::v1 as wire;
use time::OffsetDateTime;

use crate::app::entity::CommentAnswer;
use crate::app::hit::{HitView, SearchView};
use crate::app::item_view::{FileView, ItemView};
use crate::app::view::{Byline, Named, TicketView};
use crate::domain::actions::Actions;
use crate::domain::ids::text;
use crate::domain::kinds::{Channel, DueKind, ItemKind, Level, Priority, Reason, Role, ScanState, TicketType};
use crate::domain::status::Status;

/// The number of a closed set's value in the contract is its stored code.
fn code(code: i16) -> i32 {
    i32::from(code)
}

fn time(at: Option<OffsetDateTime>) -> Option<prost_types::Timestamp> {
    at.map(to_proto)
}

fn named(named: Option<Named>) -> Option<wire::NamedRef> {
    named.map(|named| wire::NamedRef { id: named.id.to_string(), name: named.name })
}

/// A role as the contract has it.
pub fn role(role: Role) -> i32 {
    let role = match role {
        Role::Customer => WireRole::Customer,
        Role::Agent => WireRole::Agent,
        Role::Admin => WireRole::Admin,
        Role::System => WireRole::System,
    };
    role.into()
}

/// A byline.
pub fn byline(byline: Byline) -> PersonName {
    PersonName { id: text(byline.id), name: byline.name, role: role(byline.role) }
}

/// A ticket.
pub fn ticket(view: TicketView) -> wire::Ticket {
    let category = view.status.category();
    let due = view.due.iter().map(|due| wire::Due { kind: code(DueKind::code(due.kind)), at: Some(to_proto(due.at)) });
    let satisfaction = view.satisfaction.map(|rating| wire::Satisfaction {
        score: i32::from(rating.score),
        comment: rating.comment,
        rated_at: Some(to_proto(rating.rated_at)),
    });
    let requester = wire::Requester { id: text(view.requester.id), name: view.requester.name, email: view.requester.email };
    wire::Ticket {
        id: view.id.to_string(),
        number: view.number,
        subject: view.subject,
        description_html: view.description.as_deref().map(markdown::render).unwrap_or_default(),
        description: view.description.unwrap_or_default(),
        r#type: code(TicketType::code(view.ticket_type)),
        channel: code(Channel::code(view.channel)),
        status: code(view.status.code()),
        status_category: code(category.code()),
        status_label: view.label,
        status_definition: view.definition,
        sub_status: view.sub_status.unwrap_or_default(),
        reason: view.reason.map_or(0, |value| code(Reason::code(value))),
        impact: view.impact.map_or(0, |value| code(Level::code(value))),
        urgency: view.urgency.map_or(0, |value| code(Level::code(value))),
        priority: code(Priority::code(view.priority)),
        department: named(view.department),
        product: named(view.product),
        category: named(view.category),
        group: named(view.group),
        assignee: named(view.assignee),
        requester: Some(requester),
        contact_name: view.contact_name,
        organization: view.organization.map(|own| OrganizationName { id: own.id.to_string(), name: own.name }),
        follow_up_of: view.follow_up_of.unwrap_or_default(),
        follow_ups: view.follow_ups,
        tags: view.tags,
        satisfaction,
        reopen_count: view.reopen_count,
        verified: view.verified,
        due: due.collect(),
        created_at: Some(to_proto(view.created_at)),
        updated_at: Some(to_proto(view.updated_at)),
        last_viewed_at: time(view.last_viewed_at),
        first_replied_at: time(view.first_replied_at),
        resolved_at: time(view.resolved_at),
        closed_at: time(view.closed_at),
        version: view.version,
        actions: view.actions.map(actions),
        unread: view.unread,
    }
}

/// What a guest learns about the ticket they made: the same for known and unknown addresses.
pub fn guests_ticket(view: &TicketView) -> wire::Ticket {
    wire::Ticket {
        number: view.number.clone(),
        status: code(view.status.code()),
        verified: view.verified,
        created_at: Some(to_proto(view.created_at)),
        ..wire::Ticket::default()
    }
}

fn actions(may: Actions) -> wire::Actions {
    let codes = |statuses: Vec<Status>| statuses.into_iter().map(|status| code(status.code())).collect();
    wire::Actions {
        comment: may.comment,
        comment_reopens: may.comment_reopens,
        comment_makes_follow_up: may.comment_makes_follow_up,
        close: may.close,
        close_needs_score: may.close_needs_score,
        close_asks_score: may.close_asks_score,
        reopen: may.reopen,
        keep_open: may.keep_open,
        rate: may.rate,
        follow_up: may.follow_up,
        add_collaborator: may.add_collaborator,
        leave: may.leave,
        note: may.note,
        update: may.update,
        reply_statuses: codes(may.reply_statuses),
        update_statuses: codes(may.update_statuses),
    }
}

/// A file.
pub fn file(view: FileView) -> Attachment {
    Attachment {
        id: view.id.to_string(),
        name: view.name,
        size: view.size,
        content_type: view.content_type,
        state: code(ScanState::code(view.state)),
        created_at: Some(to_proto(view.created_at)),
    }
}

/// An item of a timeline.
pub fn item(view: ItemView) -> wire::TimelineItem {
    let status = |status: Option<Status>| status.map_or(0, |status| code(status.code()));
    let visibility = if view.internal { wire::ItemVisibility::Internal } else { wire::ItemVisibility::Public };
    wire::TimelineItem {
        id: view.id.to_string(),
        kind: code(ItemKind::code(view.kind)),
        at: Some(to_proto(view.at)),
        actor: Some(byline(view.actor)),
        visibility: visibility.into(),
        body_html: if view.body.is_empty() { String::new() } else { markdown::render(&view.body) },
        body: view.body,
        channel: view.channel.map_or(0, |channel| code(channel.code())),
        attachments: view.files.into_iter().map(file).collect(),
        from: status(view.from),
        to: status(view.to),
        reason: view.reason.map_or(0, |reason| code(reason.code())),
        sub_status: view.sub_status.unwrap_or_default(),
        changes: view.changes.into_iter().map(change).collect(),
        related_number: view.related_number.unwrap_or_default(),
        score: view.score.map_or(0, i32::from),
        version: view.version,
        from_label: view.from_label,
        to_label: view.to_label,
    }
}

fn change(change: crate::domain::change::FieldChange) -> wire::FieldChange {
    wire::FieldChange { field: change.field, before: change.before.unwrap_or_default(), after: change.after.unwrap_or_default() }
}

/// What a comment came to.
pub fn comment(answer: CommentAnswer) -> wire::AddCommentResponse {
    wire::AddCommentResponse {
        item: Some(item(answer.item)),
        ticket: Some(ticket(answer.ticket)),
        follow_up_number: answer.follow_up_number.unwrap_or_default(),
        reopen_hint: answer.reopen_hint,
    }
}

/// What a search found.
pub fn found(view: SearchView) -> wire::SearchTicketsResponse {
    let hit = |found: HitView| wire::TicketHit {
        number: found.hit.number,
        subject: found.hit.subject,
        status_label: found.label,
        snippet_html: found.snippet,
        score: found.score,
    };
    wire::SearchTicketsResponse {
        hits: view.hits.into_iter().map(hit).collect(),
        total: i32::try_from(view.total).unwrap_or(i32::MAX),
        total_capped: view.capped,
    }
}
