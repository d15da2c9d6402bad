//! People: copies for services, the own profile, what staff change.

use portico_proto::common::v1::{PageRequest, Role, Visibility};
use portico_proto::events::v1::identity_event::Event;
use portico_proto::identity::v1::*;

use crate::kit::*;

fn ensure(email: &str, name: &str) -> EnsurePersonRequest {
    EnsurePersonRequest { portal: "demo".into(), request_id: key(), email: email.into(), name: name.into(), ..Default::default() }
}

fn update(id: &str) -> UpdatePersonRequest {
    UpdatePersonRequest { portal: "demo".into(), request_id: key(), person_id: id.into(), ..Default::default() }
}

#[tokio::test]
async fn a_service_finds_or_makes_the_person_of_an_address() {
    let place = Place::demo().await;
    let made = place.people().ensure_person(place.service("tickets", ensure("Guest@Web.test", "Gwen"))).await.unwrap().into_inner();
    assert_eq!((made.email.as_str(), made.name.as_str(), made.registered, made.version), ("guest@web.test", "Gwen", false, 1));
    let found = place.people().ensure_person(place.service("tickets", ensure("guest@web.test", "Other"))).await.unwrap();
    assert_eq!(found.into_inner(), made);
    let tries = futures_util::future::join_all((0..6).map(|_| async {
        place.people().ensure_person(place.service("tickets", ensure("race@web.test", ""))).await.unwrap().into_inner().id
    }))
    .await;
    assert!(tries.iter().all(|id| *id == tries[0]));
    let wrong = place.people().ensure_person(place.service("tickets", ensure("nobody", ""))).await;
    assert_eq!(wrong_fields(wrong), [("email".to_owned(), "invalid".to_owned())]);

    let batch = BatchGetPeopleRequest { portal: "demo".into(), ids: vec![made.id.clone(), key(), "x".into()] };
    let batch = place.people().batch_get_people(place.service("community", batch)).await.unwrap().into_inner().people;
    assert_eq!(batch, [made]);
    place.end().await;
}

#[tokio::test]
async fn finding_a_person_mails_nobody() {
    let place = Place::demo().await;
    let asked = EnsurePersonRequest { invite: true, ..ensure("carol@globex.test", "") };
    place.people().ensure_person(place.service("tickets", asked)).await.unwrap();
    place.settled().await;
    assert!(place.links_of("carol@globex.test", "invite").await.is_empty());
    place.end().await;
}

#[tokio::test]
async fn a_snapshot_has_everybody_with_their_portals() {
    let place = Place::demo().await;
    place.create_portal("other", "helpdesk").await;
    for n in 0..3 {
        place.people().ensure_person(place.service("tickets", ensure(&format!("p{n}@x.test"), ""))).await.unwrap();
    }
    let snapshot = |portal: &str| SnapshotPeopleRequest { portal: portal.into(), page_token: String::new() };
    let all = place.people().snapshot_people(place.service("tickets", snapshot(""))).await.unwrap().into_inner();
    assert_eq!((all.people.len(), all.next_page_token.as_str()), (6, ""));
    let other = place.people().snapshot_people(place.service("tickets", snapshot("other"))).await.unwrap().into_inner().people;
    assert_eq!(other.iter().map(|person| person.email.as_str()).collect::<Vec<_>>(), ["first@other.test"]);
    assert_eq!(other[0].portal, "other");
    place.end().await;
}

#[tokio::test]
async fn people_change_their_own_name_language_and_time_zone() {
    let place = Place::demo().await;
    place.patch(serde_json::json!({"locales": ["en", "de"]})).await;
    let alice = place.customer("alice@acme.test").await;
    let message = UpdateMeRequest {
        portal: "demo".into(),
        request_id: key(),
        etag: alice.user().etag.clone(),
        name: Some(" Alice Liddell ".into()),
        locale: Some("de".into()),
        time_zone: Some("Europe/Berlin".into()),
    };
    let changed = place.people().update_me(place.by(&alice, message.clone())).await.unwrap().into_inner();
    assert_eq!((changed.name.as_str(), changed.locale.as_str(), changed.time_zone.as_str()), ("Alice Liddell", "de", "Europe/Berlin"));
    let old = UpdateMeRequest { request_id: key(), name: Some("Old".into()), ..message };
    assert_eq!(code(place.people().update_me(place.by(&alice, old)).await), (409, "version_conflict".into()));

    let wrong = UpdateMeRequest {
        portal: "demo".into(),
        request_id: key(),
        etag: String::new(),
        name: Some("a\r\nb".into()),
        locale: Some("fr_FR".into()),
        time_zone: Some("Mars/Base 1".into()),
    };
    let fields: Vec<String> =
        wrong_fields(place.people().update_me(place.by(&alice, wrong.clone())).await).into_iter().map(|(field, _)| field).collect();
    assert_eq!(fields, ["name", "locale", "time_zone"]);
    let unspoken = UpdateMeRequest { name: None, locale: Some("fr".into()), time_zone: None, request_id: key(), ..wrong };
    assert_eq!(wrong_fields(place.people().update_me(place.by(&alice, unspoken)).await), [("locale".to_owned(), "invalid".to_owned())]);
    let told = |event: &Event| matches!(event, Event::PersonChanged(changed) if changed.fields == ["name", "locale", "time_zone"]);
    assert!(place.happened().await.iter().any(told));
    place.end().await;
}

#[tokio::test]
async fn administrators_change_roles_and_agents_only_the_names_of_customers() {
    let place = Place::demo().await;
    let admin = place.admin().await;
    place.import("agent@demo.test", Role::Agent, "", Visibility::Unspecified).await;
    let agent = place.login("agent@demo.test").await;
    let alice = place.customer("alice@acme.test").await;

    let renamed = UpdatePersonRequest { name: Some("Alice".into()), ..update(&alice.id()) };
    assert_eq!(place.people().update_person(place.by(&agent, renamed)).await.unwrap().into_inner().name, "Alice");
    let promoted = UpdatePersonRequest { role: Some(Role::Agent.into()), ..update(&alice.id()) };
    assert_eq!(refusal(place.people().update_person(place.by(&agent, promoted.clone())).await).http_status(), 403);
    let of_admin = UpdatePersonRequest { name: Some("X".into()), ..update(&admin.id()) };
    assert_eq!(refusal(place.people().update_person(place.by(&agent, of_admin)).await).http_status(), 403);

    // S19: another role, another session.
    let promoted = place.people().update_person(place.by(&admin, UpdatePersonRequest { request_id: key(), ..promoted })).await.unwrap();
    assert_eq!(promoted.into_inner().role(), Role::Agent);
    assert_eq!(refusal(place.try_refresh(&alice.sign_in.refresh_token).await).http_status(), 401);
    assert_eq!(place.login("alice@acme.test").await.user().role(), Role::Agent);
    assert_eq!(refusal(place.people().update_person(place.by(&admin, update(&key()))).await).http_status(), 404);
    place.end().await;
}

/// Two administrators demote each other at the same moment: one of them stays, however the two requests meet.
#[tokio::test]
async fn two_administrators_who_demote_each_other_leave_one() {
    let place = Place::demo().await;
    let mut conn = place.stage.inspect("identity").await;
    let mut stays = place.admin().await;
    for round in 0..8 {
        let email = format!("admin{round}@demo.test");
        place.import(&email, Role::Admin, "", Visibility::Unspecified).await;
        let other = place.login(&email).await;
        let demote = |whom: &Who| UpdatePersonRequest { role: Some(Role::Customer.into()), ..update(&whom.id()) };
        let (mut first, mut second) = (place.people(), place.people());
        let (of_other, of_first) =
            tokio::join!(first.update_person(place.by(&stays, demote(&other))), second.update_person(place.by(&other, demote(&stays))));
        assert!(of_other.is_err() || of_first.is_err(), "round {round}: both were demoted");
        let sql = "SELECT id::text FROM person WHERE role = 'admin' AND status = 'active' AND registered";
        let left: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut conn).await.unwrap();
        assert_eq!(left.len(), 1, "round {round}");
        if left == [other.id()] {
            stays = other;
        }
    }
    place.end().await;
}

#[tokio::test]
async fn a_portal_keeps_an_administrator() {
    let place = Place::demo().await;
    let admin = place.admin().await;
    let demoted = UpdatePersonRequest { role: Some(Role::Customer.into()), ..update(&admin.id()) };
    assert_eq!(code(place.people().update_person(place.by(&admin, demoted)).await), (409, "last_admin".into()));
    place.import("second@demo.test", Role::Admin, "", Visibility::Unspecified).await;
    let suspended = UpdatePersonRequest { status: Some(PersonStatus::Suspended.into()), ..update(&admin.id()) };
    place.people().update_person(place.by(&admin, suspended)).await.unwrap();
    place.end().await;
}

#[tokio::test]
async fn staff_list_people_in_pages_and_by_filters() {
    let place = Place::demo().await;
    let admin = place.admin().await;
    for n in 0..5 {
        place.import(&format!("user{n}@acme.test"), Role::Customer, "ACME", Visibility::Own).await;
    }
    place.import("odd_one@globex.test", Role::Customer, "Globex", Visibility::Own).await;
    let list = |query: &str, role: Role, token: &str| ListPeopleRequest {
        portal: "demo".into(),
        page: Some(PageRequest { page_size: 2, page_token: token.into() }),
        query: query.into(),
        role: role.into(),
        ..Default::default()
    };
    let (mut emails, mut token) = (Vec::new(), String::new());
    loop {
        let page = place.people().list_people(place.by(&admin, list("user", Role::Customer, &token))).await.unwrap().into_inner();
        assert!(page.people.len() <= 2);
        emails.extend(page.people.into_iter().map(|person| person.email));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    emails.sort();
    assert_eq!(emails, (0..5).map(|n| format!("user{n}@acme.test")).collect::<Vec<_>>());
    let wild = place.people().list_people(place.by(&admin, list("%", Role::Unspecified, ""))).await.unwrap().into_inner();
    assert!(wild.people.is_empty());
    let literal = place.people().list_people(place.by(&admin, list("ODD_", Role::Unspecified, ""))).await.unwrap().into_inner();
    assert_eq!(literal.people.len(), 1);

    let organization = literal.people[0].organization.as_ref().unwrap().id.clone();
    let members = ListPeopleRequest { organization_id: organization, ..list("", Role::Unspecified, "") };
    assert_eq!(place.people().list_people(place.by(&admin, members)).await.unwrap().into_inner().people.len(), 1);
    let suspended = ListPeopleRequest { status: PersonStatus::Suspended.into(), ..list("", Role::Unspecified, "") };
    assert_eq!(place.people().list_people(place.by(&admin, suspended)).await.unwrap().into_inner().people.len(), 0);
    let first = place.people().list_people(place.by(&admin, list("user", Role::Customer, ""))).await.unwrap().into_inner();
    let other_filter = place.people().list_people(place.by(&admin, list("odd", Role::Customer, &first.next_page_token))).await;
    assert_eq!(refusal(other_filter).http_status(), 400);
    place.end().await;
}

#[tokio::test]
async fn importing_again_updates_and_keeps_ids() {
    let place = Place::demo().await;
    let first = place.import("bob@acme.test", Role::Customer, "ACME", Visibility::Own).await;
    let second = place.import("bob@acme.test", Role::Customer, "acme", Visibility::Organization).await;
    assert_eq!((second.id.as_str(), second.visibility()), (first.id.as_str(), Visibility::Organization));
    assert_eq!(second.organization, first.organization);
    let third = place.import("bob@acme.test", Role::Customer, "acme", Visibility::Organization).await;
    assert_eq!(third.version, second.version);
    // Who comes with a password needs no invitation any more: the first administrator's link is dead.
    let admin = place.import("first@demo.test", Role::Admin, "", Visibility::Own).await;
    assert!(admin.registered);
    let link = place.links_of("first@demo.test", "invite").await.pop().unwrap();
    assert_eq!(refusal(place.try_render(&link).await).http_status(), 404);
    let admin = place.admin().await;
    let get = GetPersonRequest { portal: "demo".into(), person_id: first.id };
    assert_eq!(place.people().get_person(place.by(&admin, get)).await.unwrap().into_inner(), third);
    place.end().await;
}
