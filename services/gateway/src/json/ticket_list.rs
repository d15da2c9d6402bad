//! Lists of tickets, also as CSV.

use axum::response::{IntoResponse, Response};
use portico_proto::tickets::v1 as proto;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::shared::{Moment, Page, text};
use super::ticket_csv;
use super::ticket_view::{Priority, Status, StatusCategory, TicketRow};
use crate::call::Api;
use crate::error::Answer;
use crate::extract::{Limit, Params, page};
use crate::state::AppState;
use crate::{query_params, wire_enum};

wire_enum! {
    /// Which of the visible tickets.
    pub enum Scope : proto::Scope {
        /// Mine.
        Mine = "mine" <=> Mine,
        /// My organisation's.
        Organization = "organization" <=> Organization,
        /// Shared with me.
        Collaborating = "collaborating" <=> Collaborating,
        /// Mine that have collaborators.
        Shared = "shared" <=> Shared,
        /// All; agents only.
        All = "all" <=> All,
    }
}

wire_enum! {
    /// Without a sign: newest, highest or last first is `-`.
    pub enum Sort : proto::TicketSort {
        /// By creation.
        CreatedAt = "created_at" <=> CreatedAt,
        /// By the last change.
        UpdatedAt = "updated_at" <=> UpdatedAt,
        /// By status.
        Status = "status" <=> Status,
        /// By priority.
        Priority = "priority" <=> Priority,
        /// By number.
        Number = "number" <=> Number,
    }
}

/// A sort key and its direction.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    sort: Sort,
    ascending: bool,
}

impl crate::input::FromText for Order {
    fn from_text(text: String, name: &str, errors: &mut Vec<chassis::error::FieldError>) -> Option<Self> {
        let (ascending, key) = text.strip_prefix('-').map_or((true, text.as_str()), |key| (false, key));
        let sort = <Sort as crate::input::FromText>::from_text(key.to_owned(), name, errors)?;
        Some(Self { sort, ascending })
    }
}

/// Another form of the answer.
#[derive(Debug, Clone, Copy, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Comma-separated values.
    Csv,
}

impl crate::input::FromText for Format {
    fn from_text(text: String, name: &str, errors: &mut Vec<chassis::error::FieldError>) -> Option<Self> {
        if text == "csv" {
            return Some(Self::Csv);
        }
        errors.push(crate::input::not_one_of(name, &["csv"]));
        None
    }
}

query_params! {
    /// What a list of tickets is narrowed to.
    pub struct ListTickets {
        /// Customers: `mine` when left out; agents: `all`.
        pub scope: Option<Scope>,
        /// By category of the status.
        pub state: Option<StatusCategory>,
        /// By status.
        pub status: Option<Status>,
        /// Words in number, subject, description, comments and file names that the caller may read.
        #[param(max_length = 200)]
        pub q: Option<String>,
        /// Exact number.
        pub number: Option<String>,
        /// Contained in the subject.
        #[param(max_length = 200)]
        pub subject: Option<String>,
        /// By priority.
        pub priority: Option<Priority>,
        /// The requester's address.
        pub email: Option<String>,
        /// Id of a product.
        pub product: Option<String>,
        /// Id of a category.
        pub category: Option<String>,
        /// Id of a department.
        pub department: Option<String>,
        /// Id of a person.
        pub requester: Option<String>,
        /// Id of an agent, `me` or `none`.
        pub assignee: Option<String>,
        /// Id of a group.
        pub group: Option<String>,
        /// From this moment on.
        pub created_after: Option<Moment>,
        /// Before this moment.
        pub created_before: Option<Moment>,
        /// From this moment on.
        pub closed_after: Option<Moment>,
        /// Before this moment.
        pub closed_before: Option<Moment>,
        /// Agents only: tickets whose writer has not proven the address.
        pub unverified: Option<bool>,
        /// `created_at`, `updated_at`, `status`, `priority` or `number`; with `-` first: descending. `-created_at` when left out.
        #[param(value_type = Option<String>, pattern = "^-?(created_at|updated_at|status|priority|number)$")]
        pub sort: Option<Order>,
        /// `csv` for a file of all rows, or of `limit` rows.
        pub format: Option<Format>,
        /// Rows wanted, 1 to 100; 25 when left out, all of them in a file.
        #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 25)]
        pub limit: Option<Limit>,
        /// `next_cursor` of the page before.
        pub cursor: Option<String>,
    }
}

impl ListTickets {
    fn into_request(self, portal: String) -> proto::ListTicketsRequest {
        let filter = proto::TicketFilter {
            scope: self.scope.map_or(0, |scope| scope.to_proto().into()),
            state: self.state.map_or(0, |state| state.to_proto().into()),
            statuses: self.status.map(|status| status.to_proto().into()).into_iter().collect(),
            q: text(self.q),
            number: text(self.number),
            subject: text(self.subject),
            priority: self.priority.map_or(0, |priority| priority.to_proto().into()),
            email: text(self.email),
            product_id: text(self.product),
            category_id: text(self.category),
            department_id: text(self.department),
            requester_id: text(self.requester),
            assignee: text(self.assignee),
            group_id: text(self.group),
            created_after: self.created_after.map(Moment::to_proto),
            created_before: self.created_before.map(Moment::to_proto),
            closed_after: self.closed_after.map(Moment::to_proto),
            closed_before: self.closed_before.map(Moment::to_proto),
            unverified: self.unverified.unwrap_or(false),
        };
        proto::ListTicketsRequest {
            portal,
            filter: Some(filter),
            sort: self.sort.map_or(0, |order| order.sort.to_proto().into()),
            ascending: self.sort.is_some_and(|order| order.ascending),
            page: page(self.limit, self.cursor),
        }
    }
}

/// A page of the tickets that the caller may see.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/tickets", tag = "tickets", params(("portal" = String, Path), ListTickets),
    responses((status = 200, content((Page<TicketRow> = "application/json"), (String = "text/csv")))))]
async fn list(Api(call): Api, Params(params): Params<ListTickets>) -> Answer<Response> {
    if params.format.is_some() {
        let limit = params.limit;
        return ticket_csv::export(call, params.into_request(String::new()), limit).await;
    }
    let request = params.into_request(call.portal());
    let answer = call.clients().tickets().list_tickets(call.grpc(request)).await?.into_inner();
    Ok(Page::<TicketRow>::new(answer.tickets, answer.next_page_token).into_response())
}

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::{FromParams, RawParams};

    #[test]
    fn a_sort_with_a_minus_is_descending_and_an_unknown_one_is_refused() {
        let read = |query: &str| {
            let mut errors = Vec::new();
            let mut raw = RawParams::parse(query).ok().unwrap();
            ListTickets::from_params(&mut raw, &mut errors).map(|params| params.into_request("demo".into()))
        };
        let request = read("sort=-updated_at&status=new").unwrap();
        assert_eq!((request.sort(), request.ascending), (proto::TicketSort::UpdatedAt, false));
        assert!(read("sort=number").unwrap().ascending);
        assert!(read("sort=subject").is_none());
        assert!(read("scope=everything").is_none());
    }
}
