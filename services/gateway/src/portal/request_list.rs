//! The list of requests: views with counts, filters, order. Everything is in the address.

use axum::extract::Query;
use axum::response::Response;
use portico_proto::common::v1::PageRequest;
use portico_proto::tickets::v1 as proto;
use serde::Deserialize;

use super::dates::Dates;
use super::map;
use super::view::form::Form;
use super::view::layout::{capital, percent_encode};
use super::view::request::Requests;
use super::view::ticket::Row;
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
    status: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    sort: String,
    #[serde(default)]
    cursor: String,
}

impl Asked {
    /// What narrows the view, as it stands in addresses.
    fn filters(&self) -> [(&'static str, &str); 6] {
        [
            ("q", self.q.trim()),
            ("product", &self.product),
            ("priority", &self.priority),
            ("status", &self.status),
            ("from", &self.from),
            ("to", &self.to),
        ]
    }
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
        let (label, scope) = (capital(&visit.l.words.organization), proto::Scope::Organization);
        let none = ("Nothing here", "What your colleagues submit stands here.");
        views.push(view("organization", &format!("{label}, open"), scope, Open, none));
        views.push(view("organization-all", &format!("{label}, all"), scope, Unspecified, none));
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

    /// Whether the view holds requests of all statuses.
    fn chooses_status(&self) -> bool {
        self.state == proto::StatusCategory::Unspecified
    }

    /// The view and what the reader chose. A day that can't be read narrows nothing.
    fn narrowed(&self, asked: &Asked, dates: &Dates) -> proto::TicketFilter {
        let status = map::ticket::status_of(&asked.status);
        let (q, email) = words_or_address(&asked.q);
        let mut filter = proto::TicketFilter {
            q,
            email,
            product_id: asked.product.clone(),
            priority: map::ticket::priority_of(&asked.priority).into(),
            created_after: dates.start_of_day(&asked.from, false),
            created_before: dates.start_of_day(&asked.to, true),
            ..self.filter()
        };
        if self.chooses_status() && status != proto::Status::Unspecified {
            filter.statuses = vec![status.into()];
        }
        filter
    }
}

fn statuses(visit: &Visit) -> Vec<Choice> {
    map::ticket::STATUSES.map(map::ticket::status_key).map(|key| Choice::new(key, visit.status_word(key))).into()
}

/// The same requests as a file, by the API that knows how.
fn csv(visit: &Visit, view: &View, asked: &Asked) -> String {
    let filter = view.narrowed(asked, &visit.dates);
    let moment = |at: Option<&prost_types::Timestamp>| {
        at.and_then(|at| jiff::Timestamp::new(at.seconds, 0).ok()).map(|at| at.to_string()).unwrap_or_default()
    };
    let (scope, state) = (scope_name(view.scope), state_name(view.state));
    let status = filter.statuses.first().and_then(|status| proto::Status::try_from(*status).ok()).map_or("", map::ticket::status_key);
    let (after, before) = (moment(filter.created_after.as_ref()), moment(filter.created_before.as_ref()));
    let pairs = [
        ("format", "csv"),
        ("scope", scope),
        ("state", state),
        ("status", status),
        ("q", &filter.q),
        ("email", &filter.email),
        ("product", &filter.product_id),
        ("priority", map::ticket::priority_key(filter.priority())),
        ("created_after", &after),
        ("created_before", &before),
        ("sort", if asked.sort.is_empty() { "-updated_at" } else { &asked.sort }),
    ];
    format!("{}/tickets?{}", visit.l.api, query(&pairs))
}

/// A whole address finds what its owner submitted (VL-14); everything else is words.
fn words_or_address(q: &str) -> (String, String) {
    let q: String = q.trim().chars().take(200).collect();
    let address =
        !q.contains(char::is_whitespace) && q.split_once('@').is_some_and(|(name, domain)| !name.is_empty() && domain.contains('.'));
    if address { (String::new(), q) } else { (q, String::new()) }
}

fn scope_name(scope: proto::Scope) -> &'static str {
    match scope {
        proto::Scope::Organization => "organization",
        proto::Scope::Collaborating => "collaborating",
        proto::Scope::Shared => "shared",
        _ => "mine",
    }
}

fn state_name(state: proto::StatusCategory) -> &'static str {
    match state {
        proto::StatusCategory::Open => "open",
        proto::StatusCategory::Resolved => "resolved",
        proto::StatusCategory::Closed => "closed",
        proto::StatusCategory::Unspecified => "",
    }
}

/// The query of an address, without what is empty.
fn query(pairs: &[(&str, &str)]) -> String {
    let set = pairs.iter().filter(|(_, value)| !value.is_empty());
    set.map(|(name, value)| format!("{name}={}", percent_encode(value))).collect::<Vec<_>>().join("&")
}

/// The list.
pub async fn page(visit: Visit, Query(asked): Query<Asked>) -> Answer<Response> {
    visit.person()?;
    let views = views(&visit);
    let Some(view) = views.iter().find(|view| view.name == asked.view).or_else(|| views.first()) else {
        return Err(crate::error::Problem::not_found());
    };
    let filter = view.narrowed(&asked, &visit.dates);
    let (sort, ascending) = order(&asked.sort);
    let request = visit.call.grpc(proto::ListTicketsRequest {
        portal: visit.portal(),
        filter: Some(filter),
        sort: sort.into(),
        ascending,
        page: Some(PageRequest { page_size: ROWS, page_token: asked.cursor.clone() }),
    });
    let (mut tickets, mut catalog) = (visit.call.clients().tickets(), visit.call.clients().catalog());
    let (listed, counts, catalog) = tokio::join!(
        tickets.list_tickets(request),
        counts(&visit, &views),
        catalog.get_catalog(visit.call.grpc(proto::GetCatalogRequest { portal: visit.portal() })),
    );
    let listed = listed?.into_inner();
    let products = catalog.map(|catalog| catalog.into_inner().products).unwrap_or_default();
    let page = Requests {
        l: visit.layout("requests"),
        tabs: tabs(&visit, &views, view.name, &counts),
        view: view.name.to_owned(),
        rows: rows(&listed.tickets, view, &visit),
        form: filled(&asked),
        products: products.into_iter().map(|product| Choice::new(product.id, product.name)).collect(),
        statuses: if view.chooses_status() { statuses(&visit) } else { Vec::new() },
        filtered: asked.filters().iter().any(|(_, value)| !value.is_empty()),
        csv: csv(&visit, view, &asked),
        show_requester: view.scope != proto::Scope::Mine,
        next: if listed.next_page_token.is_empty() { String::new() } else { next(&visit, view.name, &asked, &listed.next_page_token) },
        empty: view.empty.clone(),
    };
    if visit.partial() { visit.show(&page.as_results()) } else { visit.show(&page) }
}

/// What colleagues have not read yet is no news for the reader.
fn rows(tickets: &[proto::Ticket], view: &View, visit: &Visit) -> Vec<Row> {
    let pages = visit.url("/requests");
    let row = |ticket| {
        let row = map::ticket::row(ticket, &pages, &visit.dates);
        Row { unread: row.unread && view.scope != proto::Scope::Organization, ..row }
    };
    tickets.iter().map(row).collect()
}

async fn counts(visit: &Visit, views: &[View]) -> Vec<String> {
    let request = visit.call.grpc(proto::CountTicketsRequest { portal: visit.portal(), filters: views.iter().map(View::filter).collect() });
    match visit.call.clients().tickets().count_tickets(request).await {
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
    let form = asked.filters().into_iter().fold(Form::default(), |form, (name, value)| form.with(name, value));
    form.with("sort", if asked.sort.is_empty() { "-updated_at".to_owned() } else { asked.sort.clone() })
}

fn next(visit: &Visit, view: &str, asked: &Asked, cursor: &str) -> String {
    let ends = [("view", view), ("sort", asked.sort.as_str()), ("cursor", cursor)];
    let pairs: Vec<_> = asked.filters().into_iter().chain(ends).collect();
    visit.url(&format!("/requests?{}", query(&pairs)))
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

    fn view(scope: proto::Scope, state: proto::StatusCategory) -> View {
        View { name: "", label: String::new(), scope, state, statuses: Vec::new(), empty: Default::default() }
    }

    #[test]
    fn days_are_the_readers_and_include_the_last_one() {
        let dates = Dates::new(time::macros::datetime!(2026-11-23 12:00 UTC), "UTC");
        let asked = Asked { from: "2026-11-01".into(), to: "2026-11-02".into(), status: "new".into(), ..Asked::default() };
        let filter = view(proto::Scope::Organization, proto::StatusCategory::Unspecified).narrowed(&asked, &dates);
        let days = filter.created_before.unwrap().seconds - filter.created_after.unwrap().seconds;
        assert_eq!((days, filter.statuses), (2 * 86_400, vec![proto::Status::New.into()]));
        let open = view(proto::Scope::Mine, proto::StatusCategory::Open).narrowed(&asked, &dates);
        assert!(open.statuses.is_empty(), "a view of one state has no choice of status");
    }

    #[test]
    fn a_whole_address_is_searched_for_as_the_senders_vl_14() {
        assert_eq!(words_or_address(" alice@acme.test "), (String::new(), "alice@acme.test".to_owned()));
        for words in ["alice", "mail to alice@acme.test", "@acme.test", "DEMO-7"] {
            assert_eq!(words_or_address(words), (words.to_owned(), String::new()));
        }
    }

    #[test]
    fn an_address_holds_only_what_was_chosen() {
        assert_eq!(query(&[("view", "open"), ("q", "a b"), ("product", "")]), "view=open&q=a%20b");
    }
}
