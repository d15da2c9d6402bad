//! Tokens: of which portal, of which generation, and who may call what.

use portico_chassis::testing::eventually;
use portico_proto::common::v1::render_service_client::RenderServiceClient;
use portico_proto::common::v1::{RenderForRequest, Visibility};
use portico_proto::identity::v1::*;

use crate::kit::*;

#[tokio::test]
async fn a_token_of_another_portal_is_worth_nothing_here() {
    let place = Place::demo().await;
    place.create_portal("other", "helpdesk").await;
    let alice = place.customer("alice@acme.test").await;
    let elsewhere = place.people().get_me(place.by(&alice, GetMeRequest { portal: "other".into() })).await;
    assert_eq!(code(elsewhere), (401, "wrong_portal".into()));
    // The same address is another account there: it has no password.
    let login = LoginRequest {
        portal: "other".into(),
        request_id: key(),
        email: "alice@acme.test".into(),
        password: PASSWORD.into(),
        client: None,
    };
    assert_eq!(code(place.sessions().login(place.guest(login)).await), (401, "bad_credentials".into()));
    place.end().await;
}

/// Row-level security as the second fence: a connection of another portal sees no row.
#[tokio::test]
async fn the_database_shows_a_portals_rows_to_that_portal_alone() {
    let place = Place::demo().await;
    let mut conn = place.stage.inspect("identity").await;
    sqlx::raw_sql("SET ROLE portico_test_identity_app").execute(&mut conn).await.unwrap();
    for table in ["portal", "person", "credential", "link", "invitation", "session", "throttle", "journal"] {
        let count = |portal: &'static str| sqlx::AssertSqlSafe(format!("SET portico.portals = '{portal}'; SELECT count(*) FROM {table}"));
        use sqlx::Row;
        let other: i64 = sqlx::raw_sql(count("other")).fetch_one(&mut conn).await.unwrap().get(0);
        assert_eq!(other, 0, "{table}");
    }
    let own: i64 = sqlx::query_scalar("SELECT count(*) FROM person").fetch_one(&mut conn).await.unwrap();
    assert_eq!(own, 0);
    place.end().await;
}

#[tokio::test]
async fn suspending_somebody_ends_sessions_tokens_and_links_within_the_feed() {
    let place = Place::demo().await;
    let admin = place.admin().await;
    let alice = place.customer("alice@acme.test").await;
    place.ask_for_reset("alice@acme.test").await;
    let token = place.mailed_token("alice@acme.test", "password_reset").await;
    let start = feed(&place, 0).await.next;

    let suspend = UpdatePersonRequest {
        portal: "demo".into(),
        request_id: key(),
        person_id: alice.id(),
        status: Some(PersonStatus::Suspended.into()),
        ..Default::default()
    };
    let suspended = place.people().update_person(place.by(&admin, suspend)).await.unwrap().into_inner();
    assert_eq!(suspended.status(), PersonStatus::Suspended);

    let told = feed(&place, start).await;
    let raised = RaisedGeneration { portal: "demo".into(), person_id: alice.id(), generation: told.raised_generations[0].generation };
    assert_eq!(told.raised_generations, [raised]);
    assert!(told.next > start);
    assert_eq!(feed(&place, told.next).await.raised_generations, []);

    let me = place.people().get_me(place.by(&alice, GetMeRequest { portal: "demo".into() })).await;
    assert_eq!(code(me), (401, "token_revoked".into()));
    let refresh =
        RefreshRequest { portal: "demo".into(), request_id: key(), refresh_token: alice.sign_in.refresh_token.clone(), client: None };
    assert_eq!(refusal(place.sessions().refresh(place.guest(refresh)).await).http_status(), 401);
    assert_eq!(code(place.try_reset(&token, OTHER_PASSWORD).await), (404, "link_invalid".into()));
    // The right password of a suspended account gets the answer of a wrong one (S03).
    assert_eq!(code(place.try_login("alice@acme.test", PASSWORD, Client::default()).await), (401, "bad_credentials".into()));
    place.end().await;
}

async fn feed(place: &Place, after: i64) -> ListRevocationsResponse {
    let message = ListRevocationsRequest { portal: String::new(), after };
    place.revocations().list_revocations(place.service("tickets", message)).await.unwrap().into_inner()
}

#[tokio::test]
async fn a_new_reader_of_the_feed_learns_what_was_revoked_lately() {
    let place = Place::demo().await;
    let alice = place.customer("alice@acme.test").await;
    let out = LogoutRequest { portal: "demo".into(), request_id: key(), all: false };
    place.sessions().logout(place.by(&alice, out)).await.unwrap();
    assert_eq!(feed(&place, 0).await.ended_sessions, std::slice::from_ref(&alice.sign_in.session_id));
    eventually("the token to be void", || async {
        let me = place.people().get_me(place.by(&alice, GetMeRequest { portal: "demo".into() })).await;
        me.is_err().then_some(())
    })
    .await;
    place.end().await;
}

#[tokio::test]
async fn a_change_of_membership_voids_tokens_and_keeps_the_session() {
    let place = Place::demo().await;
    let admin = place.admin().await;
    let alice = place.customer("alice@acme.test").await;
    let acme = CreateOrganizationRequest { portal: "demo".into(), request_id: key(), name: "ACME".into(), domains: vec![] };
    let acme = place.organizations().create_organization(place.by(&admin, acme)).await.unwrap().into_inner();
    let member = SetMemberRequest {
        portal: "demo".into(),
        request_id: key(),
        organization_id: acme.id.clone(),
        person_id: alice.id(),
        visibility: Visibility::Organization.into(),
    };
    place.organizations().set_member(place.by(&admin, member)).await.unwrap();
    let me = place.people().get_me(place.by(&alice, GetMeRequest { portal: "demo".into() })).await;
    assert_eq!(code(me), (401, "token_revoked".into()));

    let refresh =
        RefreshRequest { portal: "demo".into(), request_id: key(), refresh_token: alice.sign_in.refresh_token.clone(), client: None };
    let again = place.sessions().refresh(place.guest(refresh)).await.unwrap().into_inner();
    let caller = place.read_token(&again.access_token);
    assert_eq!(caller.as_person().unwrap().organization.as_ref().unwrap().id.to_string(), acme.id);
    place.end().await;
}

#[tokio::test]
async fn methods_are_closed_to_those_who_are_not_named() {
    let place = Place::demo().await;
    let alice = place.customer("alice@acme.test").await;
    let list = || ListPeopleRequest { portal: "demo".into(), ..Default::default() };
    assert_eq!(refusal(place.people().list_people(place.guest(list())).await).http_status(), 401);
    assert_eq!(refusal(place.people().list_people(place.by(&alice, list())).await).http_status(), 403);
    let import = || ImportPeopleRequest { portal: "demo".into(), request_id: key(), people: vec![] };
    assert_eq!(refusal(place.people().import_people(place.guest(import())).await).http_status(), 401);
    let mut forged = tonic::Request::new(import());
    forged.metadata_mut().insert("x-portico-operator", "guessed".parse().unwrap());
    assert_eq!(code(place.people().import_people(forged).await), (401, "bad_credentials".into()));
    let render = RenderForRequest { portal: "demo".into(), event_id: key(), recipient: key(), kind: "invite".into() };
    let mut renderer = RenderServiceClient::new(place.channel.clone());
    assert_eq!(refusal(renderer.render_for(place.service("tickets", render)).await).http_status(), 403);
    // A guest who does not come through the gateway is nobody.
    let bare = tonic::Request::new(GetPortalRequest { portal: "demo".into() });
    assert_eq!(refusal(place.portals().get_portal(bare).await).http_status(), 401);
    place.end().await;
}
