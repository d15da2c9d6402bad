//! Departments, products, categories and groups.

use axum::response::Response;
use portico_proto::tickets::v1 as proto;

use super::view::{Catalog, Column};
use crate::error::{Answer, Problem};
use crate::portal::posted::Posted;
use crate::portal::view::form::Form;
use crate::portal::view::ui::Choice;
use crate::portal::visit::Visit;

/// The catalogue.
pub async fn page(visit: Visit) -> Answer<Response> {
    visit.admin()?;
    let page = shown(visit.clone(), visit.form()).await?;
    visit.show(&page)
}

async fn shown(visit: Visit, form: Form) -> Answer<Catalog> {
    let portal = visit.portal();
    let (mut a, mut b) = (visit.call.clients().catalog(), visit.call.clients().catalog());
    let (catalog, groups) = tokio::join!(
        a.get_catalog(visit.call.grpc(proto::GetCatalogRequest { portal: portal.clone() })),
        b.list_groups(visit.call.grpc(proto::ListGroupsRequest { portal })),
    );
    let columns = columns(catalog?.into_inner(), groups?.into_inner().groups);
    Ok(Catalog { l: visit.layout("catalog"), form, columns })
}

fn columns(catalog: proto::GetCatalogResponse, groups: Vec<proto::NamedRef>) -> Vec<Column> {
    let departments: Vec<_> = catalog.departments.iter().map(|one| Choice::new(&one.id, &one.name)).collect();
    let products: Vec<_> = catalog.products.iter().map(|one| Choice::new(&one.id, &one.name)).collect();
    let name =
        |list: &[Choice], id: &str| list.iter().find(|choice| choice.value == id).map(|choice| choice.label.clone()).unwrap_or_default();
    let category = |one: &proto::Category| Choice::new(name(&products, &one.product_id), &one.name);
    vec![
        Column {
            kind: "department",
            title: "Departments",
            add: "New department",
            items: departments.iter().map(|one| Choice::new("", &one.label)).collect(),
            ..Column::default()
        },
        Column {
            kind: "product",
            title: "Products",
            add: "New product",
            parent: "Department",
            items: catalog.products.iter().map(|one| Choice::new(name(&departments, &one.department_id), &one.name)).collect(),
            parents: departments.clone(),
        },
        Column {
            kind: "category",
            title: "Categories",
            add: "New category",
            parent: "Product",
            items: catalog.categories.iter().map(category).collect(),
            parents: products.clone(),
        },
        Column {
            kind: "group",
            title: "Groups",
            add: "New group",
            items: groups.into_iter().map(|group| Choice::new("", group.name)).collect(),
            ..Column::default()
        },
    ]
}

/// Adds one.
pub async fn add(posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    visit.admin()?;
    let mut form = posted.again();
    let field = format!("{}-name", posted.value("kind"));
    if posted.trimmed("name").is_empty() {
        form.refuse(&field, "Enter a name");
    } else {
        match create(&posted).await {
            Ok(()) => return Ok(visit.go_saying(&format!("{}/admin/catalog", visit.l.portal.desk), "Added.")),
            Err(problem) => posted.fault(&mut form, problem)?,
        }
    }
    let page = shown(visit.clone(), form.clone()).await?;
    posted.show_again(form, |visit, _| Catalog { l: visit.layout("catalog"), ..page })
}

async fn create(posted: &Posted) -> Answer<()> {
    let visit = &posted.visit;
    let (portal, name, parent) = (visit.portal(), posted.trimmed("name"), posted.trimmed("parent"));
    let request_id = posted.request_id(&format!("catalog {}", posted.value("kind")));
    let mut catalog = visit.call.clients().catalog();
    match posted.value("kind") {
        "department" => {
            catalog.create_department(visit.call.grpc(proto::CreateDepartmentRequest { portal, request_id, name })).await?;
        }
        "product" => {
            catalog
                .create_product(visit.call.grpc(proto::CreateProductRequest { portal, request_id, name, department_id: parent }))
                .await?;
        }
        "category" => {
            let request = proto::CreateCategoryRequest { portal, request_id, name, product_id: parent, parent_id: String::new() };
            catalog.create_category(visit.call.grpc(request)).await?;
        }
        "group" => {
            catalog.create_group(visit.call.grpc(proto::CreateGroupRequest { portal, request_id, name })).await?;
        }
        _ => return Err(Problem::malformed("kind", "This kind is not known.")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_something_says_so() {
        let catalog = proto::GetCatalogResponse {
            departments: vec![proto::Department { id: "d".into(), name: "Finance".into() }],
            products: vec![proto::Product { id: "p".into(), name: "Billing".into(), department_id: "d".into() }],
            ..Default::default()
        };
        let columns = columns(catalog, Vec::new());
        assert_eq!(columns[1].items, [Choice::new("Finance", "Billing")]);
    }
}
