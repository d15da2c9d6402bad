//! Reads other services' events: who is to be told what, and how.

use std::sync::Arc;

use async_trait::async_trait;
use portico_chassis::clock::{Clock, from_proto};
use portico_chassis::error::Error;
use portico_chassis::events;
use portico_chassis::ids::parse_uuid;
use portico_chassis::inbox::{Connection, Consumer};
use portico_proto::events::v1::community_event::Event as Community;
use portico_proto::events::v1::event_body::Body;
use portico_proto::events::v1::identity_event::Event as Identity;
use portico_proto::events::v1::{Envelope, TicketNotice, TopicNotice};

use crate::app::delivery::{self, Occurrence};
use crate::app::measures::Measures;
use crate::app::wake::Wakes;
use crate::domain::delivery::{Channel, Wanted};
use crate::domain::kind::Kind;

/// Makes deliveries from one producer's events.
pub struct Deliveries {
    producer: &'static str,
    clock: Clock,
    wakes: Wakes,
    measures: Measures,
}

impl Deliveries {
    /// For the events of `producer`.
    pub fn of(producer: &'static str, clock: Clock, wakes: Wakes, measures: Measures) -> Arc<Self> {
        Arc::new(Self { producer, clock, wakes, measures })
    }
}

#[async_trait]
impl Consumer for Deliveries {
    fn producer(&self) -> &'static str {
        self.producer
    }

    async fn apply(&self, conn: &mut Connection, events: &[Envelope]) -> Result<(), Error> {
        let occurrences = events.iter().filter_map(|event| occurrence(event).transpose()).collect::<Result<Vec<_>, _>>()?;
        delivery::store(conn, &occurrences, self.clock.now()).await?;
        self.measures.unknown(events.iter().map(unknown).sum());
        Ok(())
    }

    fn applied(&self) {
        self.wakes.deliveries();
    }
}

/// How many notices of an event have a kind that this version does not know.
fn unknown(event: &Envelope) -> usize {
    match events::body(event) {
        Some(Body::Tickets(event)) if event.imported_from.is_none() => {
            event.notices.iter().filter(|notice| notice.kind.parse::<Kind>().is_err()).count()
        }
        _ => 0,
    }
}

/// Who is to be told of an event; `None` for the many of which nobody is.
fn occurrence(event: &Envelope) -> Result<Option<Occurrence>, Error> {
    let wanted = wanted(events::body(event).as_ref());
    if wanted.is_empty() {
        return Ok(None);
    }
    let unreadable = |what: &str| Error::internal(format!("event {} has no readable {what}", event.event_id));
    Ok(Some(Occurrence {
        event_id: parse_uuid(&event.event_id).map_err(|_| unreadable("id"))?,
        portal: event.portal.parse().map_err(|_| unreadable("portal"))?,
        producer: event.producer.clone(),
        aggregate_kind: event.aggregate_kind.clone(),
        aggregate_id: event.aggregate_id.clone(),
        actor: event.actor.clone(),
        at: event.at.as_ref().and_then(from_proto).ok_or_else(|| unreadable("time"))?,
        traceparent: event.traceparent.clone(),
        wanted,
    }))
}

fn wanted(body: Option<&Body>) -> Vec<Wanted> {
    match body {
        // What was imported happened elsewhere: nobody is told of it, whatever it says.
        Some(Body::Tickets(event)) if event.imported_from.is_some() => Vec::new(),
        Some(Body::Tickets(event)) => event.notices.iter().flat_map(ticket_notice).collect(),
        Some(Body::Identity(event)) => event.event.as_ref().map(identity).unwrap_or_default(),
        Some(Body::Community(event)) => event.event.as_ref().map(community).unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// A kind that this version does not know is told to nobody: a newer tickets service may have it before we do.
fn ticket_notice(notice: &TicketNotice) -> Vec<Wanted> {
    let Ok(kind) = notice.kind.parse::<Kind>() else {
        tracing::warn!(kind = notice.kind, "a notice of an unknown kind is told to nobody");
        return Vec::new();
    };
    let channels = [(Channel::Mail, notice.mail), (Channel::Bell, notice.bell && kind.rings())];
    let to = |channel| notice.person_ids.iter().map(move |person| person_wants(person, kind, channel));
    channels.into_iter().filter(|(_, on)| *on).flat_map(|(channel, _)| to(channel)).collect()
}

fn identity(event: &Identity) -> Vec<Wanted> {
    match event {
        Identity::LinkIssued(link) => {
            let known = |kind: &Kind| matches!(kind, Kind::Invite | Kind::AutoInvite | Kind::SignUp | Kind::PasswordReset);
            let kind = link.kind.parse().ok().filter(known);
            kind.map(|kind| Wanted { recipient: link.link_id.clone(), is_person: false, kind, channel: Channel::Mail })
                .into_iter()
                .collect()
        }
        Identity::PasswordChanged(changed) => vec![person_wants(&changed.person_id, Kind::PasswordChanged, Channel::Mail)],
        _ => Vec::new(),
    }
}

fn community(event: &Community) -> Vec<Wanted> {
    match event {
        Community::TopicPublished(topic) => topic
            .copy_ids
            .iter()
            .map(|copy| Wanted { recipient: copy.clone(), is_person: false, kind: Kind::TopicCopy, channel: Channel::Mail })
            .collect(),
        Community::TopicNoticeDue(notice) => {
            let kind = match notice.notice() {
                TopicNotice::Post => Kind::TopicPost,
                TopicNotice::Accepted => Kind::TopicAccepted,
                TopicNotice::Unspecified => return Vec::new(),
            };
            notice.recipient_ids.iter().map(|person| person_wants(person, kind, Channel::Bell)).collect()
        }
        _ => Vec::new(),
    }
}

fn person_wants(person: &str, kind: Kind, channel: Channel) -> Wanted {
    Wanted { recipient: person.to_owned(), is_person: true, kind, channel }
}

#[cfg(test)]
mod tests {
    use portico_proto::events::v1::{LinkIssued, TicketsEvent, TopicNoticeDue, TopicPublished};

    use super::*;

    fn notice(kind: &str, mail: bool, bell: bool) -> TicketNotice {
        TicketNotice { kind: kind.into(), person_ids: vec!["alice".into(), "bob".into()], mail, bell }
    }

    #[test]
    fn a_notice_is_told_by_the_channels_it_names() {
        let both = ticket_notice(&notice("ticket_update", true, true));
        assert_eq!(both.len(), 4);
        assert!(both.iter().all(|wanted| wanted.kind == Kind::TicketUpdate && wanted.is_person));
        assert_eq!(ticket_notice(&notice("receipt", true, true)).len(), 2, "a receipt does not ring");
        assert!(ticket_notice(&notice("ticket_update", false, false)).is_empty());
        assert!(ticket_notice(&notice("a_kind_of_next_year", true, true)).is_empty());
    }

    #[test]
    fn what_was_imported_is_told_to_nobody() {
        let notices = vec![notice("ticket_update", true, true)];
        let fresh = TicketsEvent { notices, ..TicketsEvent::default() };
        let imported = TicketsEvent { imported_from: Some(prost_types::Timestamp::default()), ..fresh.clone() };
        assert_eq!(wanted(Some(&Body::Tickets(fresh))).len(), 4);
        assert!(wanted(Some(&Body::Tickets(imported))).is_empty());
    }

    #[test]
    fn a_link_is_mailed_to_whom_it_is_for() {
        let link = LinkIssued { link_id: "l1".into(), kind: "invite".into(), person_id: "p1".into(), generation: 1 };
        let expected = Wanted { recipient: "l1".into(), is_person: false, kind: Kind::Invite, channel: Channel::Mail };
        assert_eq!(identity(&Identity::LinkIssued(link.clone())), [expected]);
        assert!(identity(&Identity::LinkIssued(LinkIssued { kind: "receipt".into(), ..link })).is_empty());
    }

    #[test]
    fn topics_are_copied_by_mail_and_their_followers_hear_the_bell() {
        let published = TopicPublished { copy_ids: vec!["c1".into(), "c2".into()], ..TopicPublished::default() };
        assert_eq!(community(&Community::TopicPublished(published)).len(), 2);
        let due = TopicNoticeDue { notice: TopicNotice::Post.into(), recipient_ids: vec!["p1".into()], ..TopicNoticeDue::default() };
        assert_eq!(community(&Community::TopicNoticeDue(due)), [person_wants("p1", Kind::TopicPost, Channel::Bell)]);
    }
}
