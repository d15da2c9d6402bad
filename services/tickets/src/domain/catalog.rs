//! What a customer chooses from.

use super::change::Patch;
use super::ids::{CategoryId, DepartmentId, GroupId, ProductId};
use super::refusal::Refusal;
use super::ticket::Place;

/// A department.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Department {
    /// Its id.
    pub id: DepartmentId,
    /// What people read.
    pub name: String,
}

/// A product or service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Its id.
    pub id: ProductId,
    /// What people read.
    pub name: String,
    /// Offered there; `None`: everywhere.
    pub department: Option<DepartmentId>,
}

/// A category.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    /// Its id.
    pub id: CategoryId,
    /// What people read.
    pub name: String,
    /// Fits this product; `None`: every one.
    pub product: Option<ProductId>,
    /// The one above.
    pub parent: Option<CategoryId>,
}

/// A group of agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// What people read.
    pub name: String,
}

/// All of a portal's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    /// By name.
    pub departments: Vec<Department>,
    /// By name.
    pub products: Vec<Product>,
    /// By name.
    pub categories: Vec<Category>,
    /// By name.
    pub groups: Vec<Group>,
}

impl Catalog {
    /// The department of an id.
    pub fn department(&self, id: DepartmentId) -> Option<&Department> {
        self.departments.iter().find(|row| row.id == id)
    }

    /// The product of an id.
    pub fn product(&self, id: ProductId) -> Option<&Product> {
        self.products.iter().find(|row| row.id == id)
    }

    /// The category of an id.
    pub fn category(&self, id: CategoryId) -> Option<&Category> {
        self.categories.iter().find(|row| row.id == id)
    }

    /// The group of an id.
    pub fn group(&self, id: GroupId) -> Option<&Group> {
        self.groups.iter().find(|row| row.id == id)
    }

    /// Checks that a place exists and fits together; a product brings its department along.
    ///
    /// # Errors
    /// All fields that do not fit.
    pub fn place(&self, wanted: Place) -> Result<Place, Vec<Refusal>> {
        const UNKNOWN: &str = "Choose one from the list.";
        let mut wrong = Vec::new();
        let mut place = wanted;
        if wanted.department.is_some_and(|id| self.department(id).is_none()) {
            wrong.push(Refusal::field("department", "invalid", UNKNOWN));
        }
        match wanted.product.map(|id| self.product(id)) {
            Some(None) => wrong.push(Refusal::field("product", "invalid", UNKNOWN)),
            Some(Some(product)) => match (wanted.department, product.department) {
                (Some(chosen), Some(own)) if chosen != own => {
                    wrong.push(Refusal::field("product", "invalid", "This product belongs to another department."));
                }
                (None, own) => place.department = own,
                _ => {}
            },
            None => {}
        }
        match wanted.category.map(|id| self.category(id)) {
            Some(None) => wrong.push(Refusal::field("category", "invalid", UNKNOWN)),
            Some(Some(Category { product: Some(own), .. })) if wanted.product != Some(*own) => {
                wrong.push(Refusal::field("category", "invalid", "This category belongs to another product."));
            }
            _ => {}
        }
        if wrong.is_empty() { Ok(place) } else { Err(wrong) }
    }

    /// Checks what a change of a ticket that stands at `present` refers to, and completes it: a product brings its department along.
    ///
    /// # Errors
    /// All fields that do not fit.
    pub fn settle(&self, patch: &mut Patch, present: Place) -> Result<Place, Vec<Refusal>> {
        if patch.department.is_none() && patch.product.is_none() && patch.category.is_none() && patch.group.is_none() {
            return Ok(present);
        }
        let wanted = Place {
            department: patch.department.unwrap_or(present.department),
            product: patch.product.unwrap_or(present.product),
            category: patch.category.unwrap_or(present.category),
        };
        let place = self.place(wanted)?;
        if patch.group.flatten().is_some_and(|id| self.group(id).is_none()) {
            return Err(vec![Refusal::field("group", "invalid", "Choose a group of this portal.")]);
        }
        if patch.department.is_none() && place.department != present.department {
            patch.department = Some(place.department);
        }
        Ok(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn catalog() -> Catalog {
        let (sales, super_product) = (DepartmentId::new(Uuid::from_u128(1)), ProductId::new(Uuid::from_u128(2)));
        Catalog {
            departments: vec![Department { id: sales, name: "Sales".into() }],
            products: vec![Product { id: super_product, name: "Super".into(), department: Some(sales) }],
            categories: vec![Category {
                id: CategoryId::new(Uuid::from_u128(3)),
                name: "Login".into(),
                product: Some(super_product),
                parent: None,
            }],
            groups: Vec::new(),
        }
    }

    #[test]
    fn a_product_brings_its_department_and_a_category_needs_its_product() {
        // CR-4.
        let product = Some(ProductId::new(Uuid::from_u128(2)));
        let category = Some(CategoryId::new(Uuid::from_u128(3)));
        let place = catalog().place(Place { department: None, product, category }).unwrap();
        assert_eq!(place.department, Some(DepartmentId::new(Uuid::from_u128(1))));
        assert_eq!(catalog().place(Place { department: None, product: None, category }).unwrap_err().len(), 1);
    }

    #[test]
    fn everything_unknown_is_named_at_once() {
        let nowhere = Uuid::from_u128(9);
        let place = Place {
            department: Some(DepartmentId::new(nowhere)),
            product: Some(ProductId::new(nowhere)),
            category: Some(CategoryId::new(nowhere)),
        };
        assert_eq!(catalog().place(place).unwrap_err().len(), 3);
    }
}
