//! The same request again (I02): one effect, the same answer.

use portico_chassis::error::Error;
use portico_chassis::testing::eventually;
use portico_proto::common::v1::Role;
use portico_proto::identity::v1::*;

use crate::kit::*;

#[tokio::test]
async fn a_portal_is_made_once_and_its_secrets_are_told_again() {
    let place = Place::bare().await;
    let message = CreatePortalRequest {
        portal: "demo".into(),
        request_id: "once".into(),
        title: "Demo".into(),
        profile: "helpdesk".into(),
        admin_email: "admin@demo.test".into(),
        locale: String::new(),
    };
    let first = place.portals().create_portal(place.stage.as_operator(message.clone())).await.unwrap().into_inner();
    let again = place.portals().create_portal(place.stage.as_operator(message.clone())).await.unwrap().into_inner();
    assert_eq!(first, again);
    assert_eq!(place.tables_with(&first.invitation_token).await, Vec::<String>::new());
    assert_eq!(place.tables_with(&first.inbound_secret).await, Vec::<String>::new());
    let other = CreatePortalRequest { title: "Other".into(), ..message.clone() };
    assert_eq!(refusal(place.portals().create_portal(place.stage.as_operator(other)).await), Error::KeyReused);
    for bad in ["", "a b", &"k".repeat(129)] {
        let bad = CreatePortalRequest { request_id: bad.into(), ..message.clone() };
        let named = [("request_id".to_owned(), "invalid".to_owned())];
        assert_eq!(wrong_fields(place.portals().create_portal(place.stage.as_operator(bad)).await), named);
    }
    place.end().await;
}

#[tokio::test]
async fn registering_again_with_the_same_request_gives_the_same_session() {
    let place = Place::demo().await;
    place.sign_up("ada@lovelace.test").await;
    let token = place.mailed_token("ada@lovelace.test", "sign_up").await;
    let message = RegisterRequest {
        portal: "demo".into(),
        request_id: key(),
        token,
        password: PASSWORD.into(),
        name: String::new(),
        client: Some(Client { browser: true, ..Default::default() }),
    };
    let first = place.accounts().register(place.guest(message.clone())).await.unwrap().into_inner();
    // The browser sends the cookie that it has meanwhile.
    let repeated = RegisterRequest {
        client: Some(Client { browser: true, browser_secret: first.browser_secret.clone(), ..Default::default() }),
        ..message.clone()
    };
    let again = place.accounts().register(place.guest(repeated)).await.unwrap().into_inner();
    assert_eq!((again.session_id.as_str(), again.browser_secret.as_str()), (first.session_id.as_str(), first.browser_secret.as_str()));
    let other = RegisterRequest { password: OTHER_PASSWORD.into(), ..message };
    assert_eq!(refusal(place.accounts().register(place.guest(other)).await), Error::KeyReused);
    place.end().await;
}

#[tokio::test]
async fn signing_in_again_with_the_same_request_is_one_session_and_none_once_it_ended() {
    let place = Place::demo().await;
    place.customer("alice@acme.test").await;
    let message =
        LoginRequest { portal: "demo".into(), request_id: key(), email: "alice@acme.test".into(), password: PASSWORD.into(), client: None };
    let first = place.sessions().login(place.guest(message.clone())).await.unwrap().into_inner();
    let again = place.sessions().login(place.guest(message.clone())).await.unwrap().into_inner();
    assert_eq!((&again.session_id, &again.refresh_token), (&first.session_id, &first.refresh_token));
    let wrong = LoginRequest { password: OTHER_PASSWORD.into(), ..message.clone() };
    assert_eq!(refusal(place.sessions().login(place.guest(wrong)).await).http_status(), 401);
    let out = LogoutRequest { portal: "demo".into(), request_id: key(), all: false };
    place.sessions().logout(place.by(&Who { sign_in: first }, out)).await.unwrap();
    assert_eq!(code(place.sessions().login(place.guest(message)).await), (401, "session_ended".into()));
    place.end().await;
}

#[tokio::test]
async fn the_same_invitation_many_times_at_once_is_one_invitation_and_one_mail() {
    let place = Place::demo().await;
    let admin = place.admin().await;
    let message = CreateInvitationRequest {
        portal: "demo".into(),
        request_id: key(),
        email: "bob@acme.test".into(),
        role: Role::Customer.into(),
        ..Default::default()
    };
    let tries = futures_util::future::join_all(
        (0..8).map(|_| async { place.invitations().create_invitation(place.by(&admin, message.clone())).await.unwrap().into_inner() }),
    )
    .await;
    assert!(tries.iter().all(|made| *made == tries[0]));
    assert_eq!(place.links_of("bob@acme.test", "invite").await.len(), 1);
    place.end().await;
}

#[tokio::test]
async fn a_sign_up_that_is_repeated_spends_one_challenge_and_sends_one_mail() {
    let place = Place::demo().await;
    let captcha = Some(place.captcha(CaptchaPurpose::Signup).await);
    let message =
        SignUpRequest { portal: "demo".into(), request_id: key(), name: "Ada".into(), email: "ada@lovelace.test".into(), captcha };
    for _ in 0..3 {
        place.accounts().sign_up(place.guest(message.clone())).await.unwrap();
    }
    let replay = SignUpRequest { request_id: key(), ..message };
    let refused = place.accounts().sign_up(place.guest(replay)).await;
    assert_eq!(wrong_fields(refused), [("captcha".to_owned(), "invalid".to_owned())]);
    place.settled().await;
    assert_eq!(place.links_of("ada@lovelace.test", "sign_up").await.len(), 1);
    place.end().await;
}

/// The first try is answered between the look for its answer and the look at the password, which is a new one by then.
#[tokio::test]
async fn changing_the_password_again_is_answered_though_the_present_one_is_no_longer_right() {
    let place = Place::demo().await;
    let alice = place.customer("alice@acme.test").await;
    let change = ChangePasswordRequest { portal: "demo".into(), request_id: key(), current: PASSWORD.into(), new: OTHER_PASSWORD.into() };
    place.people().change_password(place.by(&alice, change.clone())).await.unwrap();

    // Its answer is put aside until the second try waits for the counter of attempts.
    let mut conn = place.stage.inspect("identity").await;
    sqlx::raw_sql("CREATE TEMP TABLE aside (LIKE request)").execute(&mut conn).await.unwrap();
    let taken = "WITH gone AS (DELETE FROM request WHERE key = $1 RETURNING *) INSERT INTO aside SELECT * FROM gone";
    assert_eq!(sqlx::query(taken).bind(&change.request_id).execute(&mut conn).await.unwrap().rows_affected(), 1);
    sqlx::raw_sql("BEGIN; LOCK TABLE throttle IN ACCESS EXCLUSIVE MODE").execute(&mut conn).await.unwrap();
    let answering = async {
        eventually("the second try waits", || async {
            let mut look = place.stage.inspect("identity").await;
            let waits = "SELECT EXISTS (SELECT FROM pg_locks JOIN pg_database d ON d.oid = database \
                                         WHERE d.datname = current_database() AND relation = 'throttle'::regclass AND NOT granted)";
            sqlx::query_scalar::<_, bool>(waits).fetch_one(&mut look).await.unwrap().then_some(())
        })
        .await;
        sqlx::raw_sql("INSERT INTO request SELECT * FROM aside; COMMIT").execute(&mut conn).await.unwrap();
    };
    let mut people = place.people();
    let (again, ()) = tokio::join!(people.change_password(place.by(&alice, change.clone())), answering);
    again.unwrap();

    let wrong = ChangePasswordRequest { request_id: key(), ..change };
    let named = [("current".to_owned(), "wrong".to_owned())];
    assert_eq!(wrong_fields(place.people().change_password(place.by(&alice, wrong)).await), named);
    place.end().await;
}

/// I03: the versions of each aggregate in the journal are 1, 2, 3, … and its rows are at the last.
#[tokio::test]
async fn what_is_stored_and_what_was_told_agree() {
    let place = Place::demo().await;
    let alice = place.customer("alice@acme.test").await;
    let change = ChangePasswordRequest { portal: "demo".into(), request_id: key(), current: PASSWORD.into(), new: OTHER_PASSWORD.into() };
    place.people().change_password(place.by(&alice, change)).await.unwrap();
    place.sign_up("ada@lovelace.test").await;
    let token = place.mailed_token("ada@lovelace.test", "sign_up").await;
    place.try_register(&token, PASSWORD).await.unwrap();
    let mut conn = place.stage.inspect("identity").await;
    let wrong: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM (SELECT id, version FROM person UNION ALL SELECT id, version FROM session UNION ALL SELECT id, version FROM portal) r \
           FULL JOIN (SELECT aggregate_id, max(version) AS last, count(*) AS events FROM journal GROUP BY 1) j ON j.aggregate_id = r.id \
          WHERE r.version IS DISTINCT FROM j.last OR j.last IS DISTINCT FROM j.events",
    )
    .fetch_one(&mut conn)
    .await
    .unwrap();
    assert_eq!(wrong, 0);
    place.end().await;
}
