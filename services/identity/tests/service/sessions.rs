//! Sessions (S19, S21) and refresh tokens.

use portico_proto::common::v1::PageRequest;
use portico_proto::identity::v1::*;
use time::Duration;
use tonic::{Response, Status};

use crate::kit::*;

async fn resolve(place: &Place, portal: &str, secret: &str) -> Result<Response<ResolvedSession>, Status> {
    let message = ResolveSessionRequest { portal: portal.into(), secret: secret.into(), client: None };
    place.sessions().resolve_session(place.service("gateway", message)).await
}

fn browser(secret: &str) -> Client {
    Client { ip: "192.0.2.7".into(), user_agent: "Firefox".into(), browser: true, browser_secret: secret.into(), ..Default::default() }
}

async fn logout(place: &Place, who: &Who, all: bool) {
    let message = LogoutRequest { portal: "demo".into(), request_id: key(), all };
    place.sessions().logout(place.by(who, message)).await.unwrap();
}

#[tokio::test]
async fn refresh_tokens_follow_one_another_and_a_used_one_ends_the_family() {
    let place = Place::demo().await;
    let first = place.customer("alice@acme.test").await.sign_in;
    let second = place.try_refresh(&first.refresh_token).await.unwrap().into_inner();
    assert_eq!(second.session_id, first.session_id);
    assert_ne!(second.refresh_token, first.refresh_token);
    let third = place.try_refresh(&second.refresh_token).await.unwrap().into_inner();

    assert_eq!(code(place.try_refresh(&first.refresh_token).await), (401, "session_ended".into()));
    assert_eq!(code(place.try_refresh(&third.refresh_token).await), (401, "session_ended".into()));
    assert_eq!(code(place.me(&Who { sign_in: third }).await), (401, "token_revoked".into()));
    for nonsense in ["", "x", &first.refresh_token[1..]] {
        assert_eq!(refusal(place.try_refresh(nonsense).await).http_status(), 401);
    }
    place.end().await;
}

#[tokio::test]
async fn of_many_who_refresh_with_one_token_one_succeeds() {
    let place = Place::demo().await;
    let token = place.customer("alice@acme.test").await.sign_in.refresh_token;
    let tries = futures_util::future::join_all((0..5).map(|_| place.try_refresh(&token))).await;
    assert!(tries.iter().filter(|tried| tried.is_ok()).count() <= 1);
    place.end().await;
}

#[tokio::test]
async fn a_refresh_whose_answer_was_lost_is_answered_again() {
    let place = Place::demo().await;
    let first = place.customer("alice@acme.test").await.sign_in;
    let message = RefreshRequest { portal: "demo".into(), request_id: key(), refresh_token: first.refresh_token, client: None };
    let once = place.sessions().refresh(place.guest(message.clone())).await.unwrap().into_inner();
    let again = place.sessions().refresh(place.guest(message)).await.unwrap().into_inner();
    assert_eq!(once.refresh_token, again.refresh_token);
    place.end().await;
}

/// S19: fixation. The cookie from before the sign-in is dead, and so is the cookie from before the next one.
#[tokio::test]
async fn signing_in_renews_the_browsers_cookie_and_keeps_its_sign_ins_elsewhere() {
    let place = Place::demo().await;
    let created = place.create_portal("other", "helpdesk").await;
    place.customer("alice@acme.test").await;
    let first = place.try_login("alice@acme.test", PASSWORD, browser("")).await.unwrap().into_inner();
    assert_eq!(first.refresh_token, "");
    assert_eq!(resolve(&place, "demo", &first.browser_secret).await.unwrap().into_inner().session_id, first.session_id);
    assert_eq!(refusal(resolve(&place, "other", &first.browser_secret).await).http_status(), 401);

    let register = RegisterRequest {
        portal: "other".into(),
        request_id: key(),
        token: created.invitation_token,
        password: OTHER_PASSWORD.into(),
        name: String::new(),
        client: Some(browser(&first.browser_secret)),
    };
    let second = place.accounts().register(place.guest(register)).await.unwrap().into_inner();
    assert_ne!(second.browser_secret, first.browser_secret);
    for portal in ["demo", "other"] {
        assert!(resolve(&place, portal, &second.browser_secret).await.is_ok(), "{portal}");
        assert_eq!(refusal(resolve(&place, portal, &first.browser_secret).await).http_status(), 401, "{portal}");
    }

    // The same browser, the same portal again: the session before ends.
    let third = place.try_login("alice@acme.test", PASSWORD, browser(&second.browser_secret)).await.unwrap().into_inner();
    assert_ne!(third.session_id, first.session_id);
    assert_eq!(resolve(&place, "demo", &third.browser_secret).await.unwrap().into_inner().session_id, third.session_id);
    assert_eq!(code(place.me(&Who { sign_in: first }).await), (401, "token_revoked".into()));
    // Somebody else's invention is no cookie.
    for nonsense in ["", "guessed", &third.browser_secret[1..]] {
        assert_eq!(refusal(resolve(&place, "demo", nonsense).await).http_status(), 401);
    }
    place.end().await;
}

#[tokio::test]
async fn secrets_of_sessions_are_in_no_table() {
    let place = Place::demo().await;
    let program = place.customer("alice@acme.test").await.sign_in;
    let page = place.try_login("alice@acme.test", PASSWORD, browser("")).await.unwrap().into_inner();
    for secret in [&program.refresh_token, &program.access_token, &page.browser_secret, &page.device_token] {
        assert!(secret.len() >= 43);
        assert_eq!(place.tables_with(secret).await, Vec::<String>::new());
    }
    place.end().await;
}

#[tokio::test]
async fn an_idle_session_and_an_old_one_end() {
    let place = Place::demo().await;
    place.patch(serde_json::json!({"limits": {"session_idle_seconds": 3600, "session_absolute_seconds": 7200}})).await;
    place.customer("alice@acme.test").await;
    let used = place.try_login("alice@acme.test", PASSWORD, browser("")).await.unwrap().into_inner();
    let idle = place.try_login("alice@acme.test", PASSWORD, browser("")).await.unwrap().into_inner();
    place.clock.advance(Duration::minutes(50));
    resolve(&place, "demo", &used.browser_secret).await.unwrap();
    place.clock.advance(Duration::minutes(50));
    resolve(&place, "demo", &used.browser_secret).await.unwrap();
    assert_eq!(refusal(resolve(&place, "demo", &idle.browser_secret).await).http_status(), 401);
    place.clock.advance(Duration::minutes(30));
    assert_eq!(refusal(resolve(&place, "demo", &used.browser_secret).await).http_status(), 401);
    place.end().await;
}

#[tokio::test]
async fn signing_out_ends_one_session_or_all() {
    let place = Place::demo().await;
    let one = place.customer("alice@acme.test").await;
    let two = place.login("alice@acme.test").await;
    logout(&place, &one, false).await;
    assert_eq!(code(place.me(&one).await), (401, "token_revoked".into()));
    assert_eq!(refusal(place.try_refresh(&one.sign_in.refresh_token).await).http_status(), 401);
    place.me(&two).await.unwrap();

    let three = place.login("alice@acme.test").await;
    logout(&place, &two, true).await;
    for who in [&two, &three] {
        assert_eq!(code(place.me(who).await), (401, "token_revoked".into()));
        assert_eq!(refusal(place.try_refresh(&who.sign_in.refresh_token).await).http_status(), 401);
    }
    // Who signs in after that is in.
    let four = place.login("alice@acme.test").await;
    place.me(&four).await.unwrap();
    place.end().await;
}

#[tokio::test]
async fn people_see_their_own_sessions_and_end_them() {
    let place = Place::demo().await;
    let bob = place.customer("bob@acme.test").await;
    let alice = place.customer("alice@acme.test").await;
    let other = place.try_login("alice@acme.test", PASSWORD, browser("")).await.unwrap().into_inner();
    let list = || ListSessionsRequest { portal: "demo".into(), page: None };
    let sessions = place.sessions().list_sessions(place.by(&alice, list())).await.unwrap().into_inner().sessions;
    let shown: Vec<(&str, bool)> = sessions.iter().map(|session| (session.id.as_str(), session.current)).collect();
    assert_eq!(shown, [(other.session_id.as_str(), false), (alice.sign_in.session_id.as_str(), true)]);
    assert_eq!((sessions[0].ip.as_str(), sessions[0].user_agent.as_str()), ("192.0.2.7", "Firefox"));

    let end = || EndSessionRequest { portal: "demo".into(), request_id: key(), session_id: other.session_id.clone() };
    assert_eq!(refusal(place.sessions().end_session(place.by(&bob, end())).await).http_status(), 404);
    place.sessions().end_session(place.by(&alice, end())).await.unwrap();
    assert_eq!(refusal(resolve(&place, "demo", &other.browser_secret).await).http_status(), 401);
    let left = place.sessions().list_sessions(place.by(&alice, list())).await.unwrap().into_inner().sessions;
    assert_eq!(left.len(), 1);
    place.end().await;
}

#[tokio::test]
async fn a_page_token_of_somebody_else_is_refused() {
    let place = Place::demo().await;
    let bob = place.customer("bob@acme.test").await;
    let alice = place.customer("alice@acme.test").await;
    place.login("alice@acme.test").await;
    let list =
        |token: &str| ListSessionsRequest { portal: "demo".into(), page: Some(PageRequest { page_size: 1, page_token: token.into() }) };
    let first = place.sessions().list_sessions(place.by(&alice, list(""))).await.unwrap().into_inner();
    let second = place.sessions().list_sessions(place.by(&alice, list(&first.next_page_token))).await.unwrap().into_inner();
    assert_eq!((second.sessions[0].id.as_str(), second.next_page_token.as_str()), (alice.sign_in.session_id.as_str(), ""));
    assert_eq!(refusal(place.sessions().list_sessions(place.by(&bob, list(&first.next_page_token))).await).http_status(), 400);
    place.end().await;
}
