//! The community's topics in the search: fetched from their owner, and checked with it at query time (I06, CM-1).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests end at the first surprise")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::kit::{Kit, PORTAL, group, titles};
use portico_chassis::testing::{Stage, eventually};
use portico_proto::community::v1 as community;
use portico_proto::community::v1::search_documents_service_server::{SearchDocumentsService, SearchDocumentsServiceServer};
use portico_proto::knowledge::v1::SearchKind;
use tonic::{Request, Response, Status};
use uuid::Uuid;

/// Speaks the community's contract for the topics that the test gives it.
#[derive(Clone, Default)]
struct Community(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    topics: BTreeMap<String, community::SearchDocument>,
    /// Topics that nobody may read any more, though the index still has them.
    hidden: Vec<String>,
    /// How long the check takes.
    slow: Duration,
}

#[tonic::async_trait]
impl SearchDocumentsService for Community {
    async fn batch_get_search_documents(
        &self,
        request: Request<community::BatchGetSearchDocumentsRequest>,
    ) -> Result<Response<community::BatchGetSearchDocumentsResponse>, Status> {
        let state = self.0.lock().unwrap();
        let documents = request.into_inner().ids.iter().filter_map(|id| state.topics.get(id).cloned()).collect();
        Ok(Response::new(community::BatchGetSearchDocumentsResponse { documents, left_out: vec![] }))
    }

    async fn check_visible(
        &self,
        request: Request<community::CheckVisibleRequest>,
    ) -> Result<Response<community::CheckVisibleResponse>, Status> {
        let slow = self.0.lock().unwrap().slow;
        tokio::time::sleep(slow).await;
        let state = self.0.lock().unwrap();
        let seen = request.into_inner().ids.into_iter().filter(|id| !state.hidden.contains(id));
        let topics = seen.filter_map(|id| state.topics.get(&id)).map(|topic| community::VisibleTopic {
            id: topic.id.clone(),
            slug: topic.slug.clone(),
            title: topic.title.clone(),
            version: topic.version,
        });
        Ok(Response::new(community::CheckVisibleResponse { topics: topics.collect() }))
    }

    async fn snapshot_topics(
        &self,
        _: Request<community::SnapshotTopicsRequest>,
    ) -> Result<Response<community::SnapshotTopicsResponse>, Status> {
        Ok(Response::new(community::SnapshotTopicsResponse::default()))
    }
}

async fn start() -> (Kit, Community) {
    let community = Community::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut stage = Stage::new().await;
    stage.peer("community", listener.local_addr().unwrap());
    let service = SearchDocumentsServiceServer::new(community.clone());
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    #[allow(clippy::disallowed_methods, reason = "a peer of this test lives as long as the test")]
    tokio::spawn(async move { tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming).await.unwrap() });
    (Kit::on(stage).await, community)
}

/// What an event of the community leaves behind: the topic is marked.
async fn mark(kit: &Kit, id: &str, version: i64) {
    let mut database = kit.stage.inspect("knowledge").await;
    sqlx::query(
        "INSERT INTO dirty (kind, id, portal, version) VALUES ('topic', $1::uuid, $2, $3) \
         ON CONFLICT (kind, id) DO UPDATE SET version = excluded.version, next_at = now()",
    )
    .bind(id)
    .bind(PORTAL)
    .bind(version)
    .execute(&mut database)
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_are_found_as_long_as_the_community_shows_them() {
    let (kit, community) = start().await;
    let id = Uuid::now_v7().to_string();
    let topic = community::SearchDocument {
        portal: PORTAL.into(),
        id: id.clone(),
        version: 2,
        slug: "printers".into(),
        title: "Which printer do you use?".into(),
        text: "Mine is an ocelot.".into(),
        tags: vec!["hardware".into()],
        audience: community::Audience::Public.into(),
        ..Default::default()
    };
    community.0.lock().unwrap().topics.insert(id.clone(), topic);
    mark(&kit, &id, 2).await;
    eventually("the topic to be found", || async {
        (titles(&kit.search(None, "ocelot").await, SearchKind::Topics) == ["Which printer do you use?"]).then_some(())
    })
    .await;
    assert_eq!(group(&kit.search(None, "hardware").await, SearchKind::Topics).items[0].slug, "printers");
    // The community's word counts at once.
    community.0.lock().unwrap().hidden.push(id.clone());
    assert_eq!(group(&kit.search(None, "ocelot").await, SearchKind::Topics).total, 0);
    community.0.lock().unwrap().hidden.clear();
    // No answer in its time: no topics, and the rest of the answer does not wait.
    community.0.lock().unwrap().slow = Duration::from_secs(5);
    let begun = std::time::Instant::now();
    let answer = kit.search(None, "ocelot").await;
    assert!(answer.topics_missing && group(&answer, SearchKind::Topics).total == 0);
    assert!(begun.elapsed() < Duration::from_secs(1), "it took {:?}", begun.elapsed());
    // The community's database was restored: its older version replaces what is found here.
    community.0.lock().unwrap().slow = Duration::ZERO;
    if let Some(topic) = community.0.lock().unwrap().topics.get_mut(&id) {
        (topic.version, topic.text) = (1, "Mine is a pangolin.".into());
    }
    portico_knowledge::app::topic::outdate(&mut kit.stage.inspect("knowledge").await).await.unwrap();
    eventually("the older version to be found", || async {
        (group(&kit.search(None, "pangolin").await, SearchKind::Topics).total == 1).then_some(())
    })
    .await;
    // Gone at its owner, gone here.
    community.0.lock().unwrap().slow = Duration::ZERO;
    community.0.lock().unwrap().topics.clear();
    mark(&kit, &id, 3).await;
    eventually("the topic to leave the search", || async {
        let mut database = kit.stage.inspect("knowledge").await;
        let deleted: bool =
            sqlx::query_scalar("SELECT deleted FROM search_docs WHERE id::text = $1").bind(&id).fetch_one(&mut database).await.unwrap();
        deleted.then_some(())
    })
    .await;
    kit.end().await;
}
