//! Gets the words of a due delivery from whoever owns its event.

use std::time::Duration;

use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use uuid::Uuid;

use super::App;
use super::content::Content;
use super::words::{self, Language};
use crate::domain::delivery::Due;
use crate::domain::inbound::{State, is_closed};
use crate::store::inbound::{self, Mail};

/// Deliveries that the notifier itself wants name this producer.
pub const OURSELVES: &str = "notifier";
/// How long a delivery waits when the owner of its event is away.
const OWNER_AWAY: Duration = Duration::from_secs(2);

/// What is to be done with a due delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prepared {
    /// These are the words.
    Ready(Box<Content>),
    /// It is not to go out.
    Cancel(&'static str),
    /// Its owner is away: wait so long, and count no attempt.
    Later(Duration),
    /// The attempt failed.
    Failed(String),
}

impl App {
    /// Asks the owner for content, permission and relevance, as of now.
    pub async fn prepare(&self, due: &Due) -> Prepared {
        let content = match due.producer.as_str() {
            OURSELVES => self.own_content(&due.portal, due.event_id, &due.recipient).await,
            owner => self.clients.render_for(owner, &due.portal, due.event_id, &due.recipient, due.kind.name()).await,
        };
        match content {
            Ok(content) => Prepared::Ready(Box::new(content)),
            Err(Error::NotFound { .. } | Error::Gone) => Prepared::Cancel("not_for_this_reader"),
            Err(error) if error.is_transient() => Prepared::Later(self.random.jitter(OWNER_AWAY)),
            Err(error) => {
                tracing::warn!(delivery = %due.id, producer = due.producer, %error, "a delivery could not be rendered");
                Prepared::Failed(format!("render {}", error.code()))
            }
        }
    }

    /// The words about a message that came in: for whoever answered a closed ticket, and for who decides about a claim. `NotFound` when there
    /// is nothing to tell this recipient any more.
    pub(super) async fn own_content(&self, portal: &PortalId, mail: Uuid, recipient: &str) -> Result<Content, Error> {
        let mut conn = self.db.system().acquire().await?;
        let mail = inbound::by_id(&mut conn, mail).await?.filter(|mail| mail.portal == portal.as_str()).ok_or(Error::NOT_FOUND)?;
        drop(conn);
        let state = mail.state()?;
        let addressee = self.clients.addressee(portal, recipient).await?;
        let words = Content {
            portal_title: self.portal(portal).await?.title,
            to_address: addressee.email,
            to_name: addressee.name,
            locale: addressee.locale,
            ..Content::default()
        };
        if state == State::Claimed && addressee.is_team {
            Ok(of_claim(words, &mail, portal))
        } else if is_closed(state, &mail.reason) && mail.person_id.as_deref() == Some(recipient) {
            Ok(of_closed(words, mail))
        } else {
            Err(Error::NOT_FOUND)
        }
    }
}

/// The answer to somebody whose mail could not be added to a closed ticket.
fn of_closed(words: Content, mail: Mail) -> Content {
    let number = mail.ticket_number.unwrap_or_default();
    let language = Language::of(&words.locale);
    let offers_follow_up = mail.reason == "ticket_closed_follow_up";
    let (subject, intro) = words::closed_answer(language, offers_follow_up);
    let (action_label, action_path) = match (number.as_str(), offers_follow_up) {
        ("", _) => (String::new(), "/".to_owned()),
        (number, true) => (language.create_follow_up().to_owned(), format!("/requests/{number}/follow-up")),
        (number, false) => (number.to_owned(), format!("/requests/{number}")),
    };
    Content { subject: subject.to_owned(), intro, action_path, action_label, ticket_number: number, ..words }
}

/// The mark of a mail that waits for an agent. It leads to the desk's page of such mails, so it is about no ticket by itself.
fn of_claim(words: Content, mail: &Mail, portal: &PortalId) -> Content {
    let subject = words::claim_waits(Language::of(&words.locale), mail.ticket_number.as_deref());
    Content { subject, action_path: format!("/desk/{portal}/mail"), ..words }
}
