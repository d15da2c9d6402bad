//! What a service keeps of others' facts: settings, copies that a keeper refreshes, and the time (F28).
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests end at the first surprise")]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::common::Replica;
use async_trait::async_trait;
use portico_chassis::clock::{Clock, to_proto};
use portico_chassis::config::NoConfig;
use portico_chassis::error::{Error, FieldError};
use portico_chassis::grpc::{Permission, Server};
use portico_chassis::ids::PortalId;
use portico_chassis::keeper::{self, Keeper};
use portico_chassis::peers::{self, Peers};
use portico_chassis::settings::{FromDocument, Settings};
use portico_chassis::testing::{Stage, eventually};
use portico_proto::identity::v1 as wire;
use portico_proto::identity::v1::portals_service_server::{PortalsService, PortalsServiceServer};
use portico_proto::identity::v1::revocation_service_server::{RevocationService, RevocationServiceServer};
use sqlx::PgPool;
use tokio::sync::Notify;
use tonic::{Request, Response, Status};
use uuid::Uuid;

const EVERYBODY: Permission = Permission::Services(&["tickets", "gateway"]);
const PERMISSIONS: &[(&str, Permission)] = &[
    ("/portico.identity.v1.PortalsService/ListSettings", EVERYBODY),
    ("/portico.identity.v1.RevocationService/ListRevocations", EVERYBODY),
];

/// Speaks the part of identity's contract that the chassis uses.
#[derive(Clone)]
struct Identity {
    clock: Clock,
    settings: Arc<Mutex<Vec<wire::Settings>>>,
    asked: Arc<AtomicUsize>,
}

impl Identity {
    async fn start(stage: &mut Stage) -> Self {
        let boot = stage.boot("identity", NoConfig {}).await;
        let identity = Self { clock: boot.clock.clone(), settings: Arc::default(), asked: Arc::default() };
        let server =
            Server::new(PERMISSIONS).add(PortalsServiceServer::new(identity.clone())).add(RevocationServiceServer::new(identity.clone()));
        stage.peer("identity", server.serve(&boot).await.unwrap());
        identity
    }

    fn tell(&self, portal: &str, version: i64, settings_json: &str) {
        let item = wire::Settings {
            portal: portal.into(),
            version,
            title: portal.into(),
            settings_json: settings_json.into(),
            ..Default::default()
        };
        self.settings.lock().unwrap().push(item);
    }
}

#[tonic::async_trait]
impl RevocationService for Identity {
    async fn list_revocations(&self, _: Request<wire::ListRevocationsRequest>) -> Result<Response<wire::ListRevocationsResponse>, Status> {
        Ok(Response::new(wire::ListRevocationsResponse { now: Some(to_proto(self.clock.now())), ..Default::default() }))
    }
}

fn not_asked<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("nobody asks this here"))
}

#[tonic::async_trait]
impl PortalsService for Identity {
    async fn list_settings(&self, request: Request<wire::ListSettingsRequest>) -> Result<Response<wire::ListSettingsResponse>, Status> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let after = request.into_inner().after_version;
        let mut settings: Vec<_> = self.settings.lock().unwrap().iter().filter(|item| item.version > after).cloned().collect();
        settings.sort_by_key(|item| item.version);
        settings.truncate(200);
        Ok(Response::new(wire::ListSettingsResponse { settings }))
    }
    async fn create_portal(&self, _: Request<wire::CreatePortalRequest>) -> Result<Response<wire::CreatePortalResponse>, Status> {
        not_asked()
    }
    async fn get_portal(&self, _: Request<wire::GetPortalRequest>) -> Result<Response<wire::Portal>, Status> {
        not_asked()
    }
    async fn list_portals(&self, _: Request<wire::ListPortalsRequest>) -> Result<Response<wire::ListPortalsResponse>, Status> {
        not_asked()
    }
    async fn get_settings(&self, _: Request<wire::GetSettingsRequest>) -> Result<Response<wire::Settings>, Status> {
        not_asked()
    }
    async fn patch_settings(&self, _: Request<wire::PatchSettingsRequest>) -> Result<Response<wire::Settings>, Status> {
        not_asked()
    }
    async fn get_inbound_secret(&self, _: Request<wire::GetInboundSecretRequest>) -> Result<Response<wire::InboundSecret>, Status> {
        not_asked()
    }
    async fn list_inbound_secrets(
        &self,
        _: Request<wire::ListInboundSecretsRequest>,
    ) -> Result<Response<wire::ListInboundSecretsResponse>, Status> {
        not_asked()
    }
}

#[derive(Debug)]
struct Part;

impl FromDocument for Part {
    fn from_document(_: &serde_json::Value) -> Self {
        Self
    }

    fn problems(_: &serde_json::Value) -> Vec<FieldError> {
        Vec::new()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_portals_are_known_before_a_new_replica_is_ready_and_a_broken_one_holds_nobody_up() {
    let mut stage = Stage::new().await;
    let identity = Identity::start(&mut stage).await;
    for n in 1..=1000 {
        identity.tell(&format!("p{n}"), n, if n == 300 { "{ broken" } else { "{}" });
    }
    identity.tell("Not A Slug", 1001, "{}");
    identity.tell("last", 1002, "{}");
    let replica = Replica::start(&mut stage).await;
    let settings: Settings<Part> = Settings::follow(&replica.boot, Some(&replica.foundation.db), &replica.foundation.peers).await.unwrap();
    assert!(replica.boot.readiness.failing().iter().any(|(check, _)| check == "settings"));
    eventually("the replica to be ready", async || replica.boot.readiness.failing().is_empty().then_some(())).await;
    assert!(settings.known(&"last".parse().unwrap()).is_some() && settings.known(&"p1".parse().unwrap()).is_some());
    // What changes later arrives although a broken one lies before it.
    identity.tell("p1", 1003, "{}");
    eventually("the change", async || settings.known(&"p1".parse().unwrap()).filter(|known| known.version == 1003)).await;
    replica.stop().await;
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_portal_costs_identity_one_question_a_second_however_often_it_is_wanted() {
    let mut stage = Stage::new().await;
    let identity = Identity::start(&mut stage).await;
    let replica = Replica::start(&mut stage).await;
    let settings: Settings<Part> = Settings::follow(&replica.boot, Some(&replica.foundation.db), &replica.foundation.peers).await.unwrap();
    let nobody: PortalId = "nobody".parse().unwrap();
    let begun = std::time::Instant::now();
    let before = identity.asked.load(Ordering::SeqCst);
    for _ in 0..50 {
        let answers = futures_util::future::join_all((0..20).map(|_| settings.get(&nobody))).await;
        assert!(answers.into_iter().all(|answer| answer.unwrap_err() == Error::NOT_FOUND));
    }
    let seconds = begun.elapsed().as_secs() as usize + 1;
    let asked = identity.asked.load(Ordering::SeqCst) - before;
    assert!(asked <= 3 * seconds, "{asked} questions in {seconds} s for 1000 requests");
    // A portal that is made now is found by the first who wants it.
    identity.tell("new", 1, "{}");
    assert!(settings.get(&"new".parse().unwrap()).await.is_ok());
    replica.stop().await;
    stage.clear().await;
}

/// One thread, so that what follows identity's clock waits for the first `await` after the look at the readiness.
#[tokio::test]
async fn a_gateway_with_a_wrong_wall_clock_tells_identitys_time() {
    let mut stage = Stage::new().await;
    let identity = Identity::start(&mut stage).await;
    for wrong in [time::Duration::hours(-1), time::Duration::hours(1)] {
        let clock = Clock::running(identity.clock.now() + wrong);
        let gateway = stage.boot_with("gateway", NoConfig {}, clock.clone()).await;
        peers::follow_revocations(&gateway, &Peers::new(&gateway).unwrap()).unwrap();
        assert!(!gateway.readiness.failing().is_empty(), "not ready before it knows the time");
        eventually("the gateway to be ready", async || gateway.readiness.failing().is_empty().then_some(())).await;
        let off = clock.now() - identity.clock.now();
        assert!(off.abs() < time::Duration::seconds(2), "{off} off after {wrong}");
        gateway.tasks.shut_down().await;
    }
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_with_a_wrong_wall_clock_tells_the_databases_time() {
    let mut stage = Stage::new().await;
    for wrong in [time::Duration::hours(-1), time::Duration::hours(1)] {
        let right = Clock::start();
        let clock = Clock::running(right.now() + wrong);
        clock.now();
        let replica = Replica::start_with(stage.boot_with("tickets", NoConfig {}, clock.clone()).await).await;
        let off = clock.now() - right.now();
        assert!(off.abs() < time::Duration::seconds(2), "{off} off after {wrong}");
        replica.stop().await;
    }
    stage.clear().await;
}

/// Can't refresh some copies.
struct Picky {
    bad: BTreeSet<Uuid>,
    calls: AtomicUsize,
}

#[async_trait]
impl Keeper for Picky {
    fn kind(&self) -> &'static str {
        "thing"
    }

    async fn refresh(&self, _: &PortalId, ids: &[Uuid]) -> Result<(), Error> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if ids.iter().any(|id| self.bad.contains(id)) { Err(Error::internal("this one can't be copied")) } else { Ok(()) }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_that_cannot_be_refreshed_do_not_hold_up_the_others_of_their_batch() {
    let mut stage = Stage::new().await;
    let replica = Replica::start(&mut stage).await;
    let ids: Vec<Uuid> = (0..150).map(|_| Uuid::now_v7()).collect();
    let marks: Vec<_> = ids.iter().map(|id| ("demo".to_owned(), *id, 1)).collect();
    let mut conn = replica.foundation.db.system().acquire().await.unwrap();
    keeper::mark(&mut conn, "thing", &marks).await.unwrap();
    drop(conn);
    let bad: BTreeSet<Uuid> = [ids[3], ids[140]].into();
    let picky = Arc::new(Picky { bad: bad.clone(), calls: AtomicUsize::new(0) });
    keeper::start(&replica.boot, &replica.foundation.db, picky.clone(), Arc::new(Notify::new()));
    let left = async || {
        let left: Vec<Uuid> =
            sqlx::query_scalar("SELECT id FROM dirty ORDER BY id").fetch_all(replica.foundation.db.system()).await.unwrap();
        BTreeSet::from_iter(left)
    };
    eventually("only the two to be left", async || (left().await == bad).then_some(())).await;
    assert!(picky.calls.load(Ordering::SeqCst) < 60, "halving, not one by one: {:?}", picky.calls);
    replica.stop().await;
    stage.clear().await;
}

/// Is told of the same copy once more while it fetches it.
struct Interrupted {
    pool: PgPool,
    calls: AtomicUsize,
}

#[async_trait]
impl Keeper for Interrupted {
    fn kind(&self) -> &'static str {
        "thing"
    }

    async fn refresh(&self, portal: &PortalId, ids: &[Uuid]) -> Result<(), Error> {
        if self.calls.fetch_add(1, Ordering::SeqCst) == 0 {
            let mut conn = self.pool.acquire().await?;
            keeper::mark(&mut conn, self.kind(), &[(portal.to_string(), ids[0], 0)]).await?;
        }
        Ok(())
    }
}

/// A restored owner may tell of a version that was seen before.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_marked_while_it_is_fetched_is_fetched_again_whatever_the_version() {
    let mut stage = Stage::new().await;
    let replica = Replica::start(&mut stage).await;
    let pool = replica.foundation.db.system().clone();
    keeper::mark(&mut pool.acquire().await.unwrap(), "thing", &[("demo".to_owned(), Uuid::now_v7(), 3)]).await.unwrap();
    let interrupted = Arc::new(Interrupted { pool: pool.clone(), calls: AtomicUsize::new(0) });
    keeper::start(&replica.boot, &replica.foundation.db, interrupted.clone(), Arc::new(Notify::new()));
    eventually("nothing to be dirty", async || {
        let left: i64 = sqlx::query_scalar("SELECT count(*) FROM dirty").fetch_one(&pool).await.unwrap();
        (left == 0).then_some(())
    })
    .await;
    assert_eq!(interrupted.calls.load(Ordering::SeqCst), 2);
    replica.stop().await;
    stage.clear().await;
}
