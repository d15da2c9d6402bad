//! No method is open by accident: tokens, permissions, portals (S66a).
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests end at the first surprise")]

use crate::common::{Replica, customer};
use portico_chassis::testing::Stage;
use portico_proto::events::v1::GetHeadRequest;
use portico_proto::events::v1::events_service_client::EventsServiceClient;
use tonic::{Code, Request};

#[tokio::test]
async fn a_method_for_services_is_closed_to_everybody_else() {
    let mut stage = Stage::new().await;
    let replica = Replica::start(&mut stage).await;
    let mut client = EventsServiceClient::connect(format!("http://{}", replica.grpc)).await.unwrap();
    let ask = GetHeadRequest::default;
    assert!(client.get_head(stage.as_service("notifier", ask())).await.is_ok());
    let mut as_nobody_known = stage.as_service("notifier", ask());
    as_nobody_known.metadata_mut().insert("x-portico-service", "v4.public.AAAA".parse().unwrap());
    let mut with_an_access_token = Request::new(ask());
    let (token, _) = stage.tokens.issue(&customer()).unwrap();
    with_an_access_token.metadata_mut().insert("x-portico-service", token.parse().unwrap());
    for (request, code) in [
        (Request::new(ask()), Code::Unauthenticated),
        (as_nobody_known, Code::Unauthenticated),
        (with_an_access_token, Code::Unauthenticated),
        (stage.as_operator(ask()), Code::Unauthenticated),
        (stage.as_service("operator", ask()), Code::PermissionDenied),
    ] {
        assert_eq!(client.get_head(request).await.unwrap_err().code(), code);
    }
    replica.stop().await;
    stage.clear().await;
}
