//! What knowledge asks for: documents, visibility, snapshots.

use portico_proto::community::v1 as wire;
use portico_proto::community::v1::Audience;
use portico_proto::community::v1::search_documents_service_client::SearchDocumentsServiceClient;
use tonic::transport::Channel;

use crate::kit::{CLOSED, PORTAL, World, agent, alice, bob, code, topic};

fn client(world: &World) -> SearchDocumentsServiceClient<Channel> {
    SearchDocumentsServiceClient::new(world.channel.clone())
}

async fn documents(world: &World, ids: &[&str]) -> Vec<wire::SearchDocument> {
    let ids = ids.iter().map(|id| (*id).to_owned()).collect();
    let message = wire::BatchGetSearchDocumentsRequest { portal: PORTAL.into(), ids };
    client(world).batch_get_search_documents(world.stage.as_service("knowledge", message)).await.unwrap().into_inner().documents
}

#[tokio::test]
async fn a_document_has_the_words_of_topic_and_accepted_answer_and_a_draft_has_none() {
    let world = World::new().await;
    let forum = world.forum("How to", "", Audience::Customers).await;
    let draft = wire::CreateTopicRequest { draft: true, ..topic("Draft", &forum.slug) };
    let draft = world.create(&alice(), draft).await.unwrap().into_inner();
    let asked = world.question(&alice(), "Export", &forum.slug).await;
    let post = world.post(&bob(), &asked.id, "Use the *menu*").await.unwrap().into_inner();
    let found = documents(&world, &[&draft.id, &asked.id, "no-id"]).await;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].text.as_str(), found[0].audience()), ("Export in full.", Audience::Customers));
    assert_eq!((found[0].forum_name.as_str(), found[0].slug.as_str()), ("How to", "export"));
    let accepted = world.accept(&alice(), &asked.id, &post.id).await.unwrap().into_inner();
    let found = documents(&world, &[&asked.id]).await;
    assert_eq!((found[0].text.as_str(), found[0].version), ("Export in full.\n\nUse the menu", accepted.version));
    world.delete(&agent(), &asked.id).await.unwrap();
    assert!(documents(&world, &[&asked.id]).await.is_empty());
    world.end().await;
}

#[tokio::test]
async fn visibility_is_that_of_whoever_searches_i10() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for (name, audience) in [("Open", Audience::Public), ("Customers", Audience::Customers), ("Staff", Audience::Agents)] {
        let forum = world.forum(name, "", audience).await;
        ids.push(world.question(&agent(), name, &forum.slug).await.id);
    }
    ids.reverse();
    let ask = |portal: &str| wire::CheckVisibleRequest { portal: portal.into(), ids: ids.clone() };
    let titles = |answer: wire::CheckVisibleResponse| answer.topics.into_iter().map(|topic| topic.title).collect::<Vec<_>>();
    let mut search = client(&world);
    assert_eq!(titles(search.check_visible(world.by(None, ask(PORTAL))).await.unwrap().into_inner()), ["Open"]);
    let mut through_knowledge = world.stage.as_service("knowledge", ask(PORTAL));
    through_knowledge.metadata_mut().insert(portico_chassis::grpc::SOURCE, "1.2.3.4".parse().unwrap());
    assert_eq!(titles(search.check_visible(through_knowledge).await.unwrap().into_inner()), ["Open"]);
    assert_eq!(titles(search.check_visible(world.by(Some(&alice()), ask(PORTAL))).await.unwrap().into_inner()), ["Customers", "Open"]);
    let all = titles(search.check_visible(world.by(Some(&agent()), ask(PORTAL))).await.unwrap().into_inner());
    assert_eq!(all, ["Staff", "Customers", "Open"], "in the order asked");
    assert!(search.check_visible(world.by(None, ask(CLOSED))).await.unwrap().into_inner().topics.is_empty());
    world.end().await;
}

#[tokio::test]
async fn a_snapshot_names_every_published_topic_with_its_version() {
    let world = World::new().await;
    let forum = world.forum("How to", "", Audience::Public).await;
    world.create(&alice(), wire::CreateTopicRequest { draft: true, ..topic("Draft", "") }).await.unwrap();
    let mut wanted = Vec::new();
    for n in 0..3 {
        let asked = world.question(&alice(), &format!("T{n}"), &forum.slug).await;
        wanted.push((asked.id, asked.version));
    }
    wanted.sort();
    for portal in ["", PORTAL] {
        let message = wire::SnapshotTopicsRequest { portal: portal.into(), page_token: String::new() };
        let answer = client(&world).snapshot_topics(world.stage.as_service("knowledge", message)).await.unwrap().into_inner();
        let told: Vec<_> = answer.topics.into_iter().map(|topic| (topic.id, topic.version)).collect();
        assert_eq!((told, answer.next_page_token.as_str()), (wanted.clone(), ""));
    }
    let message = wire::SnapshotTopicsRequest::default();
    assert_eq!(code(client(&world).snapshot_topics(world.by(Some(&agent()), message)).await), "forbidden");
    world.end().await;
}
