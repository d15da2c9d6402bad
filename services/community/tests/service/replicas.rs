//! Two replicas of the service, one database.

use futures_util::future::join_all;
use portico_chassis::auth::Role;
use portico_chassis::sqlx;
use portico_chassis::testing::person;
use portico_proto::community::v1 as wire;
use portico_proto::community::v1::Audience;
use portico_proto::community::v1::posts_service_client::PostsServiceClient;
use portico_proto::community::v1::topics_service_client::TopicsServiceClient;

use crate::kit::{PORTAL, World, alice, fresh};

#[tokio::test]
async fn both_decide_about_one_topic_and_nothing_is_lost_or_counted_twice_i01_i02() {
    let mut world = World::new().await;
    let (one, two) = world.second_replica().await;
    let forum = world.forum("How to", "", Audience::Public).await;
    let asked = world.question(&alice(), "Busy", &forum.slug).await;
    let people: Vec<_> = (100..112).map(|n| person(n, Role::Customer)).collect();
    let votes = people.iter().map(|person| {
        let message = wire::VoteTopicRequest { portal: PORTAL.into(), request_id: fresh(), id: asked.id.clone(), value: 1 };
        let (request, again) = (world.by(Some(person), message.clone()), world.by(Some(person), message));
        let (mut first, mut second) = (TopicsServiceClient::new(one.clone()), TopicsServiceClient::new(two.clone()));
        // The same request to both at once: one effect, one answer.
        async move {
            let (here, there) = tokio::join!(first.vote_topic(request), second.vote_topic(again));
            assert_eq!(here.unwrap().into_inner(), there.unwrap().into_inner());
        }
    });
    let posts = people.iter().zip([&one, &two].into_iter().cycle()).map(|(person, way)| {
        let (topic_id, body) = (asked.id.clone(), person.name.clone());
        let message = wire::AddPostRequest { portal: PORTAL.into(), request_id: fresh(), topic_id, body, uploads: Vec::new() };
        let request = world.by(Some(person), message);
        let mut client = PostsServiceClient::new(way.clone());
        async move { client.add_post(request).await.unwrap().into_inner().number }
    });
    let (_, mut numbers) = tokio::join!(join_all(votes), join_all(posts));
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=12).collect::<Vec<i64>>());
    let seen = world.get(None, &asked.id).await.unwrap().into_inner();
    assert_eq!((seen.votes, seen.posts), (12, 12));
    let told: i64 = sqlx::query_scalar("SELECT count(*) FROM journal WHERE aggregate_id = $1::uuid")
        .bind(&asked.id)
        .fetch_one(world.db.system())
        .await
        .unwrap();
    assert_eq!(told, seen.version);
    world.end().await;
}
