//! Claims: who is told of them, how many wait, and until when (S60).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests end at the first surprise")]

use crate::kit::door::{PROVEN, ingest, message, settled};
use crate::kit::{PORTAL, World, agent, customer};
use portico_chassis::auth::Person;
use portico_chassis::testing::eventually;
use portico_proto::common::v1::Role;
use portico_proto::identity::v1::{PersonFacts, PersonStatus};
use portico_proto::notifier::v1::{
    CountInboundMailsRequest, CountInboundMailsResponse, DropInboundMailRequest, InboundState, ListNotificationsRequest, Notification,
};
use portico_proto::tickets::v1::{MailOutcome, SubmitMailResponse};
use tonic::Code;

const DOOR: &str = "support@demo.portico.test";

/// Identity knows somebody.
fn known(world: &World, person: &Person, email: &str, role: Role) {
    let facts = PersonFacts {
        id: person.id.to_string(),
        email: email.into(),
        name: person.name.clone(),
        locale: "en".into(),
        role: role.into(),
        status: PersonStatus::Active.into(),
        ..PersonFacts::default()
    };
    world.identity.people.lock().unwrap().insert(person.id.to_string(), facts);
}

async fn bell(world: &World, person: &Person) -> Vec<Notification> {
    let request = ListNotificationsRequest { portal: PORTAL.into(), ..ListNotificationsRequest::default() };
    world.notifications().list_notifications(world.stage.as_person(person, request)).await.unwrap().into_inner().items
}

async fn counts(world: &World) -> CountInboundMailsResponse {
    let request = CountInboundMailsRequest { portal: PORTAL.into() };
    world.inbound().count_inbound_mails(world.stage.as_person(&agent(1), request)).await.unwrap().into_inner()
}

/// S60: a claim rings for whoever decides, until somebody decided; who is no longer of the team hears nothing.
#[tokio::test]
async fn whoever_decides_about_a_claim_is_told_of_it() {
    let world = World::new().await;
    let (ann, former) = (agent(1), customer(2));
    known(&world, &ann, "ann@demo.test", Role::Agent);
    known(&world, &former, "former@demo.test", Role::Customer);
    world.tickets.with(|state| {
        state.outcomes.push(Ok(SubmitMailResponse {
            outcome: MailOutcome::Claimed.into(),
            number: "DEMO-7".into(),
            reason: "not_on_ticket".into(),
            decider_ids: vec![ann.id.to_string(), former.id.to_string()],
            ..SubmitMailResponse::default()
        }));
    });
    let id = ingest(&world, message("k1@acme.test", DOOR, PROVEN, "It is me.")).await;
    let claim = settled(&world, &id).await;
    assert_eq!((claim.state(), claim.reason.as_str()), (InboundState::Claimed, "not_on_ticket"));
    assert_eq!(claim.excerpt, "It is me.");
    let lasts = claim.lapses_at.unwrap().seconds - claim.received_at.unwrap().seconds;
    assert!((14 * 86_400..14 * 86_400 + 600).contains(&lasts), "{lasts}");

    let mark = eventually("the mark", async || bell(&world, &ann).await.pop()).await;
    assert_eq!(mark.title, "A mail wants to join DEMO-7: accept it or drop it");
    assert_eq!((mark.url.as_str(), mark.ticket_number.as_str(), mark.read), ("/desk/demo/mail", "", false));
    eventually("the other mark to be withdrawn", async || (world.count("cancelled").await == 1).then_some(())).await;
    assert!(bell(&world, &former).await.is_empty());
    assert_eq!(world.count("pending").await, 0, "it rings and mails nobody");
    assert!(world.sink.caught().is_empty());

    assert_eq!(counts(&world).await, CountInboundMailsResponse { claimed: 1, quarantined: 0 });
    let poison = ingest(&world, b"\xff\xfe no header at all".to_vec()).await;
    assert_eq!(settled(&world, &poison).await.state(), InboundState::Quarantined);
    assert_eq!(counts(&world).await, CountInboundMailsResponse { claimed: 1, quarantined: 1 });
    let drop = DropInboundMailRequest { portal: PORTAL.into(), request_id: "d1".into(), message_id: id };
    let dropped = world.inbound().drop_inbound_mail(world.stage.as_person(&ann, drop)).await.unwrap().into_inner();
    assert_eq!((dropped.state(), dropped.lapses_at, dropped.excerpt.as_str()), (InboundState::Ignored, None, ""));
    assert_eq!(counts(&world).await.claimed, 0);
    eventually("the mark to go", async || bell(&world, &ann).await.is_empty().then_some(())).await;

    let request = CountInboundMailsRequest { portal: PORTAL.into() };
    let refused = world.inbound().count_inbound_mails(world.stage.as_person(&former, request)).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    world.end().await;
}
