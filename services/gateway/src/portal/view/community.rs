//! Forums, topics, and writing one.

use askama::Template;

use super::form::Form;
use super::layout::Layout;
use super::ui::{Choice, Crumb, File, Person, SafeHtml, Tab, When};

/// The community's first page.
#[derive(Template)]
#[template(path = "portal/community.html")]
pub struct Community {
    /// The frame.
    pub l: Layout,
    /// The forums, sub-forums after their parent.
    pub forums: Vec<Forum>,
    /// Most discussed.
    pub discussed: Vec<TopicRow>,
    /// Recent.
    pub recent: Vec<TopicRow>,
}

/// A forum.
#[derive(Debug, Clone, Default)]
pub struct Forum {
    /// Where it is.
    pub url: String,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// "12 topics".
    pub topics: String,
    /// The newest topic's title, or empty.
    pub latest: String,
    /// Where that is.
    pub latest_url: String,
    /// When somebody wrote there last.
    pub latest_at: When,
    /// Sub-forums.
    pub children: Vec<Forum>,
}

/// A topic in a list.
#[derive(Debug, Clone, Default)]
pub struct TopicRow {
    /// Where it is.
    pub url: String,
    /// The title.
    pub title: String,
    /// "Question".
    pub kind: &'static str,
    /// Who began it.
    pub author: Person,
    /// Where it was begun.
    pub forum: String,
    /// Replies.
    pub replies: i64,
    /// Votes.
    pub votes: i64,
    /// Last activity.
    pub active: When,
    /// Whether it has an accepted answer.
    pub answered: bool,
    /// Whether it is locked.
    pub locked: bool,
    /// Its id: for drafts.
    pub id: String,
}

/// One forum.
#[derive(Template)]
#[template(path = "portal/forum.html")]
pub struct ForumPage {
    /// The frame.
    pub l: Layout,
    /// The way here.
    pub crumbs: Vec<Crumb>,
    /// The forum.
    pub forum: Forum,
    /// Its id: for a new topic.
    pub forum_id: String,
    /// Recent, most discussed, most votes, unanswered.
    pub tabs: Vec<Tab>,
    /// The topics.
    pub topics: Vec<TopicRow>,
    /// The next page, or empty.
    pub next: String,
}

/// One topic.
#[derive(Template)]
#[template(path = "portal/topic.html")]
pub struct Topic {
    /// The frame.
    pub l: Layout,
    /// The way here.
    pub crumbs: Vec<Crumb>,
    /// Its id.
    pub id: String,
    /// Where this page is.
    pub url: String,
    /// The title.
    pub title: String,
    /// "Question".
    pub kind: &'static str,
    /// Who began it.
    pub author: Person,
    /// When.
    pub at: When,
    /// The text.
    pub html: SafeHtml,
    /// Files.
    pub files: Vec<File>,
    /// Tags.
    pub tags: Vec<String>,
    /// Votes.
    pub votes: i64,
    /// Whether the reader voted.
    pub voted: bool,
    /// Whether the reader follows it.
    pub following: bool,
    /// Replies in words.
    pub replies: String,
    /// Views in words.
    pub views: String,
    /// Whether an answer is accepted.
    pub answered: bool,
    /// The accepted answer, shown first unless it stands there anyway.
    pub accepted: Option<Post>,
    /// Where it stands among the others, or empty.
    pub accepted_url: String,
    /// The replies, oldest first.
    pub posts: Vec<Post>,
    /// Where older replies are, or empty.
    pub earlier: String,
    /// Where the newest replies are; empty when they are here.
    pub newest: String,
    /// Whether the reader may write.
    pub may_post: bool,
    /// Whether the reader may accept an answer.
    pub may_accept: bool,
    /// Whether the reader may delete it.
    pub may_delete: bool,
    /// Whether the reader may change its text.
    pub may_edit: bool,
    /// Whether the reader may lock it.
    pub may_moderate: bool,
    /// Why nobody may write, or empty.
    pub locked: String,
    /// The reply.
    pub form: Form,
}

/// A reply.
#[derive(Debug, Clone, Default)]
pub struct Post {
    /// Its id.
    pub id: String,
    /// Its place in the topic, from 1.
    pub number: i64,
    /// Who.
    pub person: Person,
    /// When.
    pub at: When,
    /// The text.
    pub html: SafeHtml,
    /// Files.
    pub files: Vec<File>,
    /// Whether it is the accepted answer.
    pub accepted: bool,
}

/// Writing a topic.
#[derive(Template)]
#[template(path = "portal/topic_new.html")]
pub struct NewTopic {
    /// The frame.
    pub l: Layout,
    /// The fields.
    pub form: Form,
    /// Where the form goes.
    pub action: String,
    /// Forums and sub-forums.
    pub forums: Vec<Choice>,
    /// Kinds of topics.
    pub kinds: Vec<Choice>,
    /// Files that it has already, with their ids.
    pub files: Vec<(String, File)>,
    /// What it will look like, when that was asked for.
    pub preview: Option<SafeHtml>,
    /// Whether a draft is being edited.
    pub draft: bool,
    /// Whether a published topic is being edited.
    pub published: bool,
}

/// The reader's drafts.
#[derive(Template)]
#[template(path = "portal/drafts.html")]
pub struct Drafts {
    /// The frame.
    pub l: Layout,
    /// The drafts.
    pub drafts: Vec<TopicRow>,
    /// For the buttons.
    pub form: Form,
}
