//! Guessing passwords (S17).

use portico_chassis::error::Error;
use portico_identity::store::throttle;
use portico_proto::identity::v1::*;
use serde_json::json;
use time::Duration;

use crate::kit::*;

async fn fail(place: &Place, email: &str, times: usize) {
    for _ in 0..times {
        assert_eq!(code(place.try_login(email, "a guess that is wrong", Client::default()).await), (401, "bad_credentials".into()));
    }
}

fn locked<T: std::fmt::Debug>(result: Result<tonic::Response<T>, tonic::Status>) -> std::time::Duration {
    match refusal(result) {
        Error::RateLimited { code, retry_after } if code == "rate_limited" => retry_after,
        other => panic!("not locked: {other}"),
    }
}

#[tokio::test]
async fn too_many_failures_lock_an_account_and_an_unknown_address_alike_but_not_the_owners_device() {
    let place = Place::demo().await;
    place.patch(json!({"limits": {"login_failures_per_account": 3, "login_lock_seconds": 600}})).await;
    let owner = place.customer("alice@acme.test").await.sign_in;
    fail(&place, "alice@acme.test", 3).await;
    fail(&place, "nobody@acme.test", 3).await;
    let known = locked(place.try_login("alice@acme.test", PASSWORD, Client::default()).await);
    let unknown = locked(place.try_login("nobody@acme.test", PASSWORD, Client::default()).await);
    assert!(known.as_secs().abs_diff(unknown.as_secs()) < 60 && known.as_secs() > 500);
    // Another spelling of the address is the same account.
    locked(place.try_login(" ALICE@acme.test", PASSWORD, Client::default()).await);

    // The owner's device is known by what an earlier sign-in left on it.
    let device = Client { device_token: owner.device_token.clone(), ..Default::default() };
    place.try_login("alice@acme.test", PASSWORD, device).await.unwrap();
    // Another account's device opens nothing, and an invented one neither.
    let bob = place.customer("bob@acme.test").await.sign_in;
    for token in [bob.device_token, "guessed".into()] {
        let device = Client { device_token: token, ..Default::default() };
        locked(place.try_login("alice@acme.test", PASSWORD, device).await);
    }
    // Time opens the account again.
    place.clock.advance(Duration::seconds(601));
    place.try_login("alice@acme.test", PASSWORD, Client::default()).await.unwrap();
    place.end().await;
}

#[tokio::test]
async fn many_guesses_at_once_are_counted_one_by_one() {
    let place = Place::demo().await;
    place.patch(json!({"limits": {"login_failures_per_account": 3}})).await;
    place.customer("alice@acme.test").await;
    let guess = || place.try_login("alice@acme.test", "a guess that is wrong", Client::default());
    let tries = futures_util::future::join_all((0..8).map(|_| guess())).await;
    let statuses: Vec<u16> = tries.into_iter().map(|tried| refusal(tried).http_status()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 3, "{statuses:?}");
    place.end().await;
}

#[tokio::test]
async fn a_count_that_is_taken_back_fails_nobody_who_is_counted_at_that_moment() {
    let place = Place::demo().await;
    let (portal, key) = ("demo".parse().unwrap(), [7; 32]);
    let one = async || {
        let mut conn = place.stage.inspect("identity").await;
        for _ in 0..100 {
            throttle::charge(&mut conn, &portal, &key, place.clock.now(), 1_000, Duration::MINUTE).await.unwrap();
            throttle::clear(&mut conn, &portal, &key).await.unwrap();
        }
    };
    futures_util::future::join_all((0..8).map(|_| one())).await;
    place.end().await;
}

#[tokio::test]
async fn a_password_reset_opens_a_locked_account() {
    let place = Place::demo().await;
    place.patch(json!({"limits": {"login_failures_per_account": 3}})).await;
    place.customer("alice@acme.test").await;
    fail(&place, "alice@acme.test", 3).await;
    place.ask_for_reset("alice@acme.test").await;
    let token = place.mailed_token("alice@acme.test", "password_reset").await;
    place.try_reset(&token, OTHER_PASSWORD).await.unwrap();
    place.try_login("alice@acme.test", OTHER_PASSWORD, Client::default()).await.unwrap();
    place.end().await;
}

#[tokio::test]
async fn a_success_takes_the_count_back() {
    let place = Place::demo().await;
    place.patch(json!({"limits": {"login_failures_per_account": 3}})).await;
    place.customer("alice@acme.test").await;
    for _ in 0..3 {
        fail(&place, "alice@acme.test", 2).await;
        place.try_login("alice@acme.test", PASSWORD, Client::default()).await.unwrap();
    }
    place.end().await;
}

#[tokio::test]
async fn an_open_session_is_no_place_to_guess_the_password() {
    let place = Place::demo().await;
    place.patch(json!({"limits": {"login_failures_per_account": 3}})).await;
    let alice = place.customer("alice@acme.test").await;
    let change = |current: &str| ChangePasswordRequest {
        portal: "demo".into(),
        request_id: key(),
        current: current.into(),
        new: OTHER_PASSWORD.into(),
    };
    for _ in 0..3 {
        let refused = place.people().change_password(place.by(&alice, change("a guess that is wrong"))).await;
        assert_eq!(wrong_fields(refused), [("current".to_owned(), "wrong".to_owned())]);
    }
    locked(place.people().change_password(place.by(&alice, change(PASSWORD))).await);
    place.end().await;
}
