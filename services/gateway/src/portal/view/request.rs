//! A customer's requests: the list, one request, a new one, its confirmation, rating and people.

use askama::Template;

use super::form::{Challenge, Form};
use super::layout::Layout;
use super::ticket::{Entry, Fact, Row};
use super::ui::{Choice, File, Person, SafeHtml, Status, Tab, When};

/// The list of requests.
#[derive(Template)]
#[template(path = "portal/requests.html", blocks = ["results"])]
pub struct Requests {
    /// The frame.
    pub l: Layout,
    /// My open, needs my reply, …
    pub tabs: Vec<Tab>,
    /// The view's name in the address.
    pub view: String,
    /// The requests.
    pub rows: Vec<Row>,
    /// The filters as they were chosen.
    pub form: Form,
    /// Products to choose from.
    pub products: Vec<Choice>,
    /// Statuses to choose from; empty where the view is of one state.
    pub statuses: Vec<Choice>,
    /// Whether a filter is set.
    pub filtered: bool,
    /// Where the same requests are a file.
    pub csv: String,
    /// Whether the requester is worth a column.
    pub show_requester: bool,
    /// The next page, or empty.
    pub next: String,
    /// What is said when the view is empty.
    pub empty: (String, String),
}

/// One request.
#[derive(Template)]
#[template(path = "portal/request.html")]
pub struct Request {
    /// The frame.
    pub l: Layout,
    /// "DEMO-1042".
    pub number: String,
    /// Where this page is.
    pub url: String,
    /// The subject.
    pub subject: String,
    /// The status.
    pub status: Status,
    /// What happens by itself next, or empty: "Resolves by itself".
    pub due: String,
    /// When it does.
    pub due_at: When,
    /// The conversation, oldest first.
    pub entries: Vec<Entry>,
    /// Where older entries are, or empty.
    pub earlier: String,
    /// The first of its files.
    pub files: Vec<FileRow>,
    /// Facts.
    pub facts: Vec<Fact>,
    /// People who share it.
    pub people: Vec<Collaborator>,
    /// What the reader may do.
    pub may: May,
    /// The composer.
    pub form: Form,
    /// The rating that was given, or 0.
    pub score: i32,
    /// Its comment.
    pub score_comment: String,
}

/// All files of a request.
#[derive(Template)]
#[template(path = "portal/request_files.html")]
pub struct Files {
    /// The frame.
    pub l: Layout,
    /// "DEMO-1042".
    pub number: String,
    /// Where the request is: in the portal or on the desk.
    pub url: String,
    /// The files, oldest first.
    pub files: Vec<FileRow>,
    /// The next page, or empty.
    pub next: String,
}

/// A file of a request and where it came from.
#[derive(Debug, Clone, Default)]
pub struct FileRow {
    /// The file.
    pub file: File,
    /// Who added it.
    pub by: String,
    /// The entry of the conversation that it belongs to.
    pub entry: String,
    /// Whether only the team sees it.
    pub internal: bool,
}

/// What the reader may do with a request.
#[derive(Debug, Clone, Default)]
pub struct May {
    /// Write.
    pub comment: bool,
    /// Writing opens it again.
    pub comment_reopens: bool,
    /// Writing makes a new linked request.
    pub comment_follows_up: bool,
    /// Close it.
    pub close: bool,
    /// A closing needs a rating.
    pub close_needs_score: bool,
    /// A closing asks for a rating.
    pub close_asks_score: bool,
    /// Reopen with a comment.
    pub reopen: bool,
    /// Keep it open.
    pub keep_open: bool,
    /// Rate it.
    pub rate: bool,
    /// Make a follow-up.
    pub follow_up: bool,
    /// Add people.
    pub add_people: bool,
    /// Leave it.
    pub leave: bool,
}

/// Somebody a request is shared with.
#[derive(Debug, Clone, Default)]
pub struct Collaborator {
    /// The id of the sharing.
    pub id: String,
    /// Who.
    pub person: Person,
    /// The address.
    pub email: String,
    /// "May read", "Waiting to be confirmed", or empty.
    pub note: &'static str,
    /// Whether it waits for a confirmation.
    pub pending: bool,
}

/// A new request, or a follow-up.
#[derive(Template)]
#[template(path = "portal/request_new.html")]
pub struct NewRequest {
    /// The frame.
    pub l: Layout,
    /// The fields.
    pub form: Form,
    /// Where the form goes.
    pub action: String,
    /// The request this follows, or empty.
    pub follows: String,
    /// Products.
    pub products: Vec<Choice>,
    /// Categories.
    pub categories: Vec<Choice>,
    /// Departments.
    pub departments: Vec<Choice>,
    /// Whether the reader chooses the priority.
    pub priority: bool,
    /// Whether the reader gives impact and urgency.
    pub matrix: bool,
    /// A guest gives name, address and proves to be human.
    pub challenge: Option<Challenge>,
    /// For the draft that the browser keeps.
    pub draft_key: String,
    /// Articles for the subject as it stands.
    pub suggestions: Vec<Suggestion>,
}

/// An article that may answer a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Suggestion {
    /// Where it is.
    pub url: String,
    /// Its title.
    pub title: String,
    /// The place that fits.
    pub text: SafeHtml,
}

/// A request was sent.
#[derive(Template)]
#[template(path = "portal/request_submitted.html")]
pub struct Submitted {
    /// The frame.
    pub l: Layout,
    /// "DEMO-1042".
    pub number: String,
    /// The subject; empty for a guest.
    pub subject: String,
    /// The status; its label is empty for a guest.
    pub status: Status,
    /// Where the mail went.
    pub email: String,
    /// Whether a guest has to prove the address first.
    pub guest: bool,
    /// Articles for the subject; none for a guest.
    pub suggestions: Vec<Suggestion>,
}

/// Rating a request.
#[derive(Template)]
#[template(path = "portal/request_rate.html")]
pub struct Rate {
    /// The frame.
    pub l: Layout,
    /// "DEMO-1042".
    pub number: String,
    /// The subject.
    pub subject: String,
    /// `score`, `comment`.
    pub form: Form,
    /// Whether this closes the request.
    pub closing: bool,
    /// Whether a score is needed.
    pub needed: bool,
    /// Whether it was rated before.
    pub rated: bool,
}

/// The people of a request.
#[derive(Template)]
#[template(path = "portal/request_people.html")]
pub struct People {
    /// The frame.
    pub l: Layout,
    /// "DEMO-1042".
    pub number: String,
    /// The subject.
    pub subject: String,
    /// Who shares it.
    pub people: Vec<Collaborator>,
    /// Whether the reader may add somebody.
    pub may_add: bool,
    /// The address that was searched for, to be picked and confirmed; or empty.
    pub found: String,
    /// Where the request is: in the portal or on the desk.
    pub back: String,
    /// `email`, `access`.
    pub form: Form,
}

impl Requests {
    /// Whether a row has a product: an empty column tells nothing.
    pub fn has_products(&self) -> bool {
        self.rows.iter().any(|row| !row.product.is_empty())
    }

    /// Whether a row has a department.
    pub fn has_departments(&self) -> bool {
        self.rows.iter().any(|row| !row.department.is_empty())
    }
}

impl NewRequest {
    /// The priorities that a customer may choose.
    pub fn priorities(&self) -> Vec<Choice> {
        [("low", "Low"), ("normal", "Normal"), ("high", "High"), ("urgent", "Urgent")]
            .map(|(value, label)| Choice::new(value, label))
            .into()
    }

    /// The steps of impact and urgency.
    pub fn levels(&self) -> Vec<Choice> {
        [("low", "Low"), ("medium", "Medium"), ("high", "High")].map(|(value, label)| Choice::new(value, label)).into()
    }
}

impl Rate {
    /// The five steps and their words.
    pub fn scores(&self) -> [(&'static str, &'static str); 5] {
        [("1", "Very poor"), ("2", "Poor"), ("3", "Fine"), ("4", "Good"), ("5", "Very good")]
    }
}
