//! One replica of anything may go: calls take turns among the processes that answer, and those that may be repeated are.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests end at the first surprise")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::common::Replica;
use portico_chassis::config::NoConfig;
use portico_chassis::deadline::Deadline;
use portico_chassis::peers::{PeerChannel, Peers, own};
use portico_chassis::testing::Stage;
use portico_proto::events::v1::GetHeadRequest;
use portico_proto::events::v1::events_service_client::EventsServiceClient;
use tokio::net::TcpListener;
use tonic::Code;

/// The channel of another service to processes at these addresses.
async fn channel(stage: &mut Stage, addresses: &[SocketAddr]) -> PeerChannel {
    let mut boot = stage.boot("gateway", NoConfig {}).await;
    let addresses: Vec<String> = addresses.iter().map(|address| format!("http://{address}")).collect();
    boot.common.peers.insert("tickets".into(), addresses.join(","));
    Peers::new(&boot).unwrap().channel("tickets").unwrap()
}

async fn ask(channel: &PeerChannel) -> Result<(), Code> {
    let request = own(GetHeadRequest::default(), Deadline::default()).unwrap();
    let answer = EventsServiceClient::new(channel.clone()).get_head(request).await;
    // The guard lets the gateway ask for this; what it answers is no matter here.
    answer.map(|_| ()).map_err(|status| status.code())
}

/// Where nobody listens.
async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn a_dead_process_costs_no_repeated_call_and_others_one_in_a_while() {
    let mut stage = Stage::new().await;
    let replica = Replica::start(&mut stage).await;
    let addresses = [nobody().await, replica.grpc];
    let plain = channel(&mut stage, &addresses).await;
    let mut failed = 0;
    for _ in 0..20 {
        failed += usize::from(ask(&plain).await.is_err());
    }
    assert!(failed <= 2, "whoever does not answer rests: {failed} of 20 failed");
    let repeating = channel(&mut stage, &addresses).await.repeating();
    for _ in 0..20 {
        assert_eq!(ask(&repeating).await, Ok(()));
    }
    replica.stop().await;
    stage.clear().await;
}

#[tokio::test]
async fn a_process_that_keeps_silent_costs_two_seconds_once() {
    let mut stage = Stage::new().await;
    let replica = Replica::start(&mut stage).await;
    // The kernel takes the connection, and nobody ever reads from it: a stopped process.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let repeating = channel(&mut stage, &[silent.local_addr().unwrap(), replica.grpc]).await.repeating();
    let begun = Instant::now();
    for _ in 0..10 {
        assert_eq!(ask(&repeating).await, Ok(()));
    }
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    replica.stop().await;
    stage.clear().await;
}

#[tokio::test]
async fn when_nobody_is_there_the_refusal_comes_at_once() {
    let mut stage = Stage::new().await;
    let repeating = channel(&mut stage, &[nobody().await]).await.repeating();
    let begun = Instant::now();
    assert_eq!(ask(&repeating).await, Err(Code::Unavailable));
    assert!(begun.elapsed() < Duration::from_secs(3));
    stage.clear().await;
}
