//! Portals and settings.

use portico_proto::common::v1::{PageRequest, Role, Visibility};
use portico_proto::identity::v1::*;
use serde_json::{Value, json};

use crate::kit::*;

async fn settings(place: &Place, who: &Who) -> Settings {
    place.portals().get_settings(place.by(who, GetSettingsRequest { portal: "demo".into() })).await.unwrap().into_inner()
}

fn patch(patch: &Value) -> PatchSettingsRequest {
    PatchSettingsRequest { portal: "demo".into(), request_id: key(), etag: String::new(), patch_json: patch.to_string() }
}

#[tokio::test]
async fn the_operator_makes_a_portal_and_its_first_administrator_registers_by_the_link() {
    let place = Place::bare().await;
    let created = place.create_portal("demo", "service-desk").await;
    assert_eq!((created.slug.as_str(), created.profile.as_str()), ("demo", "service-desk"));
    assert_eq!(created.invitation_path, format!("/invite/{}", created.invitation_token));
    assert_eq!(created.inbound_secret.len(), 64);

    let admin = place.try_register(&created.invitation_token, PASSWORD).await.unwrap().into_inner();
    assert_eq!(admin.user.unwrap().role(), Role::Admin);

    let public = place.portals().get_portal(place.guest(GetPortalRequest { portal: "demo".into() })).await.unwrap().into_inner();
    assert_eq!(public.title, "demo support desk");
    assert_eq!(public.status_labels["waiting_customer"], "Pending");
    assert_eq!(public.words["product"], "service");
    assert!(!public.guest_requests && !public.features.unwrap().signup);
    place.end().await;
}

#[tokio::test]
async fn a_slug_is_taken_once_and_bad_input_is_named() {
    let place = Place::demo().await;
    let again = |slug: &str, profile: &str, email: &str| CreatePortalRequest {
        portal: slug.into(),
        request_id: key(),
        title: " ".into(),
        profile: profile.into(),
        admin_email: email.into(),
        locale: "english".into(),
    };
    let wrong = wrong_fields(place.portals().create_portal(place.stage.as_operator(again("Demo!", "nice", "x"))).await);
    let names: Vec<&str> = wrong.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(names, ["slug", "title", "profile", "admin_email", "locale"]);

    let mut taken = again("demo", "helpdesk", "a@b.test");
    (taken.title, taken.locale) = ("Demo".into(), String::new());
    assert_eq!(code(place.portals().create_portal(place.stage.as_operator(taken)).await), (409, "slug_taken".into()));
    place.end().await;
}

#[tokio::test]
async fn a_new_portal_speaks_the_language_it_was_made_with() {
    let place = Place::bare().await;
    let message = CreatePortalRequest {
        portal: "amt".into(),
        request_id: key(),
        title: "Amt".into(),
        profile: "helpdesk".into(),
        admin_email: "chef@amt.test".into(),
        locale: "de".into(),
    };
    place.portals().create_portal(place.stage.as_operator(message)).await.unwrap();
    let public = place.portals().get_portal(place.guest(GetPortalRequest { portal: "amt".into() })).await.unwrap().into_inner();
    assert_eq!(public.locales, ["de"]);
    place.end().await;
}

#[tokio::test]
async fn settings_are_merged_checked_and_told_to_everybody() {
    let place = Place::demo().await;
    let admin = place.admin().await;
    let before = settings(&place, &admin).await;
    let change = json!({"timers": {"auto_resolve_seconds": 5}, "words": {"ticket": "case"}});
    let after = place.portals().patch_settings(place.by(&admin, patch(&change))).await.unwrap().into_inner();
    let document: Value = serde_json::from_str(&after.settings_json).unwrap();
    assert_eq!(document["timers"]["auto_resolve_seconds"], 5);
    assert_eq!(document["timers"]["auto_close_seconds"], 259_200);
    assert!(after.version > before.version && after.etag != before.etag);
    assert_eq!(settings(&place, &admin).await, after);

    let changed = ListSettingsRequest { portal: String::new(), after_version: before.version };
    let copies = place.portals().list_settings(place.service("tickets", changed)).await.unwrap().into_inner().settings;
    assert_eq!(copies, std::slice::from_ref(&after));
    let none = ListSettingsRequest { portal: String::new(), after_version: after.version };
    assert!(place.portals().list_settings(place.service("tickets", none)).await.unwrap().into_inner().settings.is_empty());
    place.end().await;
}

#[tokio::test]
async fn a_wrong_patch_names_every_key_and_changes_nothing() {
    let place = Place::demo().await;
    let admin = place.admin().await;
    let before = settings(&place, &admin).await;
    let wrong = json!({"timer": {}, "policies": {"reopen": "maybe"}, "timers": {"auto_close_seconds": -1, "auto_resolve_seconds": 9}});
    let fields = wrong_fields(place.portals().patch_settings(place.by(&admin, patch(&wrong))).await);
    let named = |field: &str, code: &str| (field.to_owned(), code.to_owned());
    assert_eq!(
        fields,
        [named("timer", "unknown_field"), named("policies.reopen", "invalid"), named("timers.auto_close_seconds", "invalid")]
    );
    let mut broken = patch(&json!({}));
    broken.patch_json = "{".into();
    assert_eq!(refusal(place.portals().patch_settings(place.by(&admin, broken)).await).http_status(), 400);
    assert_eq!(settings(&place, &admin).await, before);
    place.end().await;
}

#[tokio::test]
async fn an_old_etag_is_refused_and_a_patch_that_changes_nothing_makes_no_version() {
    let place = Place::demo().await;
    let admin = place.admin().await;
    let before = settings(&place, &admin).await;
    let mut first = patch(&json!({"ticket_prefix": "HELP"}));
    first.etag = before.etag.clone();
    let after = place.portals().patch_settings(place.by(&admin, first)).await.unwrap().into_inner();
    let mut second = patch(&json!({"ticket_prefix": "OTHER"}));
    second.etag = before.etag;
    assert_eq!(code(place.portals().patch_settings(place.by(&admin, second)).await), (409, "version_conflict".into()));
    let same = place.portals().patch_settings(place.by(&admin, patch(&json!({"ticket_prefix": "HELP"})))).await.unwrap().into_inner();
    assert_eq!(same.version, after.version);
    place.end().await;
}

#[tokio::test]
async fn portals_are_listed_in_pages_and_their_inbound_secrets_told_to_those_who_need_them() {
    let place = Place::bare().await;
    for slug in ["c", "a", "b"] {
        place.create_portal(slug, "helpdesk").await;
    }
    let (mut slugs, mut token) = (Vec::new(), String::new());
    loop {
        let page = Some(PageRequest { page_size: 2, page_token: token.clone() });
        let answer = place.portals().list_portals(place.service("gateway", ListPortalsRequest { portal: String::new(), page })).await;
        let answer = answer.unwrap().into_inner();
        slugs.extend(answer.portals.into_iter().map(|portal| portal.slug));
        token = answer.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(slugs, ["a", "b", "c"]);

    let all = place.portals().list_inbound_secrets(place.stage.as_operator(ListInboundSecretsRequest { portal: String::new() })).await;
    let all = all.unwrap().into_inner().secrets;
    let one = GetInboundSecretRequest { portal: "b".into() };
    let one = place.portals().get_inbound_secret(place.service("notifier", one)).await.unwrap().into_inner();
    assert_eq!(all.len(), 3);
    assert!(all.contains(&one) && all[0].secret != all[1].secret);
    let none = GetInboundSecretRequest { portal: "nope".into() };
    assert_eq!(refusal(place.portals().get_inbound_secret(place.service("notifier", none)).await).http_status(), 404);
    place.end().await;
}

#[tokio::test]
async fn only_administrators_read_and_change_settings() {
    let place = Place::demo().await;
    place.import("agent@demo.test", Role::Agent, "", Visibility::Unspecified).await;
    for who in [place.login("agent@demo.test").await, place.customer("alice@acme.test").await] {
        let read = place.portals().get_settings(place.by(&who, GetSettingsRequest { portal: "demo".into() })).await;
        assert_eq!(refusal(read).http_status(), 403);
        assert_eq!(refusal(place.portals().patch_settings(place.by(&who, patch(&json!({})))).await).http_status(), 403);
    }
    place.end().await;
}
