//! Copies of people: a new name arrives, a person who is gone is forgotten.

use portico_chassis::testing::eventually;
use portico_proto::community::v1::Audience;

use crate::kit::{World, alice, bob};

#[tokio::test]
async fn a_byline_follows_the_person_and_loses_its_name_with_the_erasure() {
    let world = World::new().await;
    let forum = world.forum("How to", "", Audience::Public).await;
    let asked = world.question(&alice(), "How?", &forum.slug).await;
    world.post(&bob(), &asked.id, "So").await.unwrap();
    world.identity.changes(&alice(), |facts| {
        facts.name = "Alice Archer".into();
        true
    });
    world.identity.changes(&bob(), |_| false);
    let name = || async { world.get(None, &asked.id).await.unwrap().into_inner().author.unwrap().name };
    eventually("the new name", || async { (name().await == "Alice Archer").then_some(()) }).await;
    eventually("the erasure", || async {
        let posts = world.list_posts(None, &asked.id).await.unwrap();
        posts[0].author.as_ref().unwrap().name.is_empty().then_some(())
    })
    .await;
    assert_eq!(world.list_posts(None, &asked.id).await.unwrap()[0].body, "So", "the text stays");
    world.end().await;
}

/// After identity's database was restored from an older copy, its facts hold again although the copies here were newer.
#[tokio::test]
async fn copies_that_are_newer_than_a_restored_identity_are_fetched_again() {
    let world = World::new().await;
    let forum = world.forum("How to", "", Audience::Public).await;
    let asked = world.question(&alice(), "How?", &forum.slug).await;
    let mut conn = world.stage.inspect("community").await;
    sqlx::query("UPDATE person SET name = 'Lost', version = 1000").execute(&mut conn).await.unwrap();
    portico_community::app::person::outdate(&mut conn).await.unwrap();
    let name = || async { world.get(None, &asked.id).await.unwrap().into_inner().author.unwrap().name };
    eventually("the name that identity has", || async { (name().await == alice().name).then_some(()) }).await;
    world.end().await;
}
