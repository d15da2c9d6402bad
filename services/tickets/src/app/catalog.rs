//! The catalogue, groups and agents.

use std::collections::HashMap;

use portico_chassis::error::Error;
use portico_chassis::journal::{Claim, Entry, Outcome, Replay, RequestKey, replay};
use uuid::Uuid;

use super::Tickets;
use super::asker::Asker;
use super::view::{self, Named};
use crate::domain::catalog::{Catalog, Category, Department, Group, Product};
use crate::domain::ids::{CategoryId, DepartmentId, GroupId, ProductId};
use crate::domain::person::PersonFacts;
use crate::domain::policy::PriorityEntry;
use crate::domain::ticket::Place;
use crate::store;
use crate::store::catalog::{CatalogRow, CatalogWrite};
use crate::store::events::catalog_changed;
use crate::store::writes::Write;

/// Agents that a ticket can be given to, as they are shown.
const AGENTS_SHOWN: i64 = 200;

/// A row that an administrator adds.
#[derive(Debug, Clone)]
pub enum NewRow {
    /// A department.
    Department,
    /// A product, perhaps of a department.
    Product(Option<DepartmentId>),
    /// A category, perhaps of a product and below another one.
    Category(Option<ProductId>, Option<CategoryId>),
    /// A group of agents.
    Group,
}

impl NewRow {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Department => "department",
            Self::Product(_) => "product",
            Self::Category(..) => "category",
            Self::Group => "group",
        }
    }

    /// Names are unique below the same thing.
    fn above(&self) -> Option<Uuid> {
        match self {
            Self::Department | Self::Group => None,
            Self::Product(department) => department.map(DepartmentId::uuid),
            Self::Category(product, parent) => parent.map(CategoryId::uuid).or_else(|| product.map(ProductId::uuid)),
        }
    }

    fn row(&self, id: Uuid, name: String) -> CatalogRow {
        match *self {
            Self::Department => CatalogRow::Department(Department { id: DepartmentId::new(id), name }),
            Self::Group => CatalogRow::Group(Group { id: GroupId::new(id), name }),
            Self::Product(department) => CatalogRow::Product(Product { id: ProductId::new(id), name, department }),
            Self::Category(product, parent) => CatalogRow::Category(Category { id: CategoryId::new(id), name, product, parent }),
        }
    }
}

/// Learns the names of a place and group that are in the catalogue.
pub(super) fn names(catalog: &Catalog, place: Place, group: Option<GroupId>, names: &mut HashMap<Uuid, String>) -> Result<(), Error> {
    let department = place.department.and_then(|id| catalog.department(id)).map(|row| (row.id.uuid(), row.name.clone()));
    let product = place.product.and_then(|id| catalog.product(id)).map(|row| (row.id.uuid(), row.name.clone()));
    let category = place.category.and_then(|id| catalog.category(id)).map(|row| (row.id.uuid(), row.name.clone()));
    names.extend([department, product, category].into_iter().flatten());
    if let Some(id) = group {
        let found = catalog.group(id).ok_or_else(|| Error::invalid("group", "invalid", "Choose a group of this portal."))?;
        names.insert(id.uuid(), found.name.clone());
    }
    Ok(())
}

impl Tickets {
    /// What anybody may choose from, and what of impact, urgency and priority a customer may enter.
    ///
    /// # Errors
    /// `NOT_FOUND` when there is no such portal.
    pub async fn catalog(&self, asker: &Asker) -> Result<(Catalog, PriorityEntry), Error> {
        let rules = self.rules(&asker.portal).await?;
        let mut conn = self.db.read(&asker.portal, asker.deadline).await?;
        let catalog = store::catalog::read(&mut conn, &asker.portal).await?;
        let staff = asker.as_viewer().is_some_and(|viewer| viewer.staff);
        Ok((catalog, if staff { PriorityEntry::Customer } else { rules.policies.priority_entry }))
    }

    /// The agents and administrators that a ticket can be given to, by name.
    ///
    /// # Errors
    /// `Forbidden` for customers.
    pub async fn assignable_agents(&self, asker: &Asker) -> Result<Vec<PersonFacts>, Error> {
        asker.staff()?;
        let mut conn = self.db.read(&asker.portal, asker.deadline).await?;
        store::person::staff(&mut conn, &asker.portal, AGENTS_SHOWN).await
    }

    /// Adds a row to the catalogue.
    ///
    /// # Errors
    /// `Conflict` `name_taken`; `Invalid` when it refers to nothing.
    pub async fn add_row(&self, asker: &Asker, request: RequestKey, name: String, new: NewRow) -> Result<Named, Error> {
        self.rules(&asker.portal).await?;
        let mut conn = self.db.read(&asker.portal, asker.deadline).await?;
        if let Replay::Answered(answer) = replay(&mut conn, &asker.portal, &request).await? {
            return view::stored(&answer);
        }
        check_above(&store::catalog::read(&mut conn, &asker.portal).await?, &new)?;
        drop(conn);
        let now = self.now();
        let id = self.random.uuid(now);
        let above = new.above().map_or_else(String::new, |id| id.to_string());
        let claim = Claim::Take { space: new.kind(), key: format!("{above}/{}", name.to_lowercase()), owner: id };
        let answer = Named { id, name: name.clone() };
        let entry = Entry::new(asker.portal.clone(), asker.name.clone(), now)
            .request(Some(request))
            .expect(new.kind(), id, 0)
            .claim(claim)
            .events([catalog_changed(self.random.uuid(now), new.kind(), id)])
            .write(Write::Catalog(CatalogWrite { portal: asker.portal.clone(), row: new.row(id, name), at: now }))
            .answer(view::bytes(&answer));
        match self.journal.append_one(entry, asker.deadline).await? {
            Outcome::Committed(committed) => view::stored(&committed.answer),
            Outcome::Replayed(answer) => view::stored(&answer),
            Outcome::KeyReused => Err(Error::KeyReused),
            Outcome::ClaimTaken { .. } => Err(Error::conflict("name_taken", "There is one of this name already.")),
            Outcome::VersionConflict => Err(Error::Elsewhere("the journal")),
        }
    }
}

fn check_above(catalog: &Catalog, new: &NewRow) -> Result<(), Error> {
    const UNKNOWN: &str = "Choose one from the list.";
    match *new {
        NewRow::Product(Some(department)) if catalog.department(department).is_none() => {
            Err(Error::invalid("department", "invalid", UNKNOWN))
        }
        NewRow::Category(Some(product), _) if catalog.product(product).is_none() => Err(Error::invalid("product", "invalid", UNKNOWN)),
        NewRow::Category(product, Some(parent)) => match catalog.category(parent) {
            Some(above) if above.product == product => Ok(()),
            Some(_) => Err(Error::invalid("parent", "invalid", "The category above belongs to another product.")),
            None => Err(Error::invalid("parent", "invalid", UNKNOWN)),
        },
        _ => Ok(()),
    }
}
