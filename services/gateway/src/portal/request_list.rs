//! The list of requests: views with counts, filters, order. Everything is in the address.

use axum::extract::Query;
use axum::response::Response;
use portico_proto::common::v1::PageRequest;
use portico_proto::tickets::v1 as proto;
use serde::Deserialize;

use super::map;
use super::view::form::Form;
use super::view::layout::percent_encode;
use super::view::request::Requests;
use super::view::ui::{Choice, Tab};
use super::visit::Visit;
use crate::error::Answer;

/// Rows of a page.
const ROWS: i32 = 25;

/// What the address says.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    view: String,
    #[serde(default)]
    q: String,
    #[serde(default)]
    product: String,
    #[serde(default)]
    priority: String,
    #[serde(default)]
    sort: String,
    #[serde(default)]
    cursor: String,
}

/// A view: its name in the address, its words, scope, state, status.
struct View {
    name: &'static str,
    label: String,
    scope: proto::Scope,
    state: proto::StatusCategory,
    statuses: Vec<i32>,
    empty: (String, String),
}

fn views(visit: &Visit) -> Vec<View> {
    use proto::StatusCategory::{Closed, Open, Resolved, Unspecified};
    let (one, many) = (&visit.l.words.ticket, &visit.l.words.tickets);
    let view = |name, label: &str, scope, state, empty: (&str, &str)| View {
        name,
        label: label.to_owned(),
        scope,
        state,
        statuses: Vec::new(),
        // The texts name a request by the portal's own word.
        empty: (worded(empty.0, one, many), worded(empty.1, one, many)),
    };
    let mine = proto::Scope::Mine;
    let mut views = vec![
        view("open", "Open", mine, Open, ("No open {many}", "When you need something, submit one. You can follow it here.")),
        View {
            statuses: vec![proto::Status::WaitingCustomer.into()],
            ..view(
                "waiting",
                "Needs your reply",
                mine,
                Open,
                ("Nothing waits for you", "When we ask you something, the {one} stands here."),
            )
        },
        view("resolved", "Resolved", mine, Resolved, ("Nothing resolved", "What we answered stands here until it is closed.")),
        view("closed", "Closed", mine, Closed, ("Nothing closed yet", "What is done stands here and stays readable.")),
    ];
    if visit.l.sees_organization() {
        let label = super::view::layout::capital(&visit.l.words.organization);
        views.push(view(
            "organization",
            &label,
            proto::Scope::Organization,
            Unspecified,
            ("Nothing here", "What your colleagues submit stands here."),
        ));
    }
    let shared = ("Nothing shared with you", "When somebody shares a {one} with you, it stands here.");
    views.push(view("collaborating", "Shared with me", proto::Scope::Collaborating, Unspecified, shared));
    let by_me = ("Nothing shared by you", "What you share with others stands here.");
    views.push(view("shared", "Shared by me", proto::Scope::Shared, Unspecified, by_me));
    views
}

fn worded(text: &str, one: &str, many: &str) -> String {
    text.replace("{one}", one).replace("{many}", many)
}

impl View {
    fn filter(&self) -> proto::TicketFilter {
        proto::TicketFilter { scope: self.scope.into(), state: self.state.into(), statuses: self.statuses.clone(), ..Default::default() }
    }
}

/// The list.
pub async fn page(visit: Visit, Query(asked): Query<Asked>) -> Answer<Response> {
    visit.person()?;
    let views = views(&visit);
    let Some(view) = views.iter().find(|view| view.name == asked.view).or_else(|| views.first()) else {
        return Err(crate::error::Problem::not_found());
    };
    let filter = proto::TicketFilter {
        q: asked.q.trim().chars().take(200).collect(),
        product_id: asked.product.clone(),
        priority: map::ticket::priority_of(&asked.priority).into(),
        ..view.filter()
    };
    let (sort, ascending) = order(&asked.sort);
    let request = visit.call.grpc(proto::ListTicketsRequest {
        portal: visit.portal(),
        filter: Some(filter),
        sort: sort.into(),
        ascending,
        page: Some(PageRequest { page_size: ROWS, page_token: asked.cursor.clone() }),
    });
    let (mut tickets, mut catalog) = (visit.call.peers().tickets(), visit.call.peers().catalog());
    let (listed, counts, catalog) = tokio::join!(
        tickets.list_tickets(request),
        counts(&visit, &views),
        catalog.get_catalog(visit.call.grpc(proto::GetCatalogRequest { portal: visit.portal() })),
    );
    let listed = listed?.into_inner();
    let products = catalog.map(|catalog| catalog.into_inner().products).unwrap_or_default();
    let pages = visit.url("/requests");
    let page = Requests {
        l: visit.layout("requests"),
        tabs: tabs(&visit, &views, view.name, &counts),
        view: view.name.to_owned(),
        rows: listed.tickets.iter().map(|ticket| map::ticket::row(ticket, &pages, &visit.dates)).collect(),
        form: filled(&asked),
        products: products.into_iter().map(|product| Choice::new(product.id, product.name)).collect(),
        filtered: !(asked.q.trim().is_empty() && asked.product.is_empty() && asked.priority.is_empty()),
        show_requester: view.scope != proto::Scope::Mine,
        next: if listed.next_page_token.is_empty() { String::new() } else { next(&visit, view.name, &asked, &listed.next_page_token) },
        empty: view.empty.clone(),
    };
    if visit.partial() { visit.show(&page.as_results()) } else { visit.show(&page) }
}

async fn counts(visit: &Visit, views: &[View]) -> Vec<String> {
    let request = visit.call.grpc(proto::CountTicketsRequest { portal: visit.portal(), filters: views.iter().map(View::filter).collect() });
    match visit.call.peers().tickets().count_tickets(request).await {
        Ok(answer) => answer.into_inner().counts.iter().map(count).collect(),
        Err(status) => {
            tracing::warn!(%status, "the counts of the views are left out");
            Vec::new()
        }
    }
}

/// "12", or "100+" when nobody counted on.
pub fn count(count: &proto::TicketCount) -> String {
    if count.capped { format!("{}+", count.count) } else { count.count.to_string() }
}

fn tabs(visit: &Visit, views: &[View], current: &str, counts: &[String]) -> Vec<Tab> {
    views
        .iter()
        .enumerate()
        .map(|(at, view)| Tab {
            url: visit.url(&format!("/requests?view={}", view.name)),
            label: view.label.clone(),
            count: counts.get(at).cloned().unwrap_or_default(),
            current: view.name == current,
            icon: "",
        })
        .collect()
}

fn order(sort: &str) -> (proto::TicketSort, bool) {
    let (name, ascending) = sort.strip_prefix('-').map_or((sort, true), |name| (name, false));
    match name {
        "created_at" => (proto::TicketSort::CreatedAt, ascending),
        "status" => (proto::TicketSort::Status, ascending),
        "priority" => (proto::TicketSort::Priority, ascending),
        "number" => (proto::TicketSort::Number, ascending),
        _ => (proto::TicketSort::UpdatedAt, name == "updated_at" && ascending),
    }
}

fn filled(asked: &Asked) -> Form {
    Form::default()
        .with("q", asked.q.clone())
        .with("product", asked.product.clone())
        .with("priority", asked.priority.clone())
        .with("sort", if asked.sort.is_empty() { "-updated_at".to_owned() } else { asked.sort.clone() })
}

fn next(visit: &Visit, view: &str, asked: &Asked, cursor: &str) -> String {
    let pairs = [
        ("view", view),
        ("q", &asked.q),
        ("product", &asked.product),
        ("priority", &asked.priority),
        ("sort", &asked.sort),
        ("cursor", cursor),
    ];
    let query: Vec<_> =
        pairs.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("{name}={}", percent_encode(value))).collect();
    visit.url(&format!("/requests?{}", query.join("&")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_change_stands_first_unless_asked_otherwise() {
        assert_eq!(order(""), (proto::TicketSort::UpdatedAt, false));
        assert_eq!(order("-priority"), (proto::TicketSort::Priority, false));
        assert_eq!(order("created_at"), (proto::TicketSort::CreatedAt, true));
        assert_eq!(order("nonsense"), (proto::TicketSort::UpdatedAt, false));
    }
}
