//! What the desk's pages show.

use askama::Template;

use crate::portal::view::form::Form;
use crate::portal::view::layout::Layout;
use crate::portal::view::request::{Collaborator, FileRow};
use crate::portal::view::ticket::{Entry, Fact, Row};
use crate::portal::view::ui::{Choice, Person, Status, Tab, When};

/// The three panes: queues, a list, and one ticket when one is open.
#[derive(Template)]
#[template(path = "desk/tickets.html")]
pub struct Tickets {
    /// The frame.
    pub l: Layout,
    /// Queues with their counts.
    pub queues: Vec<Tab>,
    /// The queue's name in the address.
    pub queue: String,
    /// Its words.
    pub title: String,
    /// What was searched for, or empty.
    pub q: String,
    /// The tickets.
    pub rows: Vec<Row>,
    /// The next page, or empty.
    pub next: String,
    /// The open ticket.
    pub ticket: Option<Ticket>,
    /// The composer.
    pub form: Form,
}

/// A ticket as the team sees it.
#[derive(Debug, Clone, Default)]
pub struct Ticket {
    /// "DEMO-1042".
    pub number: String,
    /// Where this page is.
    pub url: String,
    /// The subject.
    pub subject: String,
    /// The status.
    pub status: Status,
    /// What happens by itself next, or empty.
    pub due: String,
    /// When.
    pub due_at: When,
    /// Whether a guest has proven the address.
    pub verified: bool,
    /// The newest of the conversation with its internal notes, oldest first.
    pub entries: Vec<Entry>,
    /// Where older entries are, as a part of an address; or empty.
    pub earlier: String,
    /// The first of its files.
    pub files: Vec<FileRow>,
    /// Why it may be resolved.
    pub reasons: Vec<Choice>,
    /// Whether the reader may share it.
    pub may_share: bool,
    /// The requester's name.
    pub requester: String,
    /// The requester's address.
    pub email: String,
    /// The requester for the avatar.
    pub customer: Person,
    /// Facts.
    pub facts: Vec<Fact>,
    /// Who else sees it.
    pub people: Vec<Collaborator>,
    /// Other tickets of the requester.
    pub others: Vec<Row>,
    /// Whether the reader may write to the customer.
    pub may_comment: bool,
    /// Whether the reader may write a note.
    pub may_note: bool,
    /// Whether the reader may change it.
    pub may_update: bool,
    /// Whether the reader may take it.
    pub may_take: bool,
    /// Statuses that a reply may set.
    pub reply_statuses: Vec<Choice>,
    /// Statuses that a change may set; the present one first.
    pub update_statuses: Vec<Choice>,
    /// Priorities.
    pub priorities: Vec<Choice>,
    /// The team.
    pub agents: Vec<Choice>,
    /// Groups.
    pub groups: Vec<Choice>,
    /// Products.
    pub products: Vec<Choice>,
    /// The properties as they are.
    pub props: Form,
    /// The version that the reader looks at.
    pub etag: String,
}

/// Mail that waits for somebody's word, or could not be read.
#[derive(Template)]
#[template(path = "desk/mail.html")]
pub struct MailToCheck {
    /// The frame.
    pub l: Layout,
    /// Queues with their counts.
    pub queues: Vec<Tab>,
    /// Claims, and what was set aside.
    pub tabs: Vec<Tab>,
    /// Whether those are shown that were set aside.
    pub aside: bool,
    /// Newest first.
    pub mails: Vec<Mail>,
    /// The next page, or empty.
    pub next: String,
    /// Where this page is.
    pub url: String,
    /// For the buttons.
    pub form: Form,
}

/// A mail that came in.
#[derive(Debug, Clone, Default)]
pub struct Mail {
    /// Its Message-ID.
    pub id: String,
    /// The address in From, or empty.
    pub from: String,
    /// Its subject, or empty.
    pub subject: String,
    /// The beginning of a claim's text; empty for what was set aside.
    pub text: String,
    /// When it came.
    pub at: When,
    /// Why it is here.
    pub why: String,
    /// The number of the ticket that it wants to join, or empty.
    pub number: String,
    /// Where that ticket is.
    pub ticket_url: String,
    /// When it ends without effect; empty for what was set aside.
    pub lapses: When,
}

/// People and invitations.
#[derive(Template)]
#[template(path = "desk/people.html")]
pub struct People {
    /// The frame.
    pub l: Layout,
    /// The invitation form.
    pub form: Form,
    /// Roles that the reader may give.
    pub roles: Vec<Choice>,
    /// Organisations.
    pub organizations: Vec<Choice>,
    /// Invitations that nobody followed yet.
    pub invitations: Vec<Invitation>,
    /// What was searched for.
    pub q: String,
    /// The people.
    pub people: Vec<Account>,
    /// The next page, or empty.
    pub next: String,
}

/// An open invitation.
#[derive(Debug, Clone, Default)]
pub struct Invitation {
    /// Its id.
    pub id: String,
    /// Where it went.
    pub email: String,
    /// What they become.
    pub role: &'static str,
    /// Until when it is good.
    pub expires: When,
}

/// An account.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// Its id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
    /// The organisation, or empty.
    pub organization: String,
    /// The role in words.
    pub role: &'static str,
    /// The status in words.
    pub status: &'static str,
    /// Whether it is suspended.
    pub suspended: bool,
    /// Whether it is the reader's own.
    pub me: bool,
    /// Roles it may be given.
    pub roles: Vec<Choice>,
}

/// The settings that matter most.
#[derive(Template)]
#[template(path = "desk/settings.html")]
pub struct Settings {
    /// The frame.
    pub l: Layout,
    /// The values.
    pub form: Form,
    /// The version that the reader looks at.
    pub etag: String,
    /// Areas: name and words.
    pub switches: Vec<Choice>,
    /// Policies.
    pub policies: Vec<Policy>,
}

/// A policy and its values.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// The name of the field.
    pub name: &'static str,
    /// Its words.
    pub label: &'static str,
    /// Its values.
    pub options: Vec<Choice>,
}

/// Departments, products, categories, groups.
#[derive(Template)]
#[template(path = "desk/catalog.html")]
pub struct Catalog {
    /// The frame.
    pub l: Layout,
    /// The form that was refused.
    pub form: Form,
    /// One column a kind.
    pub columns: Vec<Column>,
}

/// One kind of the catalogue.
#[derive(Debug, Clone, Default)]
pub struct Column {
    /// The kind's name in the form.
    pub kind: &'static str,
    /// Its title.
    pub title: &'static str,
    /// The label of the field that adds one.
    pub add: &'static str,
    /// The label of its parent.
    pub parent: &'static str,
    /// What there is: name, and what it belongs to.
    pub items: Vec<Choice>,
    /// What it may belong to.
    pub parents: Vec<Choice>,
}
