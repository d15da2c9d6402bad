//! Getting in by each way (IA-5 to IA-9, IA-12), and telling nobody who exists (S03).

use portico_proto::common::v1::{Role, Visibility};
use portico_proto::events::v1::identity_event::Event;
use portico_proto::identity::v1::*;
use serde_json::json;

use crate::kit::*;

#[tokio::test]
async fn a_visitor_signs_up_confirms_by_mail_and_is_signed_in() {
    let place = Place::demo().await;
    place.sign_up(" Ada@Lovelace.TEST ").await;
    let path = place.mailed_path("ada@lovelace.test", "sign_up").await;
    let token = path.strip_prefix("/verify/").unwrap().to_owned();

    let inspect = InspectLinkRequest { portal: "demo".into(), token: token.clone() };
    let shown = place.accounts().inspect_link(place.guest(inspect)).await.unwrap().into_inner();
    assert_eq!((shown.kind(), shown.action()), (LinkKind::SignUp, LinkAction::Register));
    assert_eq!((shown.email.as_str(), shown.name.as_str()), ("ada@lovelace.test", "Ada"));

    let signed_in = place.try_register(&token, PASSWORD).await.unwrap().into_inner();
    assert!((1..=300).contains(&signed_in.expires_in) && !signed_in.refresh_token.is_empty());
    let who = Who { sign_in: signed_in };
    assert_eq!((who.user().name.as_str(), who.user().role(), who.user().registered), ("Ada", Role::Customer, true));
    assert_eq!(place.me(&who).await.unwrap().into_inner().email, "ada@lovelace.test");
    assert_eq!(place.login("ada@lovelace.test").await.id(), who.id());
    let proven = Event::AddressProven(portico_proto::events::v1::AddressProven { person_id: who.id() });
    assert!(place.happened().await.contains(&proven));
    place.end().await;
}

#[tokio::test]
async fn an_invitee_registers_with_the_role_and_organisation_of_the_invitation() {
    let place = Place::demo().await;
    let admin = place.admin().await;
    let acme = CreateOrganizationRequest { portal: "demo".into(), request_id: key(), name: "ACME".into(), domains: vec![] };
    let acme = place.organizations().create_organization(place.by(&admin, acme)).await.unwrap().into_inner();
    let invite = CreateInvitationRequest {
        portal: "demo".into(),
        request_id: key(),
        email: "bob@acme.test".into(),
        name: "Bob".into(),
        organization_id: acme.id.clone(),
        visibility: Visibility::Organization.into(),
        ..Default::default()
    };
    place.invitations().create_invitation(place.by(&admin, invite)).await.unwrap();
    // Nothing is granted before the address is proven.
    assert_eq!(place.find("bob@acme.test").await.unwrap().organization_id, "");

    let token = place.mailed_token("bob@acme.test", "invite").await;
    let bob = place.try_register(&token, PASSWORD).await.unwrap().into_inner().user.unwrap();
    assert_eq!((bob.name.as_str(), bob.organization.as_ref().unwrap().id.as_str()), ("Bob", acme.id.as_str()));
    assert_eq!(bob.visibility(), Visibility::Organization);
    place.end().await;
}

#[tokio::test]
async fn a_forgotten_password_is_chosen_anew_by_mail_and_every_session_ends() {
    let place = Place::demo().await;
    let alice = place.customer("alice@acme.test").await;
    place.ask_for_reset("alice@acme.test").await;
    let path = place.mailed_path("alice@acme.test", "password_reset").await;
    let token = path.strip_prefix("/reset/").unwrap();
    place.try_reset(token, OTHER_PASSWORD).await.unwrap();

    // S10: no sign-in by it, a notice mail, existing sessions ended.
    assert_eq!(refusal(place.try_refresh(&alice.sign_in.refresh_token).await).http_status(), 401);
    assert_eq!(code(place.me(&alice).await), (401, "token_revoked".into()));
    let changed = |event: &Event| matches!(event, Event::PasswordChanged(changed) if changed.person_id == alice.id());
    assert_eq!(place.happened().await.iter().filter(|event| changed(event)).count(), 1);
    assert_eq!(code(place.try_login("alice@acme.test", PASSWORD, Client::default()).await), (401, "bad_credentials".into()));
    place.try_login("alice@acme.test", OTHER_PASSWORD, Client::default()).await.unwrap();
    place.end().await;
}

/// S03: content. The answers are empty messages, and what is written is the same row.
#[tokio::test]
async fn sign_up_and_reset_answer_alike_for_known_unknown_unregistered_and_suspended_addresses() {
    let place = Place::demo().await;
    place.customer("alice@acme.test").await;
    let mallory = place.customer("mallory@acme.test").await;
    place.suspend(&mallory.id()).await;
    place.sign_up("half@acme.test").await;
    place.mailed_token("half@acme.test", "sign_up").await;
    for email in ["alice@acme.test", "nobody@acme.test", "half@acme.test", "mallory@acme.test"] {
        place.sign_up(email).await;
        place.ask_for_reset(email).await;
    }
    place.settled().await;
    // Who has an account is told by mail that there is one, not by the answer; who is suspended gets none.
    assert_eq!(place.mailed_path("alice@acme.test", "sign_up").await, "/sign-in");
    assert_eq!(place.links_of("alice@acme.test", "password_reset").await.len(), 1);
    assert_eq!(place.links_of("nobody@acme.test", "sign_up").await.len(), 1);
    assert_eq!(place.links_of("nobody@acme.test", "password_reset").await.len(), 0);
    assert_eq!(place.links_of("half@acme.test", "sign_up").await.len(), 2);
    assert_eq!(place.links_of("mallory@acme.test", "sign_up").await.len(), 0);
    assert_eq!(place.links_of("mallory@acme.test", "password_reset").await.len(), 0);
    place.end().await;
}

#[tokio::test]
async fn signing_in_answers_alike_for_a_wrong_password_and_addresses_that_can_not_sign_in() {
    let place = Place::demo().await;
    place.customer("alice@acme.test").await;
    let mallory = place.customer("mallory@acme.test").await;
    place.suspend(&mallory.id()).await;
    place.sign_up("half@acme.test").await;
    place.mailed_token("half@acme.test", "sign_up").await;
    let wrong = refusal(place.try_login("alice@acme.test", OTHER_PASSWORD, Client::default()).await);
    assert_eq!((wrong.http_status(), wrong.code()), (401, "bad_credentials"));
    for email in ["nobody@acme.test", "half@acme.test", "mallory@acme.test", "first@demo.test", "not an address"] {
        assert_eq!(refusal(place.try_login(email, PASSWORD, Client::default()).await), wrong, "{email}");
    }
    place.end().await;
}

#[tokio::test]
async fn a_portal_without_sign_up_says_so_and_mails_nobody() {
    let place = Place::demo().await;
    place.patch(json!({"features": {"signup": false}})).await;
    let captcha = Some(place.captcha(CaptchaPurpose::Signup).await);
    let message =
        SignUpRequest { portal: "demo".into(), request_id: key(), name: "Ada".into(), email: "ada@lovelace.test".into(), captcha };
    assert_eq!(code(place.accounts().sign_up(place.guest(message)).await), (409, "not_allowed_by_policy".into()));
    assert!(place.find("ada@lovelace.test").await.is_none());
    place.end().await;
}

#[tokio::test]
async fn bad_fields_are_named_all_at_once_and_spend_no_challenge() {
    let place = Place::demo().await;
    let captcha = place.captcha(CaptchaPurpose::Signup).await;
    let message = |name: &str, email: &str, captcha: Option<CaptchaAnswer>| SignUpRequest {
        portal: "demo".into(),
        request_id: key(),
        name: name.into(),
        email: email.into(),
        captcha,
    };
    let wrong = wrong_fields(place.accounts().sign_up(place.guest(message("a\nb", "ada", None))).await);
    let named = |field: &str| (field.to_owned(), "invalid".to_owned());
    assert_eq!(wrong, [named("name"), named("email"), named("captcha")]);
    let wrong = wrong_fields(place.accounts().sign_up(place.guest(message("Ada", "ada", Some(captcha.clone())))).await);
    assert_eq!(wrong, [named("email")]);
    place.accounts().sign_up(place.guest(message("Ada", "ada@lovelace.test", Some(captcha)))).await.unwrap();
    place.end().await;
}

#[tokio::test]
async fn an_address_gets_a_bounded_number_of_mails_an_hour() {
    let place = Place::demo().await;
    place.patch(json!({"limits": {"link_mails_per_hour_per_address": 2}})).await;
    for _ in 0..4 {
        place.sign_up("flooded@acme.test").await;
        place.settled().await;
    }
    assert_eq!(place.links_of("flooded@acme.test", "sign_up").await.len(), 2);
    place.end().await;
}
