//! Copies and bells: who is told, what is rendered at the moment of sending, and what is not.

use portico_chassis::auth::{Person, Role};
use portico_chassis::testing::person;
use portico_proto::common::v1::render_service_client::RenderServiceClient;
use portico_proto::common::v1::{RenderForRequest, RenderForResponse};
use portico_proto::community::v1 as wire;
use portico_proto::community::v1::Audience;
use portico_proto::events::v1::TopicNotice;
use portico_proto::events::v1::community_event::Event;
use portico_proto::identity::v1::PersonStatus;
use tonic::{Response, Status};

use crate::kit::{PORTAL, World, agent, alice, bob, change, code, refusal, topic};

async fn render(world: &World, event: &str, recipient: &str, kind: &str) -> Result<Response<RenderForResponse>, Status> {
    let message = RenderForRequest { portal: PORTAL.into(), event_id: event.into(), recipient: recipient.into(), kind: kind.into() };
    RenderServiceClient::new(world.channel.clone()).render_for(world.stage.as_service("notifier", message)).await
}

/// The last publishing: its event and the copies that it asked for.
async fn copies(world: &World) -> (String, Vec<String>) {
    let published = world.events().await.into_iter().rev().find_map(|(id, event)| match event {
        Event::TopicPublished(told) => Some((id, told.copy_ids)),
        _ => None,
    });
    published.unwrap()
}

/// The notices so far: event, why, who.
async fn notices(world: &World) -> Vec<(String, TopicNotice, Vec<String>)> {
    let all = world.events().await;
    all.into_iter()
        .filter_map(|(id, event)| match event {
            Event::TopicNoticeDue(due) => Some((id, due.notice(), due.recipient_ids)),
            _ => None,
        })
        .collect()
}

fn to(addresses: &[&str], wish: wire::CreateTopicRequest) -> wire::CreateTopicRequest {
    wire::CreateTopicRequest { notify_emails: addresses.iter().map(|address| (*address).to_owned()).collect(), ..wish }
}

#[tokio::test]
async fn copies_go_out_at_publishing_to_members_only_and_say_nothing_of_the_writer_s_cm_5_ne_8_s63() {
    let world = World::new().await;
    let forum = world.forum("How to", "", Audience::Public).await;
    let wish = to(&["Bob@ACME.test", "stranger@example.test"], topic("Cheap pills", &forum.slug));
    let draft = world.create(&alice(), wire::CreateTopicRequest { draft: true, ..wish }).await.unwrap().into_inner();
    assert_eq!(draft.notify_emails, ["bob@acme.test", "stranger@example.test"], "the writer sees them while it is a draft");
    assert!(!world.events().await.iter().any(|(_, event)| matches!(event, Event::TopicPublished(_))));
    let publish = wire::UpdateTopicRequest { draft: Some(false), ..change(&draft.id) };
    let published = world.update(&alice(), publish).await.unwrap().into_inner();
    assert!(published.notify_emails.is_empty(), "addresses are kept no longer than needed");
    let (event, copies) = copies(&world).await;
    assert_eq!(copies.len(), 2);
    let mail = render(&world, &event, &copies[0], "topic_copy").await.unwrap().into_inner();
    assert_eq!((mail.to_address.as_str(), mail.portal_title.as_str()), ("bob@acme.test", "ACME Help"));
    let all = format!("{mail:?}").to_lowercase();
    for word in ["cheap", "pills", "alice"] {
        assert!(!all.contains(word), "{word} is in {all}");
    }
    assert_eq!(mail.action_path, format!("/community/t/{}", draft.id));
    assert_eq!(code(render(&world, &event, &copies[1], "topic_copy").await), "not_found", "no member has this address");
    let again = render(&world, &event, &copies[0], "topic_copy").await.unwrap().into_inner();
    assert_eq!(mail, again, "rendering again gives the same");
    world.identity.changes(&bob(), |facts| {
        facts.status = PersonStatus::Suspended.into();
        true
    });
    assert_eq!(code(render(&world, &event, &copies[0], "topic_copy").await), "not_found", "a suspended member gets nothing");
    world.end().await;
}

#[tokio::test]
async fn a_copy_is_not_sent_for_what_its_reader_may_not_see_at_send_time_i06() {
    let world = World::new().await;
    let staff = world.forum("Staff", "", Audience::Agents).await;
    let open = world.forum("Open", "", Audience::Public).await;
    world.create(&agent(), to(&["bob@acme.test"], topic("Secret", &staff.slug))).await.unwrap();
    let (event, hidden) = copies(&world).await;
    assert_eq!(code(render(&world, &event, &hidden[0], "topic_copy").await), "not_found");
    let asked = world.create(&alice(), to(&["bob@acme.test"], topic("Deleted", &open.slug))).await.unwrap().into_inner();
    let (event, gone) = copies(&world).await;
    world.delete(&alice(), &asked.id).await.unwrap();
    assert_eq!(code(render(&world, &event, &gone[0], "topic_copy").await), "not_found");
    assert_eq!(code(render(&world, &event, "no-id", "topic_copy").await), "not_found");
    assert_eq!(code(render(&world, &event, &gone[0], "digest").await), "not_found");
    world.end().await;
}

#[tokio::test]
async fn copies_are_throttled_per_writer_and_per_address_s63() {
    let world = World::new().await;
    let forum = world.forum("How to", "", Audience::Public).await;
    let five: Vec<String> = (0..5).map(|n| format!("p{n}@example.test")).collect();
    let five: Vec<&str> = five.iter().map(String::as_str).collect();
    for n in 0..4 {
        world.create(&alice(), to(&five, topic(&format!("T{n}"), &forum.slug))).await.unwrap();
    }
    let more = to(&["bob@acme.test"], topic("One more", &forum.slug));
    let refused = refusal(world.create(&alice(), more.clone()).await);
    assert_eq!((refused.http_status(), refused.code()), (429, "rate_limited"));
    assert!(refused.retry_after().unwrap().as_secs() > 23 * 3600);
    assert_eq!(world.list(None, crate::kit::everything()).await.len(), 4, "nothing was published");
    let draft = wire::CreateTopicRequest { draft: true, ..more.clone() };
    assert!(world.create(&alice(), draft).await.is_ok(), "a draft sends nothing");
    assert!(world.create(&bob(), wire::CreateTopicRequest { notify_emails: vec!["alice@acme.test".into()], ..more }).await.is_ok());
    // Six writers name one address: it gets five mails, and the first ones stay sendable.
    let (mut sent, mut rendered) = (Vec::new(), 0);
    for n in 10..16 {
        let writer = person(n, Role::Customer);
        world.create(&writer, to(&["bob@acme.test"], topic(&format!("W{n}"), &forum.slug))).await.unwrap();
        sent.push(copies(&world).await);
    }
    for _ in 0..2 {
        for (event, copies) in &sent {
            rendered += usize::from(render(&world, event, &copies[0], "topic_copy").await.is_ok());
        }
    }
    assert_eq!(rendered, 10);
    world.end().await;
}

#[tokio::test]
async fn at_most_five_addresses_get_a_copy_cm_5() {
    let world = World::new().await;
    let forum = world.forum("How to", "", Audience::Public).await;
    let six: Vec<String> = (0..6).map(|n| format!("p{n}@example.test")).collect();
    let six: Vec<&str> = six.iter().map(String::as_str).collect();
    let wrong = crate::kit::wrong_fields(world.create(&alice(), to(&six, topic("T", &forum.slug))).await);
    assert_eq!(wrong, [("notify_emails".to_owned(), "too_many".to_owned())]);
    world.end().await;
}

#[tokio::test]
async fn the_writer_and_followers_get_bells_for_posts_and_nobody_for_an_own_one() {
    let world = World::new().await;
    let forum = world.forum("How to", "", Audience::Public).await;
    let asked = world.question(&alice(), "How?", &forum.slug).await;
    world.post(&alice(), &asked.id, "I forgot to say").await.unwrap();
    assert!(notices(&world).await.is_empty());
    world.follow(&bob(), &asked.id, true).await.unwrap();
    world.post(&agent(), &asked.id, "Like **this**").await.unwrap();
    let (event, why, mut people) = notices(&world).await.remove(0);
    people.sort();
    assert_eq!((why, people), (TopicNotice::Post, vec![alice().id.to_string(), bob().id.to_string()]));
    let bell = render(&world, &event, &bob().id.to_string(), "topic_post").await.unwrap().into_inner();
    assert_eq!((bell.subject.as_str(), bell.author_name.as_str()), ("Grace answered “How?”", "Grace"));
    assert_eq!((bell.body_markdown.as_str(), bell.to_address.as_str()), ("Like **this**", "bob@acme.test"));
    assert_eq!(bell.action_path, format!("/community/t/{}-how?post=2#post-2", asked.id));
    let stranger = agent().id.to_string();
    assert_eq!(code(render(&world, &event, &stranger, "topic_post").await), "not_found", "not among the recipients");
    assert_eq!(code(render(&world, &event, &bob().id.to_string(), "topic_accepted").await), "not_found");
    world.follow(&bob(), &asked.id, false).await.unwrap();
    assert_eq!(code(render(&world, &event, &bob().id.to_string(), "topic_post").await), "not_found", "no longer relevant");
    world.end().await;
}

#[tokio::test]
async fn an_accepted_answer_rings_its_writer_and_not_when_it_was_taken_back() {
    let world = World::new().await;
    let forum = world.forum("How to", "", Audience::Public).await;
    let asked = world.question(&alice(), "How?", &forum.slug).await;
    let post = world.post(&bob(), &asked.id, "So").await.unwrap().into_inner();
    world.accept(&alice(), &asked.id, &post.id).await.unwrap();
    let (event, why, people) = notices(&world).await.pop().unwrap();
    assert_eq!((why, people), (TopicNotice::Accepted, vec![bob().id.to_string()]));
    let bell = render(&world, &event, &bob().id.to_string(), "topic_accepted").await.unwrap().into_inner();
    assert_eq!(bell.subject, "Your answer to “How?” was accepted");
    world.accept(&alice(), &asked.id, "").await.unwrap();
    assert_eq!(code(render(&world, &event, &bob().id.to_string(), "topic_accepted").await), "not_found");
    world.end().await;
}

#[tokio::test]
async fn only_the_notifier_may_have_mails_rendered() {
    let world = World::new().await;
    let ask = || RenderForRequest { portal: PORTAL.into(), ..RenderForRequest::default() };
    let mut client = RenderServiceClient::new(world.channel.clone());
    let admin = Person { role: Role::Admin, ..agent() };
    assert_eq!(code(client.render_for(world.stage.as_person(&admin, ask())).await), "forbidden");
    assert_eq!(code(client.render_for(world.stage.as_service("knowledge", ask())).await), "forbidden");
    world.end().await;
}
