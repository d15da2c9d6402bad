//! A bell rings once for each event and person, a mail has one Message-ID for each (I05), and nobody hears what is not theirs (I06). How often a
//! mail may come is in [`super::resent`].

use std::collections::{BTreeMap, BTreeSet};

use super::timers::{Timelines, resolved_by_timer};
use super::{PARITY, Scene, Ticket, all_items};
use crate::client::Client;
use crate::history::{Kind, Operation};
use crate::load::{Camp, NOTE};
use crate::wait;

/// At least and at most so many.
type Range = (usize, usize);
/// Bells or mails, by ticket and kind.
type Heard = BTreeMap<(String, String), usize>;

/// What somebody is to hear: by ticket and kind.
#[derive(Debug, Default)]
struct Due {
    bells: BTreeMap<(String, String), Range>,
    mails: BTreeMap<(String, String), Range>,
    /// Bells about answers to own topics, by topic.
    topics: BTreeMap<String, Range>,
    /// How often a kind may be heard of a ticket that nobody was told of for sure.
    others: usize,
}

impl Due {
    /// What a database lost may have been told before, and once more when it happened again.
    fn of(scene: &Scene<'_>) -> Self {
        Self { others: 1 + once_more(scene), ..Self::default() }
    }

    fn bell(&mut self, number: &str, kind: &str, times: Range) {
        self.bells.insert((number.to_owned(), kind.to_owned()), times);
    }

    fn mail(&mut self, number: &str, kind: &str, times: Range) {
        self.mails.insert((number.to_owned(), kind.to_owned()), times);
    }

    fn both(&mut self, number: &str, kind: &str, times: Range) {
        self.bell(number, kind, times);
        self.mail(number, kind, times);
    }
}

/// Everybody of the load hears what they are to hear, and nothing else; after the timers.
pub(super) async fn bells_and_mails_are_right(scene: &Scene<'_>, timelines: &Timelines) {
    let tickets = scene.tickets();
    for camp in scene.camps() {
        let known: BTreeSet<&str> = tickets.iter().filter(|one| one.camp.slug == camp.slug).map(|one| one.number.as_str()).collect();
        for (place, customer) in camp.customers.iter().enumerate() {
            let due = of_customer(scene, camp, place, &tickets, timelines);
            rings(scene, camp, customer, &due, &known).await;
            arrives(scene, customer, &due, &known).await;
            assert!(!mentions(scene, customer), "{} got a mail with an internal note (I06)", customer.email());
        }
        let due = of_agent(scene, camp, &tickets);
        rings(scene, camp, &camp.agent, &due, &known).await;
        arrives(scene, &camp.agent, &due, &known).await;
    }
}

fn once_more(scene: &Scene<'_>) -> usize {
    usize::from(scene.tolerance.lost.is_some())
}

/// How many operations of a kind on the ticket took effect: at least those that were acknowledged, at most all.
fn range<'t>(scene: &'t Scene<'_>, op: &'t str, ticket: &'t Ticket<'_>) -> Range {
    let acknowledged = scene.about(op, ticket).filter(|one| one.outcome == Kind::Ok && !scene.is_excused(one)).count();
    (acknowledged, scene.about(op, ticket).filter(|one| one.outcome != Kind::Fail).count())
}

fn of_customer(scene: &Scene<'_>, camp: &Camp, place: usize, tickets: &[Ticket<'_>], timelines: &Timelines) -> Due {
    let mut due = Due::of(scene);
    for ticket in tickets.iter().filter(|ticket| ticket.camp.slug == camp.slug) {
        let number = ticket.number.as_str();
        let shared = scene.about("share", ticket).find(|share| share.asked["with"] == place);
        if ticket.customer == place {
            let timeline = timelines.get(&(camp.slug.clone(), number.to_owned())).expect("its timeline was read");
            let resolved = timeline.iter().filter(|item| resolved_by_timer(item)).count();
            due.mail(number, "receipt", (1, 1));
            let answers = range(scene, "reply", ticket);
            due.both(number, "ticket_update", answers);
            // A reminder that comes late is not sent: the ticket has been resolved meanwhile.
            let answered = answers.1.min(1);
            due.mail(number, "waiting_reminder", (0, answered + once_more(scene)));
            // Whoever answered in spite of it need not be told; and after an answer without acknowledgement the timer may have fired since its
            // timeline was read.
            let least = if range(scene, "answer_back", ticket).1 > 0 { 0 } else { resolved };
            due.both(number, "auto_resolved", (least, resolved.max(answered) + once_more(scene)));
        } else if let Some(share) = shared.filter(|share| share.outcome != Kind::Fail) {
            // Whoever is told of it may have lost the right again before that was sent.
            due.both(number, "collaborator_added", (0, 1));
            if !is_shut_out(scene, ticket, share) {
                due.both(number, "ticket_update", (0, range(scene, "reply", ticket).1));
                due.both(number, "auto_resolved", (0, 1));
                due.mail(number, "waiting_reminder", (0, 1));
            }
        }
    }
    let name = format!("{}/customer{place}", camp.slug);
    let own = |topic: &&Operation| topic.client == name && !scene.is_excused(topic);
    for topic in scene.history.acknowledged("topic").filter(own) {
        let id = topic.answer()["id"].as_str().unwrap_or_default().to_owned();
        let posts: Vec<&Operation> = scene.history.of_op("post").filter(|post| post.asked["topic"] == id.as_str()).collect();
        let acknowledged = posts.iter().filter(|post| post.outcome == Kind::Ok && !scene.is_excused(post)).count();
        due.topics.insert(id, (acknowledged, posts.len()));
    }
    due
}

/// Whether a share was taken back, and that acknowledged, before anybody answered: then nothing that follows may be heard.
fn is_shut_out(scene: &Scene<'_>, ticket: &Ticket<'_>, share: &Operation) -> bool {
    let back = |one: &&Operation| one.outcome == Kind::Ok && one.asked["with"] == share.asked["with"] && !scene.is_excused(one);
    let Some(back) = scene.about("unshare", ticket).find(back).and_then(|one| one.ended) else { return false };
    scene.about("reply", ticket).all(|reply| reply.begun >= back)
}

/// While nobody owns a ticket all agents hear of it, of which there is one; then its agent does.
fn of_agent(scene: &Scene<'_>, camp: &Camp, tickets: &[Ticket<'_>]) -> Due {
    let mut due = Due::of(scene);
    for ticket in tickets.iter().filter(|ticket| ticket.camp.slug == camp.slug) {
        let (least, most) = range(scene, "answer_back", ticket);
        due.both(&ticket.number, "ticket_update", (least + 1, most + 1));
    }
    due
}

/// Nothing too often, and nothing about a ticket of the load that is not due.
fn nothing_else(due: &BTreeMap<(String, String), Range>, others: usize, heard: &Heard, known: &BTreeSet<&str>, who: &str) {
    for ((number, kind), times) in heard {
        let most = match due.get(&(number.clone(), kind.clone())) {
            Some((_, most)) => *most,
            // A probe's, or one without acknowledgement.
            None if !known.contains(number.as_str()) => others,
            None => 0,
        };
        assert!(*times <= most, "{who} heard {kind} of {number} {times} times, of at most {most} (I05, I06)");
    }
}

fn is_enough<K: Ord>(due: &BTreeMap<K, Range>, heard: &BTreeMap<K, usize>) -> bool {
    due.iter().all(|(about, (least, _))| heard.get(about).copied().unwrap_or(0) >= *least)
}

async fn rings(scene: &Scene<'_>, camp: &Camp, who: &Client, due: &Due, known: &BTreeSet<&str>) {
    wait::within(PARITY, &format!("everything rings at {} (I05)", who.email()), async || {
        let (mut heard, mut topics) = (Heard::new(), BTreeMap::<String, usize>::new());
        for item in all_items(who, "notifications?").await {
            let text = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
            let number = text("ticket");
            if !number.is_empty() {
                if !scene.is_ambiguous(&camp.slug, &number) {
                    *heard.entry((number, text("kind"))).or_default() += 1;
                }
            } else if text("kind") == "topic_post" {
                *topics.entry(topic_of(&text("url"))).or_default() += 1;
            }
        }
        nothing_else(&due.bells, due.others, &heard, known, who.email());
        for (topic, times) in &topics {
            let most = due.topics.get(topic).map_or(1, |(_, most)| *most);
            assert!(*times <= most, "{} heard of topic {topic} {times} times, of at most {most} (I05)", who.email());
        }
        (is_enough(&due.bells, &heard) && is_enough(&due.topics, &topics)).then_some(())
    })
    .await;
}

/// The topic's id in the address of its page: `…/community/t/{id}-{slug}?…`.
fn topic_of(url: &str) -> String {
    url.split("/community/t/").nth(1).and_then(|rest| rest.get(..36)).unwrap_or_default().to_owned()
}

/// Waits until every mail has come.
async fn arrives(scene: &Scene<'_>, who: &Client, due: &Due, known: &BTreeSet<&str>) {
    let unwanted = scene.tolerance.unwanted.is_some_and(|part| who.email().starts_with(part));
    let mailbox = scene.world.mailbox();
    wait::within(PARITY, &format!("every mail to {} arrives (I05)", who.email()), async || {
        let mut ids: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
        for mail in mailbox.to(who.email()) {
            if !mail.ticket.is_empty() && !scene.is_ambiguous(slug_of(who), &mail.ticket) {
                ids.entry((mail.ticket, mail.kind)).or_default().insert(mail.message_id);
            }
        }
        let heard: Heard = ids.into_iter().map(|(about, ids)| (about, ids.len())).collect();
        nothing_else(&due.mails, due.others, &heard, known, who.email());
        (unwanted || is_enough(&due.mails, &heard)).then_some(())
    })
    .await;
}

/// The portal, which is the domain of every address in it: `customer0@SLUG.test`.
fn slug_of(who: &Client) -> &str {
    who.email().rsplit('@').next().and_then(|domain| domain.strip_suffix(".test")).unwrap_or_default()
}

fn mentions(scene: &Scene<'_>, who: &Client) -> bool {
    scene.world.mailbox().to(who.email()).iter().any(|mail| mail.raw.contains(NOTE) || mail.text.contains(NOTE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(times: usize) -> Heard {
        BTreeMap::from([(("A-1".to_owned(), "ticket_update".to_owned()), times)])
    }

    #[test]
    fn a_lost_bell_is_missed_even_where_another_kind_rang() {
        let mut due = Due::default();
        due.bell("A-1", "ticket_update", (1, 1));
        let other = BTreeMap::from([(("A-1".to_owned(), "auto_resolved".to_owned()), 1)]);
        assert!(is_enough(&due.bells, &heard(1)) && !is_enough(&due.bells, &other));
    }

    #[test]
    #[should_panic(expected = "of at most 0")]
    fn a_bell_about_the_ticket_of_somebody_else_is_one_too_many() {
        nothing_else(&BTreeMap::new(), 1, &heard(1), &BTreeSet::from(["A-1"]), "b@x.test");
    }

    #[test]
    #[should_panic(expected = "of at most 1")]
    fn a_second_bell_is_one_too_many() {
        let mut due = Due::default();
        due.bell("A-1", "ticket_update", (1, 1));
        nothing_else(&due.bells, 1, &heard(2), &BTreeSet::from(["A-1"]), "a@x.test");
    }

    #[test]
    fn a_topic_is_read_out_of_its_address() {
        let id = "01a209bc-5dfb-72d6-8845-363c6f61cd63";
        assert_eq!(topic_of(&format!("/portal/x/community/t/{id}-talk-1?post=1#post-1")), id);
    }
}
