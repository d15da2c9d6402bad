//! A change of the settings is committed once everybody who obeys it has agreed.

use portico_chassis::testing::Stage;
use portico_proto::common::v1::SettingsProblem;
use portico_proto::identity::v1::*;
use serde_json::{Value, json};

use crate::kit::*;
use crate::readers::Reader;

fn patch(patch: &Value) -> PatchSettingsRequest {
    PatchSettingsRequest { portal: "demo".into(), request_id: key(), etag: String::new(), patch_json: patch.to_string() }
}

/// Portal `demo` on a stage where tickets and knowledge answer, and community and notifier are down.
async fn place(tickets: &Reader, knowledge: &Reader) -> (Place, Who) {
    let mut stage = Stage::new().await;
    stage.peer("tickets", tickets.serve().await);
    stage.peer("knowledge", knowledge.serve().await);
    let place = Place::start(stage).await;
    place.create_portal("demo", "helpdesk").await;
    place.import("admin@demo.test", portico_proto::common::v1::Role::Admin, "", Default::default()).await;
    let admin = place.admin().await;
    (place, admin)
}

#[tokio::test]
async fn a_reader_that_can_t_live_with_a_document_keeps_it_from_being_committed() {
    let (tickets, knowledge) = (Reader::default(), Reader::default());
    let (place, admin) = place(&tickets, &knowledge).await;
    let change = json!({"timers": {"auto_resolve_seconds": 5}});
    let problem = SettingsProblem { field: "timers.auto_resolve_seconds".into(), code: "conflict".into(), message: "Too short.".into() };
    *tickets.problems.lock().unwrap() = vec![problem];
    let fields = wrong_fields(place.portals().patch_settings(place.by(&admin, patch(&change))).await);
    assert_eq!(fields, [("timers.auto_resolve_seconds".to_owned(), "conflict".to_owned())]);
    let read = || GetSettingsRequest { portal: "demo".into() };
    let kept = place.portals().get_settings(place.by(&admin, read())).await.unwrap().into_inner();
    assert!(!kept.settings_json.contains("\"auto_resolve_seconds\":5"), "nothing was committed");

    tickets.problems.lock().unwrap().clear();
    place.portals().patch_settings(place.by(&admin, patch(&change))).await.unwrap();
    let asked = tickets.asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[1]["timers"]["auto_resolve_seconds"], 5, "the reader sees the document as it will stand");
    assert!(knowledge.asked.lock().unwrap().is_empty(), "who does not read a member is not asked about it");
    place.end().await;
}

#[tokio::test]
async fn a_reader_that_is_down_is_needed_for_its_own_part_only() {
    let (tickets, knowledge) = (Reader::default(), Reader::default());
    let (place, admin) = place(&tickets, &knowledge).await;
    let inbound = patch(&json!({"inbound": {"address": "help@acme.test"}}));
    let refused = refusal(place.portals().patch_settings(place.by(&admin, inbound)).await);
    assert_eq!(refused.http_status(), 503);
    let timers = patch(&json!({"timers": {"auto_resolve_seconds": 5}}));
    let first = place.portals().patch_settings(place.by(&admin, timers.clone())).await.unwrap().into_inner();
    // The same request again is answered without asking anybody.
    let again = place.portals().patch_settings(place.by(&admin, timers)).await.unwrap().into_inner();
    assert_eq!(first.etag, again.etag);
    assert_eq!(tickets.asked.lock().unwrap().len(), 1);
    let colour = patch(&json!({"branding": {"accent": "#123456"}}));
    place.portals().patch_settings(place.by(&admin, colour)).await.unwrap();
    place.end().await;
}
