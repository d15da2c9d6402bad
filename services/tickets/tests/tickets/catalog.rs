//! The catalogue, groups and agents (CR-4, CR-12, LC-23).

use portico_chassis::testing::eventually;
use portico_proto::tickets::v1 as wire;
use portico_proto::tickets::v1::Status;

use crate::common::{World, fields, told};

#[tokio::test]
async fn an_administrator_builds_the_catalogue_and_a_ticket_uses_it() {
    let world = World::new().await;
    let portal = || "demo".to_owned();
    let department = wire::CreateDepartmentRequest { portal: portal(), request_id: world.key(), name: "Hardware".into() };
    let by_agent = told(world.catalog().create_department(world.stage.as_person(&world.agent, department.clone())).await);
    assert_eq!(by_agent.unwrap_err().http_status(), 403);
    let hardware = told(world.catalog().create_department(world.stage.as_person(&world.admin, department.clone())).await).unwrap();
    assert_eq!(told(world.catalog().create_department(world.stage.as_person(&world.admin, department)).await).unwrap(), hardware);
    let twice = wire::CreateDepartmentRequest { portal: portal(), request_id: world.key(), name: "HARDWARE".into() };
    assert_eq!(told(world.catalog().create_department(world.stage.as_person(&world.admin, twice)).await).unwrap_err().code(), "name_taken");
    let product = wire::CreateProductRequest {
        portal: portal(),
        request_id: world.key(),
        name: "Printers".into(),
        department_id: hardware.id.clone(),
    };
    let printers = told(world.catalog().create_product(world.stage.as_person(&world.admin, product)).await).unwrap();
    let category = wire::CreateCategoryRequest {
        portal: portal(),
        request_id: world.key(),
        name: "Paper".into(),
        product_id: printers.id.clone(),
        parent_id: String::new(),
    };
    let paper = told(world.catalog().create_category(world.stage.as_person(&world.admin, category)).await).unwrap();
    let group = wire::CreateGroupRequest { portal: portal(), request_id: world.key(), name: "Field".into() };
    let field = told(world.catalog().create_group(world.stage.as_person(&world.admin, group)).await).unwrap();

    let asked = wire::GetCatalogRequest { portal: portal() };
    let catalog = told(world.catalog().get_catalog(world.stage.as_guest("street", asked)).await).unwrap();
    assert_eq!((catalog.departments.len(), catalog.products.len(), catalog.categories.len()), (1, 1, 1));

    let request = wire::CreateTicketRequest { product_id: printers.id.clone(), category_id: paper.id.clone(), ..world.plain("Jam") };
    let made = world.create(&world.alice, request).await.unwrap();
    assert_eq!(made.department.unwrap().name, "Hardware");
    assert_eq!((made.product.unwrap().name.as_str(), made.category.unwrap().name.as_str()), ("Printers", "Paper"));
    let lost = wire::CreateTicketRequest { category_id: paper.id, ..world.plain("Jam") };
    assert_eq!(fields(&world.create(&world.alice, lost).await.unwrap_err()), ["category"]);

    let changes = wire::TicketChanges { group_id: field.id.clone(), ..Default::default() };
    let moved = world.update(&world.agent, &made.number, &["group_id"], changes).await.unwrap();
    assert_eq!((moved.status(), moved.group.unwrap().name.as_str()), (Status::Assigned, "Field"));
    let timeline = world.timeline(&world.alice, &made.number).await.unwrap();
    let change = timeline.iter().find(|item| item.kind() == wire::ItemKind::Change).unwrap();
    assert_eq!((change.changes[0].field.as_str(), change.changes[0].after.as_str()), ("group", "Field"));
    let filter = wire::TicketFilter { group_id: field.id, product_id: printers.id, ..Default::default() };
    assert_eq!(world.list(&world.agent, filter).await.unwrap(), [made.number]);
    world.end().await;
}

#[tokio::test]
async fn the_agents_of_the_portal_can_be_chosen() {
    let world = World::new().await;
    let names = eventually("the copies of the agents", || async {
        let asked = wire::ListAssignableAgentsRequest { portal: "demo".into() };
        let told = told(world.catalog().list_assignable_agents(world.stage.as_person(&world.agent, asked)).await).unwrap();
        let names: Vec<String> = told.agents.into_iter().map(|agent| agent.name).collect();
        (names.len() == 3).then_some(names)
    })
    .await;
    assert_eq!(names, ["Ada", "Agnes", "Aron"]);
    let number = world.create(&world.alice, world.plain("Whose?")).await.unwrap().number;
    let changes = wire::TicketChanges { assignee_id: world.agent2.id.to_string(), ..Default::default() };
    let given = world.update(&world.agent, &number, &["assignee_id"], changes).await.unwrap();
    assert_eq!(given.assignee.unwrap().name, "Aron");
    let mine = wire::TicketFilter { assignee: "me".into(), ..Default::default() };
    assert_eq!(world.list(&world.agent2, mine.clone()).await.unwrap(), [number]);
    assert!(world.list(&world.agent, mine).await.unwrap().is_empty());
    let refused =
        told(world.catalog().list_groups(world.stage.as_person(&world.alice, wire::ListGroupsRequest { portal: "demo".into() })).await);
    assert_eq!(refused.unwrap_err().http_status(), 403);
    world.end().await;
}
