//! Gets the words of a due delivery from whoever owns its event.

use std::time::Duration;

use portico_chassis::error::Error;
use uuid::Uuid;

use super::App;
use super::content::Content;
use super::words::{self, Language};
use crate::domain::delivery::Due;
use crate::store::inbound;

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
            OURSELVES => self.own_content(due).await,
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

    /// The answer to somebody whose mail could not be added to a closed ticket.
    async fn own_content(&self, due: &Due) -> Result<Content, Error> {
        let id: Uuid = due.aggregate_id.parse().map_err(|_| Error::NOT_FOUND)?;
        let mut conn = self.db.system().acquire().await?;
        let mail = inbound::by_id(&mut conn, id).await?.ok_or(Error::NOT_FOUND)?;
        drop(conn);
        let portal = self.portal(&due.portal).await?;
        let addressee = self.clients.addressee(&due.portal, &due.recipient).await?;
        let number = mail.ticket_number.unwrap_or_default();
        let language = Language::of(&addressee.locale);
        let offers_follow_up = mail.reason == "ticket_closed_follow_up";
        let (subject, intro) = words::closed_answer(language, offers_follow_up);
        let (action_label, action_path) = match (number.as_str(), offers_follow_up) {
            ("", _) => (String::new(), "/".to_owned()),
            (number, true) => (language.create_follow_up().to_owned(), format!("/requests/{number}/follow-up")),
            (number, false) => (number.to_owned(), format!("/requests/{number}")),
        };
        Ok(Content {
            to_address: addressee.email,
            to_name: addressee.name,
            locale: addressee.locale,
            portal_title: portal.title,
            subject: subject.to_owned(),
            intro,
            action_path,
            action_label,
            ticket_number: number,
            ..Content::default()
        })
    }
}
