//! Departments, products, categories and groups.

use portico_chassis::db::PortalConn;
use portico_chassis::error::Error;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::catalog::{Catalog, Category, Department, Group, Product};
use crate::domain::ids::{CategoryId, DepartmentId, GroupId, PortalId, ProductId};

/// Rows of each kind that a portal shows at most.
const MOST: i64 = 500;

/// A row to insert.
#[derive(Debug, Clone)]
pub enum CatalogRow {
    /// A department.
    Department(Department),
    /// A product.
    Product(Product),
    /// A category.
    Category(Category),
    /// A group of agents.
    Group(Group),
}

/// A row, where it belongs and since when.
#[derive(Debug, Clone)]
pub struct CatalogWrite {
    /// In which portal.
    pub portal: PortalId,
    /// What.
    pub row: CatalogRow,
    /// Since when.
    pub at: OffsetDateTime,
}

/// Inserts rows of the catalogue. An administrator makes them one by one, so each is a statement of its own.
pub(super) async fn insert(conn: &mut PgConnection, rows: &[CatalogWrite]) -> Result<(), Error> {
    for write in rows {
        let portal = write.portal.as_str();
        let query = match &write.row {
            CatalogRow::Department(row) => sqlx::query("INSERT INTO department (portal, id, name, created_at) VALUES ($1, $2, $3, $4)")
                .bind(portal)
                .bind(row.id.uuid())
                .bind(&row.name)
                .bind(write.at),
            CatalogRow::Group(row) => sqlx::query("INSERT INTO agent_group (portal, id, name, created_at) VALUES ($1, $2, $3, $4)")
                .bind(portal)
                .bind(row.id.uuid())
                .bind(&row.name)
                .bind(write.at),
            CatalogRow::Product(row) => {
                sqlx::query("INSERT INTO product (portal, id, name, created_at, department_id) VALUES ($1, $2, $3, $4, $5)")
                    .bind(portal)
                    .bind(row.id.uuid())
                    .bind(&row.name)
                    .bind(write.at)
                    .bind(row.department.map(DepartmentId::uuid))
            }
            CatalogRow::Category(row) => {
                sqlx::query("INSERT INTO category (portal, id, name, created_at, product_id, parent_id) VALUES ($1, $2, $3, $4, $5, $6)")
                    .bind(portal)
                    .bind(row.id.uuid())
                    .bind(&row.name)
                    .bind(write.at)
                    .bind(row.product.map(ProductId::uuid))
                    .bind(row.parent.map(CategoryId::uuid))
            }
        };
        query.execute(&mut *conn).await?;
    }
    Ok(())
}

/// Kind, id, name, what it belongs to, the one above.
type Row = (i32, Uuid, String, Option<Uuid>, Option<Uuid>);

/// A portal's whole catalogue, by name within each kind.
pub async fn read(conn: &mut PortalConn, portal: &PortalId) -> Result<Catalog, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "(SELECT 1 AS kind, id, name, NULL::uuid AS above, NULL::uuid AS parent FROM department WHERE portal = $1 ORDER BY name, id LIMIT $2) \
         UNION ALL (SELECT 2, id, name, department_id, NULL FROM product WHERE portal = $1 ORDER BY name, id LIMIT $2) \
         UNION ALL (SELECT 3, id, name, product_id, parent_id FROM category WHERE portal = $1 ORDER BY name, id LIMIT $2) \
         UNION ALL (SELECT 4, id, name, NULL, NULL FROM agent_group WHERE portal = $1 ORDER BY name, id LIMIT $2)",
    )
    .bind(portal.as_str())
    .bind(MOST)
    .fetch_all(&mut **conn)
    .await?;
    let mut catalog = Catalog::default();
    rows.into_iter().for_each(|row| add(&mut catalog, row));
    Ok(catalog)
}

fn add(catalog: &mut Catalog, (kind, id, name, above, parent): Row) {
    match kind {
        1 => catalog.departments.push(Department { id: DepartmentId::new(id), name }),
        2 => catalog.products.push(Product { id: ProductId::new(id), name, department: above.map(DepartmentId::new) }),
        3 => {
            let (product, parent) = (above.map(ProductId::new), parent.map(CategoryId::new));
            catalog.categories.push(Category { id: CategoryId::new(id), name, product, parent });
        }
        _ => catalog.groups.push(Group { id: GroupId::new(id), name }),
    }
}
