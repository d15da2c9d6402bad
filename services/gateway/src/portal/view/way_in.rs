//! Getting in: signing in and up, one-time links, passwords.

use askama::Template;

use super::form::{Challenge, Form};
use super::layout::Layout;

/// Signing in.
#[derive(Template)]
#[template(path = "portal/sign_in.html")]
pub struct SignIn {
    /// The frame.
    pub l: Layout,
    /// `email`, and `next`: where to go afterwards.
    pub form: Form,
}

/// Signing up.
#[derive(Template)]
#[template(path = "portal/sign_up.html")]
pub struct SignUp {
    /// The frame.
    pub l: Layout,
    /// `name`, `email`.
    pub form: Form,
    /// The human check.
    pub challenge: Challenge,
}

/// Asking for a reset mail.
#[derive(Template)]
#[template(path = "portal/forgot.html")]
pub struct Forgot {
    /// The frame.
    pub l: Layout,
    /// `email`.
    pub form: Form,
    /// The human check.
    pub challenge: Challenge,
}

/// The page of a one-time link: register, confirm the address, or choose a new password.
#[derive(Template)]
#[template(path = "portal/link.html")]
pub struct Link {
    /// The frame.
    pub l: Layout,
    /// `name`; the passwords are never kept.
    pub form: Form,
    /// Where the form goes.
    pub action: String,
    /// The address that the link is bound to.
    pub email: String,
    /// `register`, `confirm` or `reset`.
    pub kind: &'static str,
}

/// A page with a drawing and a sentence: check your inbox, a dead link, done.
#[derive(Template)]
#[template(path = "portal/message.html")]
pub struct Message {
    /// The frame.
    pub l: Layout,
    /// A drawing's name.
    pub art: &'static str,
    /// The title.
    pub title: String,
    /// What happened and what to do.
    pub text: String,
    /// A second sentence, or empty.
    pub more: String,
    /// Where to go next.
    pub links: Vec<(String, String)>,
}

/// A one-time link that does not work, whatever the reason.
#[derive(Template)]
#[template(path = "portal/dead_link.html")]
pub struct DeadLink {
    /// The frame.
    pub l: Layout,
    /// Asks for a new link.
    pub form: Form,
    /// Where the form goes; empty for a link that is asked for by address.
    pub action: String,
    /// Where to go next.
    pub links: Vec<(String, String)>,
}

/// A refusal as a page.
#[derive(Template)]
#[template(path = "portal/error.html")]
pub struct Oops {
    /// The frame.
    pub l: Layout,
    /// The title.
    pub title: String,
    /// What to do next.
    pub text: String,
    /// For support, or empty.
    pub reference: String,
    /// The same page once more, or empty.
    pub again: String,
}
