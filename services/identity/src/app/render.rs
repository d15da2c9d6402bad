//! What the mails of identity say, at the moment they are sent.

use portico_chassis::deadline::Deadline;
use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use time::OffsetDateTime;
use uuid::Uuid;

use super::App;
use super::link::Rendered;
use crate::domain::link::{LinkAction, LinkKind};
use crate::domain::person::{Person, Status};
use crate::store;
use crate::store::events::{self, Cause};

/// A mail of ours.
#[derive(Debug, Clone)]
pub struct Mail {
    /// Who gets it.
    pub person: Person,
    /// The portal's title.
    pub portal_title: String,
    /// The subject.
    pub subject: String,
    /// Sentences.
    pub intro: Vec<String>,
    /// Words of the button.
    pub action_label: &'static str,
    /// Path below the portal's base URL.
    pub action_path: String,
    /// When it happened.
    pub at: OffsetDateTime,
}

impl Mail {
    /// The name in `To:`. Whoever has no account has confirmed no name: it may be a stranger's text, which stays out of their mail (S63).
    pub fn to_name(&self) -> &str {
        if self.person.registered { &self.person.name } else { "" }
    }
}

impl App {
    /// Renders the mail of an event. `NOT_FOUND` when it is not to be sent any more.
    pub async fn render_mail(&self, portal: &PortalId, event: Uuid, deadline: Deadline) -> Result<Mail, Error> {
        let mut conn = self.db.read(portal, deadline).await?;
        let (cause, at) = events::cause(&mut conn, portal, event).await?.ok_or(Error::NOT_FOUND)?;
        match cause {
            Cause::Link(id, generation) => {
                drop(conn);
                let rendered = self.render_link(portal, id, deadline).await?;
                // A newer sending has an event and a mail of its own.
                if rendered.link.generation == generation { Ok(link_mail(rendered, at)) } else { Err(Error::NOT_FOUND) }
            }
            Cause::PasswordChanged(id) => {
                let portal_title = self.portal(&mut conn, portal).await?.title;
                let person = store::person::find(&mut conn, portal, id).await?;
                let person = person.filter(|person| person.status == Status::Active).ok_or(Error::NOT_FOUND)?;
                Ok(password_changed_mail(person, portal_title, at))
            }
        }
    }
}

fn link_mail(rendered: Rendered, at: OffsetDateTime) -> Mail {
    let title = &rendered.portal_title;
    let (subject, intro, action_label) = match (rendered.link.kind, rendered.action) {
        (LinkKind::Invite, _) => (
            format!("You are invited to {title}"),
            vec![
                format!("You have been invited to {title}."),
                "Choose a password to open your account. The link works once, for seven days.".into(),
            ],
            "Open your account",
        ),
        (LinkKind::AutoInvite, LinkAction::Register) => (
            format!("Follow your request at {title}"),
            vec![
                format!("{title} has received a request with this address."),
                "Choose a password to open an account and follow it. The link works once, for seven days.".into(),
                "If you did not write to us, ignore this mail: nothing happens without you.".into(),
            ],
            "Open your account",
        ),
        (LinkKind::AutoInvite, _) => (
            format!("Confirm your request at {title}"),
            vec![
                format!("{title} has received a request with this address."),
                "Please confirm that it is yours. The link works once, for seven days.".into(),
                "If you did not write to us, ignore this mail: nothing happens without you.".into(),
            ],
            "Confirm",
        ),
        (LinkKind::SignUp, LinkAction::SignIn) => (
            format!("You have an account at {title}"),
            vec![
                format!("Somebody asked for an account at {title} with this address. You have one already."),
                "Sign in with it. If you forgot your password, the sign-in page helps.".into(),
            ],
            "Sign in",
        ),
        (LinkKind::SignUp, _) => (
            format!("Confirm your address for {title}"),
            vec![
                format!("You asked for an account at {title}."),
                "Choose a password to open it. The link works once, for one day.".into(),
                "If it was not you, ignore this mail.".into(),
            ],
            "Choose a password",
        ),
        (LinkKind::PasswordReset, _) => (
            format!("Choose a new password for {title}"),
            vec![
                format!("A new password was asked for your account at {title}."),
                "Choose it within the hour. The link works once.".into(),
                "If it was not you, ignore this mail: your password stays as it is.".into(),
            ],
            "Choose a new password",
        ),
    };
    Mail { person: rendered.person, portal_title: rendered.portal_title, subject, intro, action_label, action_path: rendered.path, at }
}

fn password_changed_mail(person: Person, portal_title: String, at: OffsetDateTime) -> Mail {
    Mail {
        subject: format!("Your password at {portal_title} was changed"),
        intro: vec![
            format!("The password of your account at {portal_title} was changed."),
            "If it was not you, choose a new one at once: whoever changed it can read your requests.".into(),
        ],
        action_label: "I did not do this",
        action_path: "/forgot".into(),
        person,
        portal_title,
        at,
    }
}
