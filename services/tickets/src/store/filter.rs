//! Which tickets: what the caller may see, and what the caller asks for, as conditions that the indexes answer.

use sqlx::{Postgres, QueryBuilder};
use time::OffsetDateTime;
use uuid::Uuid;

use super::search::Narrowed;
use crate::domain::filter::{AssigneeFilter, Filter, Scope};
use crate::domain::ids::{CategoryId, DepartmentId, GroupId, OrganizationId, PersonId, PortalId, ProductId};
use crate::domain::kinds::CollaboratorState;
use crate::domain::status::StatusCategory;

/// Who looks.
#[derive(Debug, Clone)]
pub enum Sight {
    /// An agent or administrator: every ticket of the portal.
    Staff(PersonId),
    /// A customer: own, shared, and the organisation's where they may.
    Customer {
        /// Who.
        person: PersonId,
        /// Their proven address.
        email: String,
        /// The organisation whose tickets they see.
        organization: Option<OrganizationId>,
    },
}

impl Sight {
    /// Who looks.
    pub const fn person(&self) -> PersonId {
        match self {
            Self::Staff(person) | Self::Customer { person, .. } => *person,
        }
    }

    /// Whether all is seen, internal words included.
    pub const fn is_staff(&self) -> bool {
        matches!(self, Self::Staff(_))
    }
}

/// One index-friendly way to be visible; the branches of a list are disjoint.
#[derive(Debug, Clone, Copy)]
pub(super) enum Branch {
    Everything,
    Requested,
    Proven,
    Colleagues,
    OwnOfOrganization,
    SharedWith,
    SharedByMe,
}

/// The branches whose union is the scope.
pub(super) fn branches(sight: &Sight, scope: Option<Scope>) -> Vec<Branch> {
    let organization = matches!(sight, Sight::Customer { organization: Some(_), .. });
    match (sight, scope) {
        (Sight::Staff(_), None | Some(Scope::Visible | Scope::Organization)) => vec![Branch::Everything],
        (Sight::Staff(_), Some(Scope::Mine)) => vec![Branch::Requested],
        (_, Some(Scope::Mine)) => vec![Branch::Requested, Branch::Proven],
        (_, Some(Scope::Shared)) => vec![Branch::SharedByMe],
        (_, Some(Scope::Collaborating)) => vec![Branch::SharedWith],
        (_, Some(Scope::Organization)) if organization => vec![Branch::OwnOfOrganization, Branch::Colleagues],
        (_, Some(Scope::Organization)) => vec![Branch::OwnOfOrganization],
        (_, None | Some(Scope::Visible)) if organization => {
            vec![Branch::Requested, Branch::Proven, Branch::Colleagues, Branch::SharedWith]
        }
        (_, None | Some(Scope::Visible)) => vec![Branch::Requested, Branch::Proven, Branch::SharedWith],
    }
}

/// The conditions of one branch and the filter, beginning with the portal.
pub(super) fn push_where(
    sql: &mut QueryBuilder<Postgres>,
    portal: &PortalId,
    sight: &Sight,
    branch: Branch,
    (filter, narrowed): (&Filter, &Narrowed),
    now: OffsetDateTime,
) {
    sql.push(" WHERE t.portal = ").push_bind(portal.as_str().to_owned());
    push_branch(sql, portal, sight, branch, now);
    if sight.is_staff() && filter.number.is_none() {
        sql.push(if filter.unverified { " AND t.guest_email IS NOT NULL" } else { " AND t.guest_email IS NULL" });
    }
    push_states(sql, filter);
    push_texts(sql, portal, sight, filter, narrowed);
    push_ids(sql, filter);
    push_times(sql, filter);
}

fn push_branch(sql: &mut QueryBuilder<Postgres>, portal: &PortalId, sight: &Sight, branch: Branch, now: OffsetDateTime) {
    let me = sight.person().uuid();
    let (email, organization) = match sight {
        Sight::Staff(_) => (String::new(), None),
        Sight::Customer { email, organization, .. } => (email.clone(), organization.map(OrganizationId::uuid)),
    };
    match branch {
        Branch::Everything => {}
        Branch::Requested => {
            sql.push(" AND t.requester_id = ").push_bind(me);
        }
        Branch::Proven => {
            sql.push(" AND t.guest_email = ").push_bind(email);
        }
        Branch::Colleagues => {
            sql.push(" AND t.organization_id = ").push_bind(organization).push(" AND t.requester_id IS DISTINCT FROM ").push_bind(me);
        }
        Branch::OwnOfOrganization => {
            sql.push(" AND t.requester_id = ").push_bind(me).push(" AND t.organization_id IS NOT NULL");
        }
        Branch::SharedWith => {
            sql.push(" AND t.requester_id IS DISTINCT FROM ").push_bind(me);
            if organization.is_some() {
                sql.push(" AND t.organization_id IS DISTINCT FROM ").push_bind(organization);
            }
            sql.push(" AND t.id IN (SELECT x.ticket_id FROM collaborator x WHERE x.portal = ").push_bind(portal.as_str().to_owned());
            sql.push(" AND x.person_id = ").push_bind(me);
            sql.push(" AND x.state = ").push_bind(CollaboratorState::Active.code());
            sql.push(" AND (x.expires_at IS NULL OR x.expires_at > ").push_bind(now).push("))");
        }
        Branch::SharedByMe => {
            sql.push(" AND t.requester_id = ").push_bind(me).push(" AND t.shares > 0");
        }
    }
}

fn push_states(sql: &mut QueryBuilder<Postgres>, filter: &Filter) {
    // Constants, not parameters: the partial indexes of the open and resolved lists are chosen by them.
    match filter.category {
        Some(StatusCategory::Open) => sql.push(" AND t.status <= 5"),
        Some(StatusCategory::Resolved) => sql.push(" AND t.status = 6"),
        Some(StatusCategory::Closed) => sql.push(" AND t.status = 7"),
        None => sql,
    };
    if !filter.statuses.is_empty() {
        let codes: Vec<i16> = filter.statuses.iter().map(|status| status.code()).collect();
        sql.push(" AND t.status = ANY (").push_bind(codes).push(")");
    }
    if let Some(priority) = filter.priority {
        sql.push(" AND t.priority = ").push_bind(priority.code());
    }
}

fn push_texts(sql: &mut QueryBuilder<Postgres>, portal: &PortalId, sight: &Sight, filter: &Filter, narrowed: &Narrowed) {
    if filter.nothing {
        sql.push(" AND false");
    }
    match (&filter.words, &narrowed.words) {
        (_, Some(ids)) => {
            sql.push(" AND t.id = ANY (").push_bind(ids.clone()).push(")");
        }
        // Each ticket's own words, as a value and not as a join: joined, the planner reads the words of everybody to find a rare one.
        (Some(words), None) => {
            sql.push(" AND (SELECT w.public @@ ").push_bind(words.clone()).push("::tsquery");
            if sight.is_staff() {
                sql.push(" OR w.internal @@ ").push_bind(words.clone()).push("::tsquery");
            }
            sql.push(" FROM ticket_words w WHERE w.portal = t.portal AND w.ticket_id = t.id)");
        }
        (None, None) => {}
    }
    if let Some(number) = &filter.number {
        sql.push(" AND t.number = ").push_bind(number.clone());
    }
    match (&filter.subject, &narrowed.subject) {
        (_, Some(ids)) => {
            sql.push(" AND t.id = ANY (").push_bind(ids.clone()).push(")");
        }
        (Some(subject), None) => {
            sql.push(" AND t.subject ILIKE ").push_bind(pattern(subject));
        }
        (None, None) => {}
    }
    if let Some(email) = &filter.email {
        sql.push(" AND (t.guest_email = ").push_bind(email.clone());
        sql.push(" OR t.requester_id IN (SELECT e.id FROM person e WHERE e.portal = ").push_bind(portal.as_str().to_owned());
        sql.push(" AND e.email = ").push_bind(email.clone()).push("))");
    }
}

fn push_ids(sql: &mut QueryBuilder<Postgres>, filter: &Filter) {
    let exact: [(&str, Option<Uuid>); 5] = [
        (" AND t.product_id = ", filter.product.map(ProductId::uuid)),
        (" AND t.category_id = ", filter.category_id.map(CategoryId::uuid)),
        (" AND t.department_id = ", filter.department.map(DepartmentId::uuid)),
        (" AND t.requester_id = ", filter.requester.map(PersonId::uuid)),
        (" AND t.group_id = ", filter.group.map(GroupId::uuid)),
    ];
    for (condition, id) in exact {
        if let Some(id) = id {
            sql.push(condition).push_bind(id);
        }
    }
    match filter.assignee {
        Some(AssigneeFilter::Person(person)) => {
            sql.push(" AND t.assignee_id = ").push_bind(person.uuid());
        }
        Some(AssigneeFilter::Nobody) => {
            sql.push(" AND t.assignee_id IS NULL");
        }
        None => {}
    }
}

fn push_times(sql: &mut QueryBuilder<Postgres>, filter: &Filter) {
    let bounds = [
        (" AND t.created_at >= ", filter.created_after),
        (" AND t.created_at < ", filter.created_before),
        (" AND t.closed_at >= ", filter.closed_after),
        (" AND t.closed_at < ", filter.closed_before),
    ];
    for (condition, at) in bounds {
        if let Some(at) = at {
            sql.push(condition).push_bind(at);
        }
    }
}

/// What the caller typed is text, not a pattern (S42).
pub(super) fn pattern(text: &str) -> String {
    format!("%{}%", text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"))
}
