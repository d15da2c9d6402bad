//! Topics that come from elsewhere.

use portico_chassis::clock::to_proto;
use portico_proto::community::v1 as wire;
use portico_proto::community::v1::Audience;
use portico_proto::community::v1::import_service_client::ImportServiceClient;
use portico_proto::events::v1::community_event::Event;
use time::{Duration, OffsetDateTime};
use tonic::{Response, Status};

use crate::kit::{PORTAL, World, agent, alice, bob, code, everything, fresh, wrong_fields};

fn imported(forum: &str, begun: OffsetDateTime) -> wire::ImportTopicRequest {
    let post = |person: &portico_chassis::auth::Person, hours: i64, accepted| wire::ImportedPost {
        author_id: person.id.to_string(),
        body: format!("After {hours} hours"),
        created_at: Some(to_proto(begun + Duration::hours(hours))),
        accepted,
    };
    wire::ImportTopicRequest {
        portal: PORTAL.into(),
        request_id: fresh(),
        r#type: wire::TopicType::Question.into(),
        title: "From the old forum".into(),
        body: "It was like this.".into(),
        forum: forum.into(),
        tags: vec!["Old".into()],
        author_id: alice().id.to_string(),
        created_at: Some(to_proto(begun)),
        posts: vec![post(&bob(), 1, false), post(&agent(), 5, true)],
        voter_ids: vec![bob().id.to_string()],
        views: 42,
    }
}

async fn import(world: &World, message: wire::ImportTopicRequest) -> Result<Response<wire::Topic>, Status> {
    ImportServiceClient::new(world.channel.clone()).import_topic(world.stage.as_operator(message)).await
}

#[tokio::test]
async fn a_topic_comes_along_with_posts_votes_views_and_dates_and_rings_nobody() {
    let world = World::new().await;
    let forum = world.forum("How to", "", Audience::Public).await;
    let begun = portico_chassis::clock::Clock::start().now().replace_nanosecond(0).unwrap() - Duration::days(20);
    let message = imported(&forum.slug, begun);
    let first = import(&world, message.clone()).await.unwrap().into_inner();
    assert_eq!(import(&world, message).await.unwrap().into_inner().id, first.id);
    let seen = world.get(None, &first.id).await.unwrap().into_inner();
    assert_eq!((seen.created_at, seen.published_at), (Some(to_proto(begun)), Some(to_proto(begun))));
    assert_eq!(seen.last_activity_at, Some(to_proto(begun + Duration::hours(5))));
    assert_eq!((seen.votes, seen.posts, seen.views, seen.author.unwrap().name.as_str()), (1, 2, 42, "Alice"));
    let posts = world.list_posts(None, &first.id).await.unwrap();
    assert_eq!(posts.iter().map(|post| post.accepted).collect::<Vec<_>>(), [false, true]);
    assert_eq!(posts[1].author.as_ref().unwrap().name, "Grace");
    assert!(!world.events().await.iter().any(|(_, event)| matches!(event, Event::TopicNoticeDue(_))));
    world.question(&alice(), "New", &forum.slug).await;
    assert_eq!(world.list(None, everything()).await, ["New", "From the old forum"]);
    assert_eq!((world.list_forums(None).await[0].topics, world.list_forums(None).await[0].posts), (2, 2));
    world.post(&bob(), &first.id, "Still true").await.unwrap();
    assert_eq!(world.list_posts(None, &first.id).await.unwrap().last().unwrap().number, 3);
    world.end().await;
}

#[tokio::test]
async fn what_is_wrong_with_an_import_is_named_and_only_the_operator_imports() {
    let world = World::new().await;
    let forum = world.forum("How to", "", Audience::Public).await;
    let mut message = imported("nowhere", OffsetDateTime::UNIX_EPOCH);
    message.author_id = "nobody".into();
    message.posts.swap(0, 1);
    message.posts[1].accepted = true;
    let mut wrong: Vec<String> = wrong_fields(import(&world, message).await).into_iter().map(|(field, _)| field).collect();
    wrong.dedup();
    assert_eq!(wrong, ["author_id", "forum", "author_id", "posts"]);
    let good = imported(&forum.slug, OffsetDateTime::UNIX_EPOCH);
    let by_agent = ImportServiceClient::new(world.channel.clone()).import_topic(world.by(Some(&agent()), good)).await;
    assert_eq!(code(by_agent), "forbidden");
    world.end().await;
}
