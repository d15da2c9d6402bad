//! A peer that speaks identity's contract: settings, secrets, links, people, revocations, and its events.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    dead_code,
    reason = "tests end at the first surprise; each test file uses its part of the kit"
)]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use portico_chassis::error::Error;
use portico_chassis::testing::serve;
use portico_proto::identity::v1::people_service_server::{PeopleService, PeopleServiceServer};
use portico_proto::identity::v1::portals_service_server::{PortalsService, PortalsServiceServer};
use portico_proto::identity::v1::revocation_service_server::{RevocationService, RevocationServiceServer};
use portico_proto::identity::v1::*;
use tonic::{Request, Response, Status};

use super::owner::Owner;
use super::{INBOUND_SECRET, PORTAL};

type Answer<T> = Result<Response<T>, Status>;

/// The peer; [`Owner`] tells and renders its events.
#[derive(Clone)]
pub struct Identity {
    pub address: SocketAddr,
    pub owner: Owner,
    pub people: Arc<Mutex<HashMap<String, PersonFacts>>>,
}

impl Identity {
    pub async fn start() -> Self {
        let owner = Owner::start("identity").await;
        let identity = Self { address: owner.address, owner, people: Arc::default() };
        let routes = identity
            .owner
            .routes()
            .add_service(PortalsServiceServer::new(identity.clone()))
            .add_service(PeopleServiceServer::new(identity.clone()))
            .add_service(RevocationServiceServer::new(identity.clone()));
        Self { address: serve(routes).await, ..identity }
    }
}

fn unserved<T>() -> Answer<T> {
    Err(Status::unimplemented("not needed by the notifier"))
}

#[tonic::async_trait]
impl RevocationService for Identity {
    async fn list_revocations(&self, _: Request<ListRevocationsRequest>) -> Answer<ListRevocationsResponse> {
        Ok(Response::new(ListRevocationsResponse::default()))
    }
}

#[tonic::async_trait]
impl PortalsService for Identity {
    async fn create_portal(&self, _: Request<CreatePortalRequest>) -> Answer<CreatePortalResponse> {
        unserved()
    }

    async fn get_portal(&self, _: Request<GetPortalRequest>) -> Answer<Portal> {
        unserved()
    }

    async fn list_portals(&self, _: Request<ListPortalsRequest>) -> Answer<ListPortalsResponse> {
        unserved()
    }

    async fn get_settings(&self, _: Request<GetSettingsRequest>) -> Answer<Settings> {
        unserved()
    }

    async fn patch_settings(&self, _: Request<PatchSettingsRequest>) -> Answer<Settings> {
        unserved()
    }

    async fn list_settings(&self, request: Request<ListSettingsRequest>) -> Answer<ListSettingsResponse> {
        let settings_json = r#"{"inbound": {"address": "support@demo.portico.test", "trusted_authserv_id": "mx.portico.test"}}"#.to_owned();
        let settings = Settings { portal: PORTAL.into(), version: 1, title: "ACME Help".into(), settings_json, etag: "1".into() };
        let newer = request.into_inner().after_version < 1;
        Ok(Response::new(ListSettingsResponse { settings: newer.then_some(settings).into_iter().collect() }))
    }

    async fn get_inbound_secret(&self, request: Request<GetInboundSecretRequest>) -> Answer<InboundSecret> {
        if request.into_inner().portal != PORTAL {
            return Err(Error::NOT_FOUND.into());
        }
        Ok(Response::new(InboundSecret { portal: PORTAL.into(), secret: INBOUND_SECRET.into() }))
    }

    async fn list_inbound_secrets(&self, _: Request<ListInboundSecretsRequest>) -> Answer<ListInboundSecretsResponse> {
        unserved()
    }
}

#[tonic::async_trait]
impl PeopleService for Identity {
    async fn batch_get_people(&self, request: Request<BatchGetPeopleRequest>) -> Answer<BatchGetPeopleResponse> {
        let people = self.people.lock().unwrap();
        let found = request.into_inner().ids.iter().filter_map(|id| people.get(id).cloned()).collect();
        Ok(Response::new(BatchGetPeopleResponse { people: found }))
    }

    async fn ensure_person(&self, _: Request<EnsurePersonRequest>) -> Answer<PersonFacts> {
        unserved()
    }

    async fn find_people_by_email(&self, _: Request<FindPeopleByEmailRequest>) -> Answer<FindPeopleByEmailResponse> {
        unserved()
    }

    async fn snapshot_people(&self, _: Request<SnapshotPeopleRequest>) -> Answer<SnapshotPeopleResponse> {
        unserved()
    }

    async fn get_me(&self, _: Request<GetMeRequest>) -> Answer<User> {
        unserved()
    }

    async fn update_me(&self, _: Request<UpdateMeRequest>) -> Answer<User> {
        unserved()
    }

    async fn change_password(&self, _: Request<ChangePasswordRequest>) -> Answer<ChangePasswordResponse> {
        unserved()
    }

    async fn list_people(&self, _: Request<ListPeopleRequest>) -> Answer<ListPeopleResponse> {
        unserved()
    }

    async fn get_person(&self, _: Request<GetPersonRequest>) -> Answer<User> {
        unserved()
    }

    async fn update_person(&self, _: Request<UpdatePersonRequest>) -> Answer<User> {
        unserved()
    }

    async fn import_people(&self, _: Request<ImportPeopleRequest>) -> Answer<ImportPeopleResponse> {
        unserved()
    }
}
