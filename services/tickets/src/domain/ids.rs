//! The names of things.

pub use portico_chassis::ids::PortalId;
use portico_chassis::typed_id;
use uuid::Uuid;

/// An id as the contract has it: empty for none.
pub fn text(id: Option<Uuid>) -> String {
    id.map_or_else(String::new, |id| id.to_string())
}

typed_id!(
    /// Names a ticket inside the house; people use its number.
    TicketId
);
typed_id!(
    /// Names a person; identity gives it.
    PersonId
);
typed_id!(
    /// Names an organisation; identity gives it.
    OrganizationId
);
typed_id!(
    /// Names an item of a timeline.
    ItemId
);
typed_id!(
    /// Names a file.
    AttachmentId
);
typed_id!(
    /// Names one person's share in one ticket.
    CollaboratorId
);
typed_id!(
    /// Names a department.
    DepartmentId
);
typed_id!(
    /// Names a product.
    ProductId
);
typed_id!(
    /// Names a category.
    CategoryId
);
typed_id!(
    /// Names a group of agents.
    GroupId
);
