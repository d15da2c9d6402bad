//! How tickets and what happened on them look in JSON.

use portico_proto::tickets::v1 as proto;
use serde::Serialize;
use utoipa::ToSchema;

use super::shared::{Moment, Named, filled};
use crate::wire_enum;

wire_enum! {
    /// Where a ticket stands.
    pub enum Status : proto::Status {
        /// Created, nobody owns it yet.
        New = "new" <=> New,
        /// A group or an agent owns it.
        Assigned = "assigned" <=> Assigned,
        /// Support asked the customer.
        WaitingCustomer = "waiting_customer" <=> WaitingCustomer,
        /// Waits for the party in `sub_status`.
        WaitingThirdParty = "waiting_third_party" <=> WaitingThirdParty,
        /// The customer wrote last.
        PendingSupport = "pending_support" <=> PendingSupport,
        /// Answered; still reopenable.
        Resolved = "resolved" <=> Resolved,
        /// Final.
        Closed = "closed" <=> Closed,
    }
}

wire_enum! {
    /// What lists work on.
    pub enum StatusCategory : proto::StatusCategory {
        /// Being worked on.
        Open = "open" <=> Open,
        /// Answered.
        Resolved = "resolved" <=> Resolved,
        /// Final.
        Closed = "closed" <=> Closed,
    }
}

wire_enum! {
    /// What kind of thing is asked for.
    pub enum TicketType : proto::TicketType {
        /// The usual.
        Request = "request" <=> Request,
        /// Something broke.
        Incident = "incident" <=> Incident,
        /// Wants to know.
        Question = "question" <=> Question,
        /// The cause of incidents.
        Problem = "problem" <=> Problem,
    }
}

wire_enum! {
    /// Impact and urgency.
    pub enum Level : proto::Level {
        /// Little.
        Low = "low" <=> Low,
        /// Some.
        Medium = "medium" <=> Medium,
        /// Much.
        High = "high" <=> High,
    }
}

wire_enum! {
    /// How soon.
    pub enum Priority : proto::Priority {
        /// Can wait.
        Low = "low" <=> Low,
        /// The usual.
        Normal = "normal" <=> Normal,
        /// Soon.
        High = "high" <=> High,
        /// Now.
        Urgent = "urgent" <=> Urgent,
    }
}

wire_enum! {
    /// How it came in.
    pub enum Channel : proto::Channel {
        /// A person's session.
        Portal = "portal" <=> Portal,
        /// Mail.
        Email = "email" <=> Email,
        /// An API token.
        Api = "api" <=> Api,
        /// An agent, for somebody.
        Agent = "agent" <=> Agent,
        /// A topic.
        Community = "community" <=> Community,
    }
}

wire_enum! {
    /// Why a ticket was resolved or closed.
    pub enum Reason : proto::Reason {
        /// The default.
        Answered = "answered" <=> Answered,
        /// There is a way around it.
        Workaround = "workaround" <=> Workaround,
        /// Known already.
        Duplicate = "duplicate" <=> Duplicate,
        /// Could not be seen again.
        NotReproducible = "not_reproducible" <=> NotReproducible,
        /// The customer took it back.
        CustomerWithdrew = "customer_withdrew" <=> CustomerWithdrew,
        /// Anything else.
        Other = "other" <=> Other,
        /// By the auto-resolve timer.
        NoCustomerReply = "no_customer_reply" <=> NoCustomerReply,
        /// By the auto-close timer.
        ResolvedExpired = "resolved_expired" <=> ResolvedExpired,
        /// By the customer.
        CustomerClosed = "customer_closed" <=> CustomerClosed,
    }
}

wire_enum! {
    /// What a timer will do.
    pub enum DueKind : proto::DueKind {
        /// Remind the customer.
        Reminder = "reminder" <=> Reminder,
        /// Resolve.
        AutoResolve = "auto_resolve" <=> AutoResolve,
        /// Remind before the close.
        CloseReminder = "close_reminder" <=> CloseReminder,
        /// Close.
        AutoClose = "auto_close" <=> AutoClose,
    }
}

impl From<proto::NamedRef> for Named {
    fn from(named: proto::NamedRef) -> Self {
        Self { id: named.id, name: named.name }
    }
}

/// Who asked.
#[derive(Debug, Serialize, ToSchema)]
pub struct Requester {
    /// Null for somebody who has not proven the address.
    pub id: Option<String>,
    /// Display name.
    pub name: String,
    /// Null where the caller may not see it.
    pub email: Option<String>,
}

/// The rating.
#[derive(Debug, Serialize, ToSchema)]
pub struct Satisfaction {
    /// 1 to 5.
    pub score: i32,
    /// May be empty.
    pub comment: String,
}

/// A pending timer.
#[derive(Debug, Serialize, ToSchema)]
pub struct Due {
    /// What it will do.
    pub kind: Option<DueKind>,
    /// When.
    pub at: Option<Moment>,
}

impl From<proto::Due> for Due {
    fn from(due: proto::Due) -> Self {
        Self { kind: DueKind::from_proto(due.kind), at: Moment::of(due.at.as_ref()) }
    }
}

/// A ticket as a row of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct TicketRow {
    /// Like `DEMO-42`.
    pub number: String,
    /// One line.
    pub subject: String,
    /// Kind.
    pub r#type: Option<TicketType>,
    /// How it came in.
    pub channel: Option<Channel>,
    /// Where it stands.
    pub status: Option<Status>,
    /// What lists work on.
    pub status_category: Option<StatusCategory>,
    /// The portal's word for the status.
    pub status_label: String,
    /// Whom support waits for.
    pub sub_status: Option<String>,
    /// Why it was resolved or closed.
    pub reason: Option<Reason>,
    /// Impact.
    pub impact: Option<Level>,
    /// Urgency.
    pub urgency: Option<Level>,
    /// Priority.
    pub priority: Option<Priority>,
    /// Department.
    pub department: Option<Named>,
    /// Product.
    pub product: Option<Named>,
    /// Category.
    pub category: Option<Named>,
    /// Group that owns it.
    pub group: Option<Named>,
    /// Agent who owns it.
    pub assignee: Option<Named>,
    /// Who asked.
    pub requester: Option<Requester>,
    /// On whose behalf.
    pub contact_name: Option<String>,
    /// The requester's organisation.
    pub organization: Option<Named>,
    /// Number of the ticket that this one follows up.
    pub follow_up_of: Option<String>,
    /// Numbers of the tickets that follow up this one.
    pub follow_ups: Vec<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// The rating.
    pub satisfaction: Option<Satisfaction>,
    /// How often it was reopened.
    pub reopen_count: i32,
    /// False while nobody has proven the writer's address.
    pub verified: bool,
    /// When it was made.
    pub created_at: Option<Moment>,
    /// When it changed last.
    pub updated_at: Option<Moment>,
    /// When this caller looked at it last.
    pub last_viewed_at: Option<Moment>,
    /// When support answered first.
    pub first_replied_at: Option<Moment>,
    /// When it was resolved.
    pub resolved_at: Option<Moment>,
    /// When it was closed.
    pub closed_at: Option<Moment>,
    /// What the ETag is made of.
    pub version: i64,
}

impl From<proto::Ticket> for TicketRow {
    fn from(ticket: proto::Ticket) -> Self {
        Self {
            r#type: TicketType::from_proto(ticket.r#type),
            channel: Channel::from_proto(ticket.channel),
            status: Status::from_proto(ticket.status),
            status_category: StatusCategory::from_proto(ticket.status_category),
            sub_status: filled(ticket.sub_status),
            reason: Reason::from_proto(ticket.reason),
            impact: Level::from_proto(ticket.impact),
            urgency: Level::from_proto(ticket.urgency),
            priority: Priority::from_proto(ticket.priority),
            requester: ticket.requester.map(|who| Requester { id: filled(who.id), name: who.name, email: filled(who.email) }),
            satisfaction: ticket.satisfaction.map(|given| Satisfaction { score: given.score, comment: given.comment }),
            organization: Named::organization(ticket.organization),
            created_at: Moment::of(ticket.created_at.as_ref()),
            updated_at: Moment::of(ticket.updated_at.as_ref()),
            last_viewed_at: Moment::of(ticket.last_viewed_at.as_ref()),
            first_replied_at: Moment::of(ticket.first_replied_at.as_ref()),
            resolved_at: Moment::of(ticket.resolved_at.as_ref()),
            closed_at: Moment::of(ticket.closed_at.as_ref()),
            department: ticket.department.map(Named::from),
            product: ticket.product.map(Named::from),
            category: ticket.category.map(Named::from),
            group: ticket.group.map(Named::from),
            assignee: ticket.assignee.map(Named::from),
            contact_name: filled(ticket.contact_name),
            follow_up_of: filled(ticket.follow_up_of),
            number: ticket.number,
            subject: ticket.subject,
            status_label: ticket.status_label,
            follow_ups: ticket.follow_ups,
            tags: ticket.tags,
            reopen_count: ticket.reopen_count,
            verified: ticket.verified,
            version: ticket.version,
        }
    }
}

/// A ticket in full.
#[derive(Debug, Serialize, ToSchema)]
pub struct Ticket {
    /// What lists show too.
    #[serde(flatten)]
    pub row: TicketRow,
    /// Markdown as it was written.
    pub description: String,
    /// Safe HTML.
    pub description_html: String,
    /// Pending timers, soonest first.
    pub due: Vec<Due>,
    /// What the status means.
    pub status_definition: String,
}

impl From<proto::Ticket> for Ticket {
    fn from(mut ticket: proto::Ticket) -> Self {
        Self {
            description: std::mem::take(&mut ticket.description),
            description_html: std::mem::take(&mut ticket.description_html),
            due: std::mem::take(&mut ticket.due).into_iter().map(Due::from).collect(),
            status_definition: std::mem::take(&mut ticket.status_definition),
            row: ticket.into(),
        }
    }
}

/// What a guest is told about the ticket they made: the same for known and unknown addresses.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnverifiedTicket {
    /// Like `DEMO-42`.
    pub number: String,
    /// False until the address is proven.
    pub verified: bool,
}
