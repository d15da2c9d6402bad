//! Every method has a permission, and the database guards what the code forgets (S01, S66c).

use portico_chassis::grpc::Permission;
use portico_chassis::testing::check_permissions;

use crate::common::World;

/// S01: who may call what, a second time. A row that is loosened, or tightened, must be changed here too, and so be meant.
#[test]
fn every_method_is_open_to_whom_it_is_meant_for() {
    let meant = [
        (Permission::Public, "CatalogService/GetCatalog TicketsService/CreateTicket"),
        (
            Permission::SignedIn,
            "TicketsService/GetTicket TicketsService/ListTickets TicketsService/CountTickets TicketsService/CloseTicket \
             TicketsService/ReopenTicket TicketsService/KeepTicketOpen TicketsService/RateTicket \
             TicketsService/SearchTickets TicketsService/CreateFollowUp TicketsService/MarkViewed ConversationService/AddComment \
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
    check_permissions("portico.tickets.v1", portico_tickets::api::PERMISSIONS, &meant);
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
