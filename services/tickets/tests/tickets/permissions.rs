//! Every method has a permission, and the database guards what the code forgets (S01, S66c).

use std::collections::BTreeMap;

use portico_chassis::grpc::Permission;
use prost::Message;

use crate::common::World;

#[test]
fn every_method_of_the_contract_names_its_permission() {
    let set = prost_types::FileDescriptorSet::decode(portico_proto::DESCRIPTORS).unwrap();
    let mut methods: Vec<String> = Vec::new();
    for file in &set.file {
        if file.package() == "portico.tickets.v1" {
            for service in &file.service {
                methods.extend(service.method.iter().map(|method| format!("/portico.tickets.v1.{}/{}", service.name(), method.name())));
            }
        }
    }
    methods.push("/portico.common.v1.RenderService/RenderFor".into());
    methods.sort();
    let mut named: Vec<String> = portico_tickets::api::PERMISSIONS.iter().map(|(method, _)| (*method).to_owned()).collect();
    named.sort();
    assert_eq!(named, methods);
}

/// S01: who may call what, a second time. A row that is loosened, or tightened, must be changed here too, and so be meant.
#[test]
fn every_method_is_open_to_whom_it_is_meant_for() {
    let meant = [
        (Permission::Public, "CatalogService/GetCatalog TicketsService/CreateTicket"),
        (
            Permission::SignedIn,
            "TicketsService/GetTicket TicketsService/ListTickets TicketsService/CountTickets TicketsService/CloseTicket \
             TicketsService/ReopenTicket TicketsService/KeepTicketOpen TicketsService/RateTicket \
             TicketsService/CreateFollowUp TicketsService/MarkViewed ConversationService/AddComment \
             ConversationService/GetTimeline CollaboratorsService/ListCollaborators CollaboratorsService/AddCollaborator \
             CollaboratorsService/RemoveCollaborator CollaboratorsService/ConfirmCollaborator \
             AttachmentsService/GetAttachmentBlob AttachmentsService/ListAttachments",
        ),
        (Permission::Staff, "CatalogService/ListGroups CatalogService/ListAssignableAgents TicketsService/UpdateTicket"),
        (
            Permission::Admin,
            "CatalogService/CreateDepartment CatalogService/CreateProduct CatalogService/CreateCategory \
             CatalogService/CreateGroup",
        ),
        (Permission::Operator, "ImportService/ImportTicket"),
        (Permission::Services(&["identity"]), "GuestService/GetUnverifiedAddress"),
        (Permission::Services(&["notifier"]), "InboundService/SubmitMail RenderService/RenderFor"),
    ];
    let methods = meant.iter().flat_map(|(permission, methods)| methods.split_whitespace().map(|method| (method, *permission)));
    let rows = portico_tickets::api::PERMISSIONS.iter().map(|(method, permission)| (method.rsplit('.').next().unwrap(), *permission));
    assert_eq!(rows.collect::<BTreeMap<_, _>>(), methods.collect::<BTreeMap<_, _>>());
}

#[tokio::test]
async fn a_query_that_forgets_the_portal_finds_nothing() {
    let world = World::new().await;
    world.create(&world.alice, world.plain("Guarded")).await.unwrap();
    let mut conn = world.stage.inspect("tickets").await;
    let owner: String = sqlx::query_scalar("SELECT pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = current_database()")
        .fetch_one(&mut conn)
        .await
        .unwrap();
    sqlx::query(sqlx::AssertSqlSafe(format!("SET ROLE {owner}_app"))).execute(&mut conn).await.unwrap();
    for table in [
        "ticket",
        "item",
        "attachment",
        "collaborator",
        "ticket_words",
        "ticket_seen",
        "person",
        "organization",
        "department",
        "product",
        "category",
        "agent_group",
    ] {
        let sql = format!("SELECT count(*) FROM {table}");
        let seen: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&mut conn).await.unwrap();
        assert_eq!(seen, 0, "{table}");
    }
    sqlx::query("SELECT set_config('portico.portals', 'demo', false)").execute(&mut conn).await.unwrap();
    let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM ticket").fetch_one(&mut conn).await.unwrap();
    assert_eq!(seen, 1);
    world.end().await;
}
