//! One replica of anything may go: calls take turns among the processes that answer, and those that may be repeated are.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests end at the first surprise")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::common::Replica;
use portico_chassis::config::NoConfig;
use portico_chassis::deadline::Deadline;
use portico_chassis::peers::{PeerChannel, Peers, once, own};
use portico_chassis::testing::{Mood, Producer, Stage, serve};
use portico_proto::events::v1::GetHeadRequest;
use portico_proto::events::v1::events_service_client::EventsServiceClient;
use tokio::net::TcpListener;
use tonic::service::Routes;
use tonic::{Code, Request};

/// The channel of another service to processes at these addresses.
async fn channel(stage: &mut Stage, addresses: &[SocketAddr]) -> PeerChannel {
    let mut boot = stage.boot("gateway", NoConfig {}).await;
    let addresses: Vec<String> = addresses.iter().map(|address| format!("http://{address}")).collect();
    boot.common.peers.insert("tickets".into(), addresses.join(","));
    Peers::new(&boot).unwrap().channel("tickets").unwrap()
}

fn question() -> Request<GetHeadRequest> {
    own(GetHeadRequest::default(), Deadline::default()).unwrap()
}

async fn ask(channel: &PeerChannel) -> Result<(), Code> {
    send(channel, question()).await
}

async fn send(channel: &PeerChannel, request: Request<GetHeadRequest>) -> Result<(), Code> {
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

/// Two processes at one channel whose calls are repeated: the one that is asked first, in this mood, and the one that may be asked then.
async fn pair(stage: &mut Stage, mood: Mood) -> (PeerChannel, Producer, Producer) {
    let (first, second) = (Producer::new("tickets"), Producer::new("tickets"));
    first.turn(mood);
    let addresses = [serve(Routes::new(first.service())).await, serve(Routes::new(second.service())).await];
    (channel(stage, &addresses).await.repeating(), first, second)
}

/// What becomes of a call whose first process keeps silent and turns to `then` when the second one refuses; and how long that took from then
/// on.
async fn after_a_refusal(code: Code, then: Mood) -> (Result<(), Code>, Duration) {
    let mut stage = Stage::new().await;
    let (repeating, first, second) = pair(&mut stage, Mood::Silent).await;
    second.turn(Mood::Refusing(code));
    let turn = async {
        second.asked(1).await;
        assert_eq!((first.questions(), second.questions()), (1, 1));
        first.turn(then);
        Instant::now()
    };
    let (answer, turned) = tokio::join!(ask(&repeating), turn);
    let waited = turned.elapsed();
    stage.clear().await;
    (answer, waited)
}

#[tokio::test]
async fn a_refusal_of_the_second_process_waits_for_the_first_that_has_done_it() {
    for code in [Code::FailedPrecondition, Code::InvalidArgument] {
        assert_eq!(after_a_refusal(code, Mood::Willing).await.0, Ok(()));
    }
}

#[tokio::test]
async fn when_both_processes_refuse_the_refusal_is_the_answer() {
    let (answer, _) = after_a_refusal(Code::FailedPrecondition, Mood::Refusing(Code::InvalidArgument)).await;
    assert!(matches!(answer, Err(Code::FailedPrecondition | Code::InvalidArgument)), "{answer:?}");
}

#[tokio::test]
async fn a_refusal_waits_for_a_silent_process_a_second_and_no_longer() {
    let (answer, waited) = after_a_refusal(Code::FailedPrecondition, Mood::Silent).await;
    assert_eq!(answer, Err(Code::FailedPrecondition));
    assert!((Duration::from_millis(500)..Duration::from_secs(3)).contains(&waited), "{waited:?}");
}

#[tokio::test]
async fn what_costs_something_each_time_goes_to_no_second_process_while_the_first_is_at_it() {
    // S17: a sign-in that takes long is one try, not two.
    let mut stage = Stage::new().await;
    let (repeating, first, second) = pair(&mut stage, Mood::Silent).await;
    let patience = Deadline::within(Duration::from_millis(2500));
    assert!(send(&repeating, once(own(GetHeadRequest::default(), patience).unwrap())).await.is_err());
    assert_eq!((first.questions(), second.questions()), (1, 0));

    let gone = channel(&mut stage, &[nobody().await, serve(Routes::new(second.service())).await]).await.repeating();
    for _ in 0..5 {
        assert_eq!(send(&gone, once(question())).await, Ok(()), "who is not there has counted nothing");
    }
    stage.clear().await;
}

/// One process in this mood behind a channel whose calls are repeated.
async fn one(stage: &mut Stage, mood: Mood) -> (PeerChannel, Producer) {
    let producer = Producer::new("tickets");
    producer.turn(mood);
    let address = serve(Routes::new(producer.service())).await;
    (channel(stage, &[address]).await.repeating(), producer)
}

/// Section 3.4: at most 1.1 times as many calls arrive as are made, whatever they meet with.
#[tokio::test]
async fn a_service_in_trouble_is_asked_a_tenth_more_and_not_twice_as_much() {
    let mut stage = Stage::new().await;
    let (repeating, shaky) = one(&mut stage, Mood::Shaky).await;
    for _ in 0..1000 {
        let _ = ask(&repeating).await;
    }
    assert!((1030..=1100).contains(&shaky.questions()), "{} questions for 1000 calls", shaky.questions());
    stage.clear().await;
}

#[tokio::test]
async fn a_process_that_goes_is_asked_again_and_one_without_its_database_is_believed() {
    let mut stage = Stage::new().await;
    let (repeating, ending) = one(&mut stage, Mood::Refusing(Code::Unavailable)).await;
    assert_eq!((ask(&repeating).await, ending.questions()), (Err(Code::Unavailable), 3));
    let (repeating, without) = one(&mut stage, Mood::WithoutDatabase).await;
    assert_eq!((ask(&repeating).await, without.questions()), (Err(Code::Unavailable), 1));
    stage.clear().await;
}
