//! Names of what the tickets of a page refer to: read once for the page, since its tickets mostly refer to the same few.

use std::collections::HashMap;

use serde::Deserialize;
use sqlx::types::Json;
use uuid::Uuid;

use crate::domain::case::Case;
use crate::domain::ids::{CategoryId, DepartmentId, GroupId, OrganizationId, PersonId, ProductId};
use crate::domain::ticket::Ticket;

/// Where names are, and which columns of a ticket refer to them. All by primary key.
const NAMED: [(&str, &[&str], &str); 6] = [
    ("person", &["requester_id", "assignee_id"], "n.email"),
    ("department", &["department_id"], "''"),
    ("product", &["product_id"], "''"),
    ("category", &["category_id"], "''"),
    ("agent_group", &["group_id"], "''"),
    ("organization", &["organization_id"], "''"),
];

/// What something is called.
#[derive(Debug, Deserialize)]
struct Named {
    name: String,
    /// Of people.
    email: String,
}

/// Names by id.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<Uuid, Named>);

/// The column `names` of one of the rows of a query `page` whose reader is a query `reader` with the portal.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct NamesColumn {
    names: Option<Json<HashMap<Uuid, Named>>>,
}

/// The column of [`NamesColumn`].
pub(super) fn column() -> String {
    let tables = NAMED.map(|(table, columns, email)| {
        let ids = columns.iter().map(|column| format!("SELECT {column} FROM page WHERE {column} IS NOT NULL")).collect::<Vec<_>>();
        format!(
            "SELECT n.id, jsonb_build_object('name', n.name, 'email', {email}) AS named FROM {table} n \
             WHERE n.portal = (SELECT portal FROM reader) AND n.id = ANY (ARRAY({}))",
            ids.join(" UNION ")
        )
    });
    format!(
        "CASE WHEN row_number() OVER () = 1 THEN (SELECT jsonb_object_agg(n.id, n.named) FROM ({}) n) END AS names",
        tables.join(" UNION ALL ")
    )
}

impl Names {
    /// Takes the names out of the row that has them.
    pub(super) fn of<'a>(mut rows: impl Iterator<Item = &'a mut NamesColumn>) -> Self {
        Self(rows.find_map(|row| row.names.take()).map(|names| names.0).unwrap_or_default())
    }

    /// A ticket with its names.
    pub(super) fn case(&self, ticket: Ticket) -> Case {
        let mut case = Case::bare(ticket, String::new());
        let ticket = &case.ticket;
        let requester = ticket.requester.map(PersonId::uuid);
        let ids = [
            requester,
            ticket.assignee.map(PersonId::uuid),
            ticket.place.department.map(DepartmentId::uuid),
            ticket.place.product.map(ProductId::uuid),
            ticket.place.category.map(CategoryId::uuid),
            ticket.group.map(GroupId::uuid),
            ticket.organization.map(OrganizationId::uuid),
        ];
        case.names = ids.into_iter().flatten().filter_map(|id| Some((id, self.0.get(&id)?.name.clone()))).collect();
        case.requester_email = requester.and_then(|id| self.0.get(&id)).map(|named| named.email.clone()).unwrap_or_default();
        case
    }
}
