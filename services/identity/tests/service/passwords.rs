//! Passwords (IA-16, PP-4, S14 to S16).

use argon2::password_hash::PasswordHasher;
use argon2::{Algorithm, Argon2, Params, Version};
use portico_proto::identity::v1::*;

use crate::kit::*;

fn change(current: &str, new: &str) -> ChangePasswordRequest {
    ChangePasswordRequest { portal: "demo".into(), request_id: key(), current: current.into(), new: new.into() }
}

#[tokio::test]
async fn changing_the_password_needs_the_present_one_and_ends_every_other_session() {
    let place = Place::demo().await;
    let here = place.customer("alice@acme.test").await;
    let there = place.login("alice@acme.test").await;
    let wrong = place.people().change_password(place.by(&here, change(OTHER_PASSWORD, OTHER_PASSWORD))).await;
    assert_eq!(wrong_fields(wrong), [("current".to_owned(), "wrong".to_owned())]);
    let common = place.people().change_password(place.by(&here, change(PASSWORD, "passwordpassword"))).await;
    assert_eq!(wrong_fields(common), [("new".to_owned(), "too_common".to_owned())]);

    place.people().change_password(place.by(&here, change(PASSWORD, OTHER_PASSWORD))).await.unwrap();
    place.me(&here).await.unwrap();
    place.try_refresh(&here.sign_in.refresh_token).await.unwrap();
    assert_eq!(code(place.me(&there).await), (401, "token_revoked".into()));
    assert_eq!(refusal(place.try_refresh(&there.sign_in.refresh_token).await).http_status(), 401);
    assert_eq!(refusal(place.try_login("alice@acme.test", PASSWORD, Client::default()).await).http_status(), 401);
    place.try_login("alice@acme.test", OTHER_PASSWORD, Client::default()).await.unwrap();
    place.end().await;
}

#[tokio::test]
async fn nothing_is_cut_off_and_spellings_of_one_letter_are_one() {
    let place = Place::demo().await;
    let alice = place.customer("alice@acme.test").await;
    let long = format!("{}é", "correct pony ".repeat(6));
    place.people().change_password(place.by(&alice, change(PASSWORD, &long))).await.unwrap();
    let shorter = &long[..72];
    assert_eq!(refusal(place.try_login("alice@acme.test", shorter, Client::default()).await).http_status(), 401);
    // The same letter of two code points, as another keyboard gives it.
    let decomposed = format!("{}e\u{301}", "correct pony ".repeat(6));
    place.try_login("alice@acme.test", &decomposed, Client::default()).await.unwrap();
    place.end().await;
}

#[tokio::test]
async fn passwords_are_stored_one_way_and_a_weak_hash_is_renewed_at_sign_in() {
    let place = Place::demo().await;
    let alice = place.customer("alice@acme.test").await;
    assert_eq!(place.tables_with(PASSWORD).await, Vec::<String>::new());
    let mut conn = place.stage.inspect("identity").await;
    let id: uuid::Uuid = alice.id().parse().unwrap();
    let stored = "SELECT password_hash FROM credential WHERE person_id = $1";
    let hash: String = sqlx::query_scalar(stored).bind(id).fetch_one(&mut conn).await.unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));

    let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8_192, 1, 1, None).unwrap());
    let weak = weak.hash_password_with_salt(PASSWORD.as_bytes(), &[1; 16]).unwrap().to_string();
    sqlx::query("UPDATE credential SET password_hash = $2 WHERE person_id = $1").bind(id).bind(weak).execute(&mut conn).await.unwrap();
    place.login("alice@acme.test").await;
    let hash: String = sqlx::query_scalar(stored).bind(id).fetch_one(&mut conn).await.unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    place.login("alice@acme.test").await;
    place.end().await;
}

/// S15: the byte limit comes before the hash.
#[tokio::test]
async fn a_huge_password_is_refused_at_once() {
    let place = Place::demo().await;
    let alice = place.customer("alice@acme.test").await;
    let huge = "x".repeat(3_000_000);
    let begun = std::time::Instant::now();
    let named = |field: &str| [(field.to_owned(), "too_long".to_owned())];
    assert_eq!(wrong_fields(place.try_login("alice@acme.test", &huge, Client::default()).await), named("password"));
    assert_eq!(wrong_fields(place.people().change_password(place.by(&alice, change(PASSWORD, &huge))).await), named("new"));
    assert!(begun.elapsed() < std::time::Duration::from_secs(3), "{:?}", begun.elapsed());
    place.end().await;
}

#[tokio::test]
async fn a_password_that_a_directory_keeps_is_not_changed_here() {
    let place = Place::demo().await;
    let alice = place.customer("alice@acme.test").await;
    let mut conn = place.stage.inspect("identity").await;
    sqlx::raw_sql("UPDATE person SET internal = false WHERE email = 'alice@acme.test'").execute(&mut conn).await.unwrap();
    let refused = place.people().change_password(place.by(&alice, change(PASSWORD, OTHER_PASSWORD))).await;
    assert_eq!(code(refused), (409, "password_managed_elsewhere".into()));
    place.end().await;
}

#[tokio::test]
async fn production_refuses_the_demos_password() {
    let place = Place::demo().await;
    let person = ImportedPerson { email: "alice@acme.test".into(), password: "a-demo-Passphrase-41".into(), ..Default::default() };
    let import = ImportPeopleRequest { portal: "demo".into(), request_id: key(), people: vec![person] };
    let refused = place.people().import_people(place.stage.as_operator(import)).await;
    assert_eq!(wrong_fields(refused), [("password".to_owned(), "not_allowed".to_owned())]);
    place.end().await;
}

/// S04: the answer takes as long for an address that has no account. Without the decoy's hash an unknown address would answer in a tenth of the
/// time, so a factor of two either way, on medians of tries that take turns, tells the two apart on a busy machine too.
#[tokio::test]
async fn a_refusal_costs_the_same_work_whatever_the_address_is() {
    let place = Place::demo().await;
    place.patch(serde_json::json!({"limits": {"login_failures_per_account": 100}})).await;
    place.customer("alice@acme.test").await;
    let mallory = place.customer("mallory@acme.test").await;
    place.suspend(&mallory.id()).await;
    let ensure = EnsurePersonRequest { portal: "demo".into(), request_id: key(), email: "mail@web.test".into(), ..Default::default() };
    place.people().ensure_person(place.service("tickets", ensure)).await.unwrap();
    let addresses = ["alice@acme.test", "mallory@acme.test", "mail@web.test", "nobody@acme.test", "no address"];
    let mut taken = vec![Vec::new(); addresses.len()];
    for _ in 0..15 {
        for (index, address) in addresses.into_iter().enumerate() {
            let began = std::time::Instant::now();
            let refused = place.try_login(address, "a guess that is wrong", Client::default()).await;
            taken[index].push(began.elapsed());
            assert_eq!(code(refused), (401, "bad_credentials".into()), "{address}");
        }
    }
    taken.iter_mut().for_each(|times| times.sort_unstable());
    let medians: Vec<_> = taken.iter().map(|times| times[times.len() / 2]).collect();
    for (address, median) in addresses.into_iter().zip(&medians) {
        assert!(*median * 2 > medians[0] && *median < medians[0] * 2, "{address}: {medians:?}");
    }
    place.end().await;
}
