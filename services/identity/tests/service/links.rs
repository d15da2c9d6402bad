//! One-time links (S05, S06, S08, S11).

use portico_proto::common::v1::RenderForRequest;
use portico_proto::common::v1::render_service_client::RenderServiceClient;
use portico_proto::events::v1::identity_event::Event;
use portico_proto::identity::v1::*;
use time::Duration;

use crate::kit::*;

const INVALID: (u16, &str) = (404, "link_invalid");

fn invalid() -> (u16, String) {
    (INVALID.0, INVALID.1.to_owned())
}

async fn inspect(place: &Place, token: &str) -> Result<tonic::Response<InspectLinkResponse>, tonic::Status> {
    let message = InspectLinkRequest { portal: "demo".into(), token: token.into() };
    place.accounts().inspect_link(place.guest(message)).await
}

#[tokio::test]
async fn only_a_hash_of_a_token_is_stored() {
    let place = Place::demo().await;
    place.customer("alice@acme.test").await;
    place.ask_for_reset("alice@acme.test").await;
    let token = place.mailed_token("alice@acme.test", "password_reset").await;
    // 43 characters of base64url: 256 bits.
    assert_eq!(token.len(), 43);
    assert_eq!(place.tables_with(&token).await, Vec::<String>::new());
    place.try_reset(&token, OTHER_PASSWORD).await.unwrap();
    assert_eq!(place.tables_with(&token).await, Vec::<String>::new());
    place.end().await;
}

#[tokio::test]
async fn looking_at_a_link_changes_nothing_and_using_it_ends_it() {
    let place = Place::demo().await;
    place.sign_up("ada@lovelace.test").await;
    let token = place.mailed_token("ada@lovelace.test", "sign_up").await;
    let before = place.journal().await.len();
    for _ in 0..3 {
        inspect(&place, &token).await.unwrap();
    }
    assert_eq!(place.journal().await.len(), before);
    place.try_register(&token, PASSWORD).await.unwrap();
    assert_eq!(code(place.try_register(&token, PASSWORD).await), invalid());
    assert_eq!(code(inspect(&place, &token).await), invalid());
    place.end().await;
}

#[tokio::test]
async fn whatever_is_no_working_token_is_refused_in_one_way() {
    let place = Place::demo().await;
    place.create_portal("other", "helpdesk").await;
    place.sign_up("ada@lovelace.test").await;
    let token = place.mailed_token("ada@lovelace.test", "sign_up").await;
    let swapped: String = token.chars().map(|c| if c.is_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }).collect();
    for bad in ["", " ", "%20", "null", &swapped, &token[1..], &format!("{token} "), &"x".repeat(5000)] {
        assert_eq!(code(place.try_register(bad, PASSWORD).await), invalid(), "{bad}");
        assert_eq!(code(place.try_reset(bad, PASSWORD).await), invalid(), "{bad}");
        assert_eq!(code(inspect(&place, bad).await), invalid(), "{bad}");
    }
    // Of another portal, and of another kind.
    let elsewhere = RegisterRequest {
        portal: "other".into(),
        request_id: key(),
        token: token.clone(),
        password: PASSWORD.into(),
        ..Default::default()
    };
    assert_eq!(code(place.accounts().register(place.guest(elsewhere)).await), invalid());
    assert_eq!(code(place.try_reset(&token, PASSWORD).await), invalid());
    let confirm = ConfirmAddressRequest { portal: "demo".into(), request_id: key(), token: token.clone() };
    assert_eq!(code(place.accounts().confirm_address(place.guest(confirm)).await), invalid());
    place.try_register(&token, PASSWORD).await.unwrap();
    place.end().await;
}

#[tokio::test]
async fn a_reset_ends_after_an_hour_and_an_invitation_after_a_week() {
    let place = Place::demo().await;
    place.customer("alice@acme.test").await;
    let invitation = place.create_portal("later", "helpdesk").await;
    place.ask_for_reset("alice@acme.test").await;
    let token = place.mailed_token("alice@acme.test", "password_reset").await;
    place.clock.advance(Duration::minutes(61));
    assert_eq!(code(place.try_reset(&token, OTHER_PASSWORD).await), invalid());
    let inspect = |token: String| InspectLinkRequest { portal: "later".into(), token };
    let shown = place.accounts().inspect_link(place.guest(inspect(invitation.invitation_token.clone()))).await;
    assert!(shown.is_ok());
    place.clock.advance(Duration::days(7));
    let shown = place.accounts().inspect_link(place.guest(inspect(invitation.invitation_token))).await;
    assert_eq!(code(shown), invalid());
    place.end().await;
}

#[tokio::test]
async fn a_newer_reset_and_a_changed_password_kill_the_older_link() {
    let place = Place::demo().await;
    let alice = place.customer("alice@acme.test").await;
    place.ask_for_reset("alice@acme.test").await;
    let first = place.mailed_token("alice@acme.test", "password_reset").await;
    place.ask_for_reset("alice@acme.test").await;
    place.settled().await;
    let second = place.mailed_token("alice@acme.test", "password_reset").await;
    assert_ne!(first, second);
    assert_eq!(code(place.try_reset(&first, OTHER_PASSWORD).await), invalid());

    let change = ChangePasswordRequest { portal: "demo".into(), request_id: key(), current: PASSWORD.into(), new: OTHER_PASSWORD.into() };
    place.people().change_password(place.by(&alice, change)).await.unwrap();
    assert_eq!(code(place.try_reset(&second, PASSWORD).await), invalid());
    place.end().await;
}

#[tokio::test]
async fn somebody_else_who_is_signed_in_can_not_redeem_an_invitation() {
    let place = Place::demo().await;
    let alice = place.customer("alice@acme.test").await;
    place.sign_up("ada@lovelace.test").await;
    let token = place.mailed_token("ada@lovelace.test", "sign_up").await;
    let message =
        RegisterRequest { portal: "demo".into(), request_id: key(), token: token.clone(), password: PASSWORD.into(), ..Default::default() };
    assert_eq!(code(place.accounts().register(place.by(&alice, message)).await), invalid());
    place.try_register(&token, PASSWORD).await.unwrap();
    place.end().await;
}

#[tokio::test]
async fn a_bad_password_leaves_the_link_working() {
    let place = Place::demo().await;
    place.sign_up("ada@lovelace.test").await;
    let token = place.mailed_token("ada@lovelace.test", "sign_up").await;
    let named = |code: &str| [("password".to_owned(), code.to_owned())];
    assert_eq!(wrong_fields(place.try_register(&token, "short").await), named("too_short"));
    assert_eq!(wrong_fields(place.try_register(&token, "passwordpassword").await), named("too_common"));
    assert_eq!(wrong_fields(place.try_register(&token, "ada-lovelace-demo-1").await), named("too_guessable"));
    assert_eq!(wrong_fields(place.try_register(&token, "").await), named("required"));
    assert_eq!(wrong_fields(place.try_register(&token, &"x".repeat(1025)).await), named("too_long"));
    place.try_register(&token, PASSWORD).await.unwrap();
    place.end().await;
}

#[tokio::test]
async fn two_who_use_one_link_at_once_get_one_account() {
    let place = Place::demo().await;
    place.sign_up("ada@lovelace.test").await;
    let token = place.mailed_token("ada@lovelace.test", "sign_up").await;
    let tries = futures_util::future::join_all((0..4).map(|_| place.try_register(&token, PASSWORD))).await;
    let (won, lost): (Vec<_>, Vec<_>) = tries.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    for refused in lost {
        assert_eq!(code(refused), invalid());
    }
    place.end().await;
}

#[tokio::test]
async fn a_mail_is_rendered_again_with_the_same_link_until_it_is_used() {
    let place = Place::demo().await;
    place.sign_up("ada@lovelace.test").await;
    let path = place.mailed_path("ada@lovelace.test", "sign_up").await;
    assert_eq!(place.mailed_path("ada@lovelace.test", "sign_up").await, path);

    let issued = |event: &portico_proto::events::v1::Envelope| {
        let Some(portico_proto::events::v1::event_body::Body::Identity(body)) = portico_chassis::events::body(event) else { return false };
        matches!(&body.event, Some(Event::LinkIssued(link)) if link.kind == "sign_up")
    };
    let event = place.journal().await.into_iter().find(issued).unwrap();
    let mut renderer = RenderServiceClient::new(place.channel.clone());
    let message = RenderForRequest { portal: "demo".into(), event_id: event.event_id, recipient: key(), kind: "sign_up".into() };
    let mail = renderer.render_for(place.service("notifier", message.clone())).await.unwrap().into_inner();
    assert_eq!((mail.to_address.as_str(), mail.action_path.as_str()), ("ada@lovelace.test", path.as_str()));
    assert!(mail.subject.contains("demo support desk") && !mail.intro.is_empty());

    place.try_register(path.rsplit('/').next().unwrap(), PASSWORD).await.unwrap();
    assert_eq!(refusal(renderer.render_for(place.service("notifier", message)).await).http_status(), 404);
    let link = place.links_of("ada@lovelace.test", "sign_up").await.pop().unwrap();
    assert_eq!(refusal(place.try_render(&link).await).http_status(), 404);
    place.end().await;
}
