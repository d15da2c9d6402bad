//! Organisations and members (IA-14).

use portico_proto::common::v1::{PageRequest, Role, Visibility};
use portico_proto::identity::v1::*;

use crate::kit::*;

fn create(name: &str) -> CreateOrganizationRequest {
    CreateOrganizationRequest { portal: "demo".into(), request_id: key(), name: name.into(), domains: vec![" ACME.test".into()] }
}

#[tokio::test]
async fn an_organisation_has_one_name_in_a_portal() {
    let place = Place::demo().await;
    let admin = place.admin().await;
    let made = place.organizations().create_organization(place.by(&admin, create(" ACME "))).await.unwrap().into_inner();
    assert_eq!((made.name.as_str(), made.domains.as_slice()), ("ACME", &["acme.test".to_owned()][..]));
    let again = place.organizations().create_organization(place.by(&admin, create("acme"))).await;
    assert_eq!(code(again), (409, "name_taken".into()));
    let wrong = CreateOrganizationRequest { domains: vec!["not a domain".into()], ..create("") };
    let wrong = wrong_fields(place.organizations().create_organization(place.by(&admin, wrong)).await);
    assert_eq!(wrong, [("name".to_owned(), "required".to_owned()), ("domains".to_owned(), "invalid".to_owned())]);

    for name in ["Beta", "alpha", "Gamma_x"] {
        place.organizations().create_organization(place.by(&admin, create(name))).await.unwrap();
    }
    let list = |query: &str, token: &str| ListOrganizationsRequest {
        portal: "demo".into(),
        page: Some(PageRequest { page_size: 3, page_token: token.into() }),
        query: query.into(),
    };
    let first = place.organizations().list_organizations(place.by(&admin, list("", ""))).await.unwrap().into_inner();
    let second = place.organizations().list_organizations(place.by(&admin, list("", &first.next_page_token))).await.unwrap().into_inner();
    let names: Vec<String> = first.organizations.into_iter().chain(second.organizations).map(|one| one.name).collect();
    assert_eq!(names, ["ACME", "alpha", "Beta", "Gamma_x"]);
    let found = place.organizations().list_organizations(place.by(&admin, list("gamma_", ""))).await.unwrap().into_inner();
    assert_eq!(found.organizations.len(), 1);
    place.end().await;
}

#[tokio::test]
async fn members_are_set_moved_and_taken_out_and_see_what_they_may() {
    let place = Place::demo().await;
    let admin = place.admin().await;
    place.import("bob@acme.test", Role::Customer, "ACME", Visibility::Organization).await;
    let dora = place.import("dora@acme.test", Role::Customer, "ACME", Visibility::Own).await;
    let carol = place.import("carol@globex.test", Role::Customer, "Globex", Visibility::Organization).await;
    let (acme, globex) = (dora.organization.clone().unwrap().id, carol.organization.unwrap().id);

    let members = |organization: &str| ListMembersRequest { portal: "demo".into(), organization_id: organization.into(), page: None };
    let bob = place.login("bob@acme.test").await;
    let seen = place.organizations().list_members(place.by(&bob, members(&acme))).await.unwrap().into_inner().members;
    assert_eq!(seen.len(), 2);
    assert_eq!(refusal(place.organizations().list_members(place.by(&bob, members(&globex))).await).http_status(), 404);
    let get = |organization: &str| GetOrganizationRequest { portal: "demo".into(), organization_id: organization.into() };
    assert_eq!(place.organizations().get_organization(place.by(&bob, get(&acme))).await.unwrap().into_inner().name, "ACME");
    assert_eq!(refusal(place.organizations().get_organization(place.by(&bob, get(&globex))).await).http_status(), 404);
    let dora_in = place.login("dora@acme.test").await;
    assert_eq!(refusal(place.organizations().list_members(place.by(&dora_in, members(&acme))).await).http_status(), 403);

    let set = SetMemberRequest {
        portal: "demo".into(),
        request_id: key(),
        organization_id: globex.clone(),
        person_id: dora.id.clone(),
        visibility: 0,
    };
    let moved = place.organizations().set_member(place.by(&admin, set.clone())).await.unwrap().into_inner();
    assert_eq!((moved.organization.unwrap().id.as_str(), moved.visibility), (globex.as_str(), Visibility::Own.into()));
    assert_eq!(refusal(place.organizations().set_member(place.by(&bob, set)).await).http_status(), 403);
    let remove = |organization: &str| RemoveMemberRequest {
        portal: "demo".into(),
        request_id: key(),
        organization_id: organization.into(),
        person_id: dora.id.clone(),
    };
    assert_eq!(refusal(place.organizations().remove_member(place.by(&admin, remove(&acme))).await).http_status(), 404);
    let out = place.organizations().remove_member(place.by(&admin, remove(&globex))).await.unwrap().into_inner();
    assert_eq!(out.organization, None);
    place.end().await;
}
