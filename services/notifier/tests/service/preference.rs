//! Preferences, and that every method has a permission.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests end at the first surprise")]

use std::collections::{BTreeSet, HashMap};

use crate::kit::{PORTAL, World, agent, customer};
use portico_chassis::error::Error;
use portico_chassis::grpc::Permission;
use portico_chassis::testing::check_permissions;
use portico_proto::notifier::v1::{
    GetDeliveryCountersRequest, GetInboundMailRequest, GetPreferencesRequest, ListFailedDeliveriesRequest, PutPreferencesRequest,
};
use tonic::Code;

fn put(request_id: &str, mail: &[(&str, bool)], bell: &[(&str, bool)], etag: &str) -> PutPreferencesRequest {
    let map = |pairs: &[(&str, bool)]| pairs.iter().map(|(key, on)| ((*key).to_owned(), *on)).collect::<HashMap<_, _>>();
    PutPreferencesRequest { portal: PORTAL.into(), request_id: request_id.into(), etag: etag.into(), mail: map(mail), bell: map(bell) }
}

#[tokio::test]
async fn a_choice_is_kept_until_it_is_changed() {
    let world = World::new().await;
    let alice = customer(1);
    let get = || world.stage.as_person(&alice, GetPreferencesRequest { portal: PORTAL.into() });
    let mut client = world.preferences();
    let defaults = client.get_preferences(get()).await.unwrap().into_inner();
    assert!(defaults.mail.values().chain(defaults.bell.values()).all(|on| *on) && defaults.mail.contains_key("receipt"));
    assert_eq!(defaults.etag, "0");

    let first =
        client.put_preferences(world.stage.as_person(&alice, put("r1", &[("receipt", false)], &[("closed", false)], ""))).await.unwrap();
    assert_eq!((first.get_ref().mail["receipt"], first.get_ref().bell["closed"], first.get_ref().mail["closed"]), (false, false, true));
    let again =
        client.put_preferences(world.stage.as_person(&alice, put("r1", &[("receipt", false)], &[("closed", false)], ""))).await.unwrap();
    assert_eq!(again.get_ref(), first.get_ref());
    let second =
        client.put_preferences(world.stage.as_person(&alice, put("r2", &[], &[("closed", false)], &first.get_ref().etag))).await.unwrap();
    assert!(second.get_ref().mail["receipt"] && !second.get_ref().bell["closed"]);
    let stale = client.put_preferences(world.stage.as_person(&alice, put("r3", &[], &[], &first.get_ref().etag))).await.unwrap_err();
    assert_eq!(stale.code(), Code::Aborted);
    assert_eq!(client.get_preferences(get()).await.unwrap().into_inner(), second.into_inner());
    let other = client.get_preferences(world.stage.as_person(&customer(2), GetPreferencesRequest { portal: PORTAL.into() })).await.unwrap();
    assert_eq!(other.into_inner(), defaults);
    world.end().await;
}

#[tokio::test]
async fn what_is_no_choice_is_named() {
    let world = World::new().await;
    let request = put("r1", &[("password_reset", false), ("nonsense", true)], &[("receipt", false)], "");
    let refused = world.preferences().put_preferences(world.stage.as_person(&customer(1), request)).await.unwrap_err();
    let Error::Invalid(fields) = Error::from_status(&refused) else { panic!("{refused:?}") };
    let fields: BTreeSet<(String, String)> = fields.into_iter().map(|field| (field.field, field.code.into_owned())).collect();
    let expected = ["bell.receipt", "mail.nonsense", "mail.password_reset"].map(|field| (field.to_owned(), "unknown_field".to_owned()));
    assert_eq!(fields, BTreeSet::from(expected));
    world.end().await;
}

#[tokio::test]
async fn every_role_is_kept_to_its_methods() {
    let world = World::new().await;
    let counters = world.deliveries().get_delivery_counters(world.stage.as_person(&agent(1), GetDeliveryCountersRequest {})).await;
    assert_eq!(counters.unwrap_err().code(), Code::PermissionDenied);
    let failed = world.deliveries().list_failed_deliveries(world.stage.as_guest("x", ListFailedDeliveriesRequest::default())).await;
    assert_eq!(failed.unwrap_err().code(), Code::Unauthenticated);
    let mail = || GetInboundMailRequest { portal: PORTAL.into(), message_id: "a@b".into() };
    assert_eq!(
        world.inbound().get_inbound_mail(world.stage.as_person(&customer(1), mail())).await.unwrap_err().code(),
        Code::PermissionDenied
    );
    assert_eq!(world.inbound().get_inbound_mail(world.stage.as_person(&agent(1), mail())).await.unwrap_err().code(), Code::NotFound);
    world.end().await;
}

/// S01: who may call what, a second time. A row that is loosened, or tightened, must be changed here too, and so be meant.
#[test]
fn every_method_is_open_to_whom_it_is_meant_for() {
    let meant = [
        (Permission::Public, "InboundService/IngestMail"),
        (
            Permission::SignedIn,
            "NotificationsService/ListNotifications NotificationsService/GetUnreadCount \
             NotificationsService/MarkNotificationsRead PreferencesService/GetPreferences PreferencesService/PutPreferences",
        ),
        (
            Permission::Staff,
            "InboundService/GetInboundMail InboundService/ListInboundMails InboundService/CountInboundMails \
             InboundService/AcceptInboundMail InboundService/DropInboundMail",
        ),
        (
            Permission::Operator,
            "DeliveriesService/GetDeliveryCounters DeliveriesService/ListFailedDeliveries DeliveriesService/RetryDelivery",
        ),
    ];
    check_permissions("portico.notifier.v1", portico_notifier::api::PERMISSIONS, &meant);
}
