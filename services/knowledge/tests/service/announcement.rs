//! Announcements (AN-1).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests end at the first surprise")]

use crate::kit::{Kit, PORTAL, acme, agent, alice, carol, code, group, request_id};
use portico_chassis::auth::Person;
use portico_proto::knowledge::v1::{self as wire, Audience, SearchKind, Severity};
use prost_types::Timestamp;
use tonic::Code;

fn create(title: &str) -> wire::CreateAnnouncementRequest {
    wire::CreateAnnouncementRequest { portal: PORTAL.into(), request_id: request_id(), title: title.into(), ..Default::default() }
}

fn year(year: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds: (year - 1970) * 31_557_600, nanos: 0 })
}

async fn announce(kit: &Kit, request: wire::CreateAnnouncementRequest) -> wire::Announcement {
    kit.announcements().create_announcement(kit.stage.as_person(&agent(), request)).await.unwrap().into_inner()
}

async fn titles(kit: &Kit, who: Option<&Person>, message: wire::ListAnnouncementsRequest) -> Vec<String> {
    let request = match who {
        Some(person) => kit.stage.as_person(person, message),
        None => kit.stage.as_guest("x", message),
    };
    let list = kit.announcements().list_announcements(request).await.unwrap().into_inner();
    list.announcements.into_iter().map(|it| it.title).collect()
}

fn all() -> wire::ListAnnouncementsRequest {
    wire::ListAnnouncementsRequest { portal: PORTAL.into(), include_all: true, ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_sees_what_is_valid_and_meant_for_them() {
    let kit = Kit::start().await;
    announce(&kit, create("Everybody")).await;
    let acme_only = wire::CreateAnnouncementRequest {
        audience: Audience::Organizations.into(),
        organizations: vec![acme()],
        severity: Severity::Critical.into(),
        ..create("For ACME")
    };
    announce(&kit, acme_only).await;
    announce(&kit, wire::CreateAnnouncementRequest { valid_from: year(2090), ..create("Later") }).await;
    announce(&kit, wire::CreateAnnouncementRequest { valid_from: year(2020), valid_until: year(2021), ..create("Ended") }).await;
    let (acme_person, globex, staff) = (alice(), carol(), agent());
    assert_eq!(titles(&kit, None, all()).await, ["Everybody"]);
    assert_eq!(titles(&kit, Some(&globex), all()).await, ["Everybody"]);
    assert_eq!(titles(&kit, Some(&acme_person), all()).await, ["For ACME", "Everybody"]);
    assert_eq!(titles(&kit, Some(&staff), all()).await, ["Later", "For ACME", "Everybody", "Ended"]);
    // The search follows the same rules: what is over or to come is not found.
    kit.settle().await;
    for (word, total) in [("everybody", 1), ("later", 0), ("ended", 0), ("acme", 0)] {
        assert_eq!(group(&kit.search(None, word).await, SearchKind::Announcements).total, total, "{word}");
    }
    assert_eq!(group(&kit.search(Some(&acme_person), "acme").await, SearchKind::Announcements).total, 1);
    kit.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_person_dismisses_for_themselves() {
    let kit = Kit::start().await;
    let announcement = announce(&kit, create("Maintenance")).await;
    let dismiss =
        |id: &str| wire::DismissAnnouncementRequest { portal: PORTAL.into(), request_id: request_id(), announcement_id: id.into() };
    assert_eq!(
        code(kit.announcements().dismiss_announcement(kit.stage.as_guest("x", dismiss(&announcement.id))).await),
        Code::Unauthenticated
    );
    for _ in 0..2 {
        kit.announcements().dismiss_announcement(kit.stage.as_person(&alice(), dismiss(&announcement.id))).await.unwrap();
    }
    let undismissed = wire::ListAnnouncementsRequest { undismissed_only: true, ..all() };
    let (acme_person, globex) = (alice(), carol());
    assert!(titles(&kit, Some(&acme_person), undismissed.clone()).await.is_empty());
    assert_eq!(titles(&kit, Some(&globex), undismissed).await, ["Maintenance"]);
    let get = || wire::GetAnnouncementRequest { portal: PORTAL.into(), announcement_id: announcement.id.clone() };
    let seen = |answer: tonic::Response<wire::Announcement>| answer.into_inner().dismissed;
    assert!(seen(kit.announcements().get_announcement(kit.stage.as_person(&alice(), get())).await.unwrap()));
    assert!(!seen(kit.announcements().get_announcement(kit.stage.as_guest("x", get())).await.unwrap()));
    kit.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_change_and_remove_announcements() {
    let kit = Kit::start().await;
    let announcement = announce(&kit, wire::CreateAnnouncementRequest { valid_until: year(2090), ..create("Maintenance") }).await;
    let change = wire::UpdateAnnouncementRequest {
        portal: PORTAL.into(),
        request_id: request_id(),
        etag: announcement.etag.clone(),
        announcement_id: announcement.id.clone(),
        title: Some("Maintenance tonight".into()),
        severity: Some(Severity::Warning.into()),
        clear_valid_until: true,
        ..Default::default()
    };
    let after = kit.announcements().update_announcement(kit.stage.as_person(&agent(), change.clone())).await.unwrap().into_inner();
    assert_eq!(
        (after.title.as_str(), after.severity(), after.valid_until, after.version),
        ("Maintenance tonight", Severity::Warning, None, 2)
    );
    let stale = wire::UpdateAnnouncementRequest { request_id: request_id(), title: Some("Other".into()), ..change };
    assert_eq!(code(kit.announcements().update_announcement(kit.stage.as_person(&agent(), stale)).await), Code::Aborted);
    assert_eq!(code(kit.announcements().create_announcement(kit.stage.as_person(&alice(), create("x"))).await), Code::PermissionDenied);
    let delete = wire::DeleteAnnouncementRequest {
        portal: PORTAL.into(),
        request_id: request_id(),
        etag: String::new(),
        announcement_id: announcement.id,
    };
    kit.announcements().delete_announcement(kit.stage.as_person(&agent(), delete.clone())).await.unwrap();
    kit.announcements().delete_announcement(kit.stage.as_person(&agent(), delete)).await.unwrap();
    assert!(titles(&kit, None, all()).await.is_empty());
    kit.end().await;
}
