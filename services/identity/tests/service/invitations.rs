//! Invitations: who may invite whom, sending again, taking back.

use portico_proto::common::v1::{PageRequest, Role, Visibility};
use portico_proto::identity::v1::*;
use time::Duration;
use tonic::{Response, Status};

use crate::kit::*;

fn invite(email: &str, role: Role) -> CreateInvitationRequest {
    CreateInvitationRequest { portal: "demo".into(), request_id: key(), email: email.into(), role: role.into(), ..Default::default() }
}

async fn create(place: &Place, who: &Who, message: CreateInvitationRequest) -> Result<Response<Invitation>, Status> {
    place.invitations().create_invitation(place.by(who, message)).await
}

async fn resend(place: &Place, who: &Who, id: &str) -> Result<Response<Invitation>, Status> {
    let message = ResendInvitationRequest { portal: "demo".into(), request_id: key(), invitation_id: id.into() };
    place.invitations().resend_invitation(place.by(who, message)).await
}

async fn revoke(place: &Place, who: &Who, id: &str) -> Result<Response<Invitation>, Status> {
    let message = RevokeInvitationRequest { portal: "demo".into(), request_id: key(), invitation_id: id.into() };
    place.invitations().revoke_invitation(place.by(who, message)).await
}

async fn list(place: &Place, who: &Who, status: InvitationStatus) -> Vec<Invitation> {
    let message = ListInvitationsRequest { portal: "demo".into(), page: None, status: status.into() };
    place.invitations().list_invitations(place.by(who, message)).await.unwrap().into_inner().invitations
}

#[tokio::test]
async fn agents_invite_customers_and_only_administrators_invite_staff() {
    let place = Place::demo().await;
    let admin = place.admin().await;
    place.import("agent@demo.test", Role::Agent, "", Visibility::Unspecified).await;
    let agent = place.login("agent@demo.test").await;
    let alice = place.customer("alice@acme.test").await;
    assert_eq!(refusal(create(&place, &alice, invite("x@acme.test", Role::Customer)).await).http_status(), 403);
    assert_eq!(refusal(create(&place, &agent, invite("x@acme.test", Role::Agent)).await).http_status(), 403);
    let customer = create(&place, &agent, invite("x@acme.test", Role::Unspecified)).await.unwrap().into_inner();
    assert_eq!((customer.role(), customer.status()), (Role::Customer, InvitationStatus::Pending));
    create(&place, &admin, invite("new-agent@demo.test", Role::Agent)).await.unwrap();
    let token = place.mailed_token("new-agent@demo.test", "invite").await;
    assert_eq!(place.try_register(&token, PASSWORD).await.unwrap().into_inner().user.unwrap().role(), Role::Agent);
    let unknown = CreateInvitationRequest { organization_id: key(), ..invite("y@acme.test", Role::Customer) };
    assert_eq!(wrong_fields(create(&place, &agent, unknown).await), [("organization".to_owned(), "unknown".to_owned())]);
    place.end().await;
}

#[tokio::test]
async fn a_customer_who_sees_the_organisation_invites_into_it_and_learns_nothing_about_addresses() {
    let place = Place::demo().await;
    place.import("bob@acme.test", Role::Customer, "ACME", Visibility::Organization).await;
    let carol = place.import("carol@globex.test", Role::Customer, "Globex", Visibility::Own).await;
    let bob = place.login("bob@acme.test").await;
    let fresh = create(&place, &bob, invite("dora@acme.test", Role::Customer)).await.unwrap().into_inner();
    assert_eq!(fresh.organization.as_ref().unwrap().name, "ACME");
    let known = create(&place, &bob, invite("carol@globex.test", Role::Customer)).await.unwrap().into_inner();
    // The two answers differ in id and address alone (S03).
    let (id, email) = (known.id.clone(), known.email.clone());
    assert_eq!(Invitation { id, email, created_at: known.created_at, expires_at: known.expires_at, ..fresh.clone() }, known);
    assert!(place.links_of("carol@globex.test", "invite").await.is_empty());

    let foreign = CreateInvitationRequest { organization_id: carol.organization.unwrap().id, ..invite("eve@acme.test", Role::Customer) };
    assert_eq!(wrong_fields(create(&place, &bob, foreign).await), [("organization".to_owned(), "not_allowed".to_owned())]);
    assert_eq!(refusal(create(&place, &bob, invite("eve@acme.test", Role::Agent)).await).http_status(), 403);

    // Their own invitations are all they see and act on.
    let admin = place.admin().await;
    let foreign = create(&place, &admin, invite("other@x.test", Role::Customer)).await.unwrap().into_inner();
    assert_eq!(list(&place, &bob, InvitationStatus::Unspecified).await.len(), 2);
    assert_eq!(refusal(revoke(&place, &bob, &foreign.id).await).http_status(), 404);
    resend(&place, &bob, &known.id).await.unwrap();
    assert!(place.links_of("carol@globex.test", "invite").await.is_empty());
    let token = place.mailed_token("dora@acme.test", "invite").await;
    let dora = place.try_register(&token, PASSWORD).await.unwrap().into_inner().user.unwrap();
    assert_eq!(dora.organization.unwrap().name, "ACME");
    place.end().await;
}

#[tokio::test]
async fn sending_again_kills_the_older_link_and_taking_back_kills_it_for_good() {
    let place = Place::demo().await;
    let admin = place.admin().await;
    let made = create(&place, &admin, invite("bob@acme.test", Role::Customer)).await.unwrap().into_inner();
    let first = place.mailed_token("bob@acme.test", "invite").await;
    place.clock.advance(Duration::days(2));
    let admin = place.admin().await;
    let again = resend(&place, &admin, &made.id).await.unwrap().into_inner();
    assert_eq!(again.id, made.id);
    let days = (again.expires_at.unwrap().seconds - made.expires_at.unwrap().seconds) / 86_400;
    assert_eq!(days, 2);
    let second = place.mailed_token("bob@acme.test", "invite").await;
    assert_eq!(code(place.try_register(&first, PASSWORD).await), (404, "link_invalid".into()));

    let revoked = revoke(&place, &admin, &made.id).await.unwrap().into_inner();
    assert_eq!(revoked.status(), InvitationStatus::Revoked);
    assert_eq!(code(place.try_register(&second, PASSWORD).await), (404, "link_invalid".into()));
    assert_eq!(code(resend(&place, &admin, &made.id).await), (409, "invalid_transition".into()));
    assert_eq!(code(revoke(&place, &admin, &made.id).await), (409, "invalid_transition".into()));
    place.end().await;
}

#[tokio::test]
async fn staff_are_told_of_an_account_and_a_newer_invitation_takes_the_place_of_the_older() {
    let place = Place::demo().await;
    let admin = place.admin().await;
    let mallory = place.customer("mallory@acme.test").await;
    assert_eq!(code(create(&place, &admin, invite("mallory@acme.test", Role::Customer)).await), (409, "already_registered".into()));
    // S12: no invitation revives a suspended account.
    place.suspend(&mallory.id()).await;
    assert_eq!(code(create(&place, &admin, invite("mallory@acme.test", Role::Customer)).await), (409, "already_registered".into()));

    create(&place, &admin, invite("bob@acme.test", Role::Customer)).await.unwrap();
    let first = place.mailed_token("bob@acme.test", "invite").await;
    create(&place, &admin, invite("bob@acme.test", Role::Agent)).await.unwrap();
    assert_eq!(code(place.try_register(&first, PASSWORD).await), (404, "link_invalid".into()));
    let second = place.mailed_token("bob@acme.test", "invite").await;
    assert_eq!(place.try_register(&second, PASSWORD).await.unwrap().into_inner().user.unwrap().role(), Role::Agent);
    place.end().await;
}

#[tokio::test]
async fn invitations_are_listed_by_what_became_of_them() {
    let place = Place::demo().await;
    let admin = place.admin().await;
    for name in ["accepted", "revoked", "expired"] {
        create(&place, &admin, invite(&format!("{name}@x.test"), Role::Customer)).await.unwrap();
    }
    let token = place.mailed_token("accepted@x.test", "invite").await;
    place.try_register(&token, PASSWORD).await.unwrap();
    let all = list(&place, &admin, InvitationStatus::Unspecified).await;
    let revoked = all.iter().find(|invitation| invitation.email == "revoked@x.test").unwrap();
    revoke(&place, &admin, &revoked.id).await.unwrap();
    place.clock.advance(Duration::days(8));
    let admin = place.admin().await;
    create(&place, &admin, invite("pending@x.test", Role::Customer)).await.unwrap();
    for (status, email) in [
        (InvitationStatus::Accepted, "accepted@x.test"),
        (InvitationStatus::Revoked, "revoked@x.test"),
        (InvitationStatus::Pending, "pending@x.test"),
    ] {
        let found: Vec<String> = list(&place, &admin, status).await.into_iter().map(|invitation| invitation.email).collect();
        assert_eq!(found, [email]);
    }
    // The first administrator's of the portal ran out as well.
    assert_eq!(list(&place, &admin, InvitationStatus::Expired).await.len(), 2);
    let page = |token: &str| ListInvitationsRequest {
        portal: "demo".into(),
        page: Some(PageRequest { page_size: 3, page_token: token.into() }),
        status: 0,
    };
    let first = place.invitations().list_invitations(place.by(&admin, page(""))).await.unwrap().into_inner();
    let second = place.invitations().list_invitations(place.by(&admin, page(&first.next_page_token))).await.unwrap().into_inner();
    assert_eq!((first.invitations.len(), second.invitations.len(), second.next_page_token.as_str()), (3, 2, ""));
    place.end().await;
}

async fn renew(place: &Place, token: &str) {
    let message = RenewLinkRequest { portal: "demo".into(), request_id: key(), token: token.into() };
    assert_eq!(place.accounts().renew_link(place.guest(message)).await.unwrap().into_inner(), RenewLinkResponse {});
}

#[tokio::test]
async fn an_invitation_that_only_expired_is_sent_again_to_its_own_address_and_no_other_link_is() {
    // A page of a dead link has a button that asks for a new one. S11, S12.
    let place = Place::demo().await;
    let admin = place.admin().await;
    let sent = |email: &'static str| {
        let (place, admin) = (&place, &admin);
        async move {
            let made = create(place, admin, invite(email, Role::Customer)).await.unwrap().into_inner();
            (made.id, place.mailed_token(email, "invite").await)
        }
    };
    let (_, late) = sent("late@x.test").await;
    let (revoked, dead) = sent("revoked@x.test").await;
    let (_, used) = sent("used@x.test").await;
    revoke(&place, &admin, &revoked).await.unwrap();
    place.try_register(&used, PASSWORD).await.unwrap();
    // It works still: nothing is sent.
    renew(&place, &late).await;
    assert_eq!(place.links_of("late@x.test", "invite").await.len(), 1);

    place.clock.advance(Duration::days(8));
    for token in [late.as_str(), &dead, &used, "never real", ""] {
        renew(&place, token).await;
    }
    assert_eq!(place.links_of("late@x.test", "invite").await.len(), 2);
    assert_eq!(place.links_of("revoked@x.test", "invite").await.len(), 1);
    assert_eq!(place.links_of("used@x.test", "invite").await.len(), 1);
    let fresh = place.mailed_token("late@x.test", "invite").await;
    assert_ne!(fresh, late);
    assert_eq!(code(place.try_register(&late, PASSWORD).await), (404, "link_invalid".into()));
    assert_eq!(place.try_register(&fresh, PASSWORD).await.unwrap().into_inner().user.unwrap().email, "late@x.test");
    place.end().await;
}
