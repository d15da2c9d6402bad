//! What the notifier sends: rendered for one recipient at the moment of sending, or refused.

use portico_chassis::deadline::Deadline;
use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use time::OffsetDateTime;

use super::Community;
use super::clients::PersonFacts;
use crate::domain::ids::{CopyId, PersonId, PostId, TopicId};
use crate::domain::post::NoticeKind;
use crate::domain::text;
use crate::domain::view::{PostView, TopicHead};
use crate::store;
use crate::store::notice::Noticed;

/// The kind of a neutral mail about a published topic.
pub const TOPIC_COPY: &str = "topic_copy";
/// The kind of a bell for a new post.
pub const TOPIC_POST: &str = "topic_post";
/// The kind of a bell for an accepted answer.
pub const TOPIC_ACCEPTED: &str = "topic_accepted";

/// A mail or bell, ready to be sent.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// Where it goes.
    pub to: PersonFacts,
    /// The title of the portal.
    pub portal_title: String,
    /// Mail subject and bell title.
    pub subject: String,
    /// Sentences before the quoted text.
    pub intro: Vec<String>,
    /// Who wrote `body`; empty when nobody did.
    pub author: String,
    /// Markdown that a person wrote.
    pub body: String,
    /// The words of the button.
    pub action: &'static str,
    /// Below the portal's base.
    pub path: String,
    /// Names the conversation.
    pub topic: TopicId,
    /// When it happened.
    pub at: OffsetDateTime,
}

impl Community {
    /// Renders an event for a recipient as of now. `NOT_FOUND`: it may not be seen any more, or no longer matters.
    pub async fn render(&self, portal: &PortalId, event: &str, recipient: &str, kind: &str, deadline: Deadline) -> Result<Rendered, Error> {
        match kind {
            TOPIC_COPY => self.render_copy(portal, recipient.parse().map_err(|_| Error::NOT_FOUND)?, deadline).await,
            TOPIC_POST => self.render_notice(portal, event, recipient, NoticeKind::Post, deadline).await,
            TOPIC_ACCEPTED => self.render_notice(portal, event, recipient, NoticeKind::Accepted, deadline).await,
            _ => Err(Error::NOT_FOUND),
        }
    }

    /// A neutral mail: none of the writer's words, only to a member who may read the topic now (S63).
    async fn render_copy(&self, portal: &PortalId, id: CopyId, deadline: Deadline) -> Result<Rendered, Error> {
        let mut conn = self.db.read(portal, deadline).await?;
        let copy = store::copy::one(&mut conn, portal, id).await?.ok_or(Error::NOT_FOUND)?;
        let head = store::topic::head(&mut conn, portal, copy.topic).await?;
        drop(conn);
        let to = self.identity.person_of(portal, &copy.address, deadline).await?.filter(|to| to.is_member).ok_or(Error::NOT_FOUND)?;
        let head = self.still_readable(portal, head, &to).await?;
        if !self.address_allows(&copy.address, id).await? {
            return Err(Error::NOT_FOUND);
        }
        let portal_title = self.settings.get(portal).await?.title.clone();
        Ok(Rendered {
            subject: format!("A community topic was shared with you at {}", text::one_line(&portal_title)),
            intro: vec![
                format!("A member of {portal_title} has shared a topic of the community with you."),
                "You get this mail because your address was entered when the topic was published.".to_owned(),
            ],
            portal_title,
            author: String::new(),
            body: String::new(),
            action: "Read the topic",
            // Without the slug: it is made of the title.
            path: format!("/community/t/{}", head.id),
            topic: head.id,
            at: copy.at,
            to,
        })
    }

    /// A bell for a follower, or for the writer of an accepted post.
    async fn render_notice(
        &self,
        portal: &PortalId,
        event: &str,
        recipient: &str,
        kind: NoticeKind,
        deadline: Deadline,
    ) -> Result<Rendered, Error> {
        let event = portico_chassis::ids::parse_uuid(event).map_err(|_| Error::NOT_FOUND)?;
        let person: PersonId = recipient.parse().map_err(|_| Error::NOT_FOUND)?;
        let mut conn = self.db.read(portal, deadline).await?;
        let noticed = store::notice::of_event(&mut conn, portal, event).await?.ok_or(Error::NOT_FOUND)?;
        if noticed.notice.kind != kind || !noticed.notice.recipients.iter().any(|known| known == recipient) {
            return Err(Error::NOT_FOUND);
        }
        let post: PostId = noticed.notice.post.parse().map_err(|_| Error::NOT_FOUND)?;
        let post = store::post::one(&mut conn, portal, noticed.notice.topic, post).await?.ok_or(Error::NOT_FOUND)?;
        let head = store::topic::head(&mut conn, portal, noticed.notice.topic).await?;
        let follows = store::notice::follows(&mut conn, portal, noticed.notice.topic, person).await?;
        drop(conn);
        let relevant = match kind {
            NoticeKind::Post => follows,
            NoticeKind::Accepted => post.accepted && (follows || post.author.id == person),
        };
        if !relevant {
            return Err(Error::NOT_FOUND);
        }
        let to = self.identity.people(portal, &[person], deadline).await?.pop().filter(|to| to.is_member).ok_or(Error::NOT_FOUND)?;
        let head = self.still_readable(portal, head, &to).await?;
        let portal_title = self.settings.get(portal).await?.title.clone();
        Ok(bell(kind, &head, post, &noticed, to, portal_title))
    }

    /// The topic, if the recipient may read it at this moment.
    async fn still_readable(&self, portal: &PortalId, head: Option<TopicHead>, to: &PersonFacts) -> Result<TopicHead, Error> {
        let settings = self.settings.get(portal).await?;
        let open = settings.part.is_open || to.reader().staff();
        head.filter(|head| open && head.is_visible_to(&to.reader())).ok_or(Error::NOT_FOUND)
    }
}

fn bell(kind: NoticeKind, head: &TopicHead, post: PostView, noticed: &Noticed, to: PersonFacts, portal_title: String) -> Rendered {
    let own = post.author.id == to.byline.id;
    let who = if post.author.name.is_empty() { "Somebody" } else { &post.author.name };
    let subject = match kind {
        NoticeKind::Post => format!("{who} answered “{}”", head.title),
        NoticeKind::Accepted if own => format!("Your answer to “{}” was accepted", head.title),
        NoticeKind::Accepted => format!("“{}” has an accepted answer", head.title),
    };
    let slug = text::slug(&head.title, "topic");
    Rendered {
        to,
        portal_title,
        subject: text::one_line(&subject),
        intro: Vec::new(),
        author: post.author.name,
        body: post.body,
        action: "Read the topic",
        path: format!("/community/t/{}-{slug}?post={n}#post-{n}", head.id, n = post.number),
        topic: head.id,
        at: noticed.at,
    }
}
