//! The home page, and the list of portals of a development start.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use chassis::error::Error;
use portico_proto::common::v1::PageRequest;
use portico_proto::community::v1 as community;
use portico_proto::knowledge::v1 as knowledge;
use portico_proto::tickets::v1 as tickets;

use super::map;
use super::view::home::{Home, Link, Portals, Tile};
use super::view::layout::Layout;
use super::view::news::Notice;
use super::view::ticket::Row;
use super::visit::Visit;
use crate::error::{Answer, Problem};
use crate::state::AppState;

/// Rows of a block.
const ROWS: i32 = 5;

/// `/`: the portals of a development start; elsewhere there is nothing here.
pub async fn portals(State(state): State<AppState>) -> Answer<Response> {
    if !state.development() {
        return Err(Problem::not_found());
    }
    let portals = state
        .portals()
        .all()
        .iter()
        .map(|portal| Tile { url: format!("/portal/{}/", portal.slug), name: portal.title.clone(), text: portal.slug.clone() })
        .collect();
    let page = Portals { l: Layout::default(), portals };
    let html = page.render().map_err(|error| Problem::Error(Error::internal(format!("a template failed: {error}"))))?;
    Ok((StatusCode::OK, Html(html)).into_response())
}

/// The portal's first page. Each block stands for itself: one that can't be told now is left out.
pub async fn home(visit: Visit) -> Answer<Response> {
    let (notices, mine, categories, viewed, recent, topics) = tokio::join!(
        notices(&visit),
        mine(&visit),
        categories(&visit),
        articles(&visit, knowledge::ArticleSort::MostViewed),
        articles(&visit, knowledge::ArticleSort::Recent),
        topics(&visit),
    );
    let waiting = mine.iter().filter(|row| row.needs_reply).count();
    let Talk { discussed, recent: topics, viewed: viewed_topics } = topics;
    let page = Home { l: visit.layout("home"), notices, mine, waiting, categories, viewed, recent, discussed, topics, viewed_topics };
    visit.show(&page)
}

/// A first page of so many rows.
pub fn first(rows: i32) -> Option<PageRequest> {
    Some(PageRequest { page_size: rows, page_token: String::new() })
}

async fn notices(visit: &Visit) -> Vec<Notice> {
    if !visit.l.portal.announcements {
        return Vec::new();
    }
    let request = visit.call.grpc(knowledge::ListAnnouncementsRequest {
        portal: visit.portal(),
        page: first(3),
        include_all: false,
        undismissed_only: true,
    });
    let Ok(answer) = visit.call.clients().announcements().list_announcements(request).await else { return Vec::new() };
    answer.into_inner().announcements.iter().map(|one| map::news::notice(one, &visit.l.portal.base, &visit.dates)).collect()
}

/// The reader's requests: those that wait for him first, then the open ones and those that were resolved and are about to close.
async fn mine(visit: &Visit) -> Vec<Row> {
    if visit.l.me.is_none() {
        return Vec::new();
    }
    let ask = async |state: tickets::StatusCategory, statuses: Vec<i32>| {
        let filter = tickets::TicketFilter { scope: tickets::Scope::Mine.into(), state: state.into(), statuses, ..Default::default() };
        let request = visit.call.grpc(tickets::ListTicketsRequest {
            portal: visit.portal(),
            filter: Some(filter),
            sort: tickets::TicketSort::UpdatedAt.into(),
            ascending: false,
            page: first(ROWS),
        });
        visit.call.clients().tickets().list_tickets(request).await.map_or_else(|_| Vec::new(), |answer| answer.into_inner().tickets)
    };
    use tickets::StatusCategory::{Open, Resolved};
    let (waiting, open, resolved) =
        tokio::join!(ask(Open, vec![tickets::Status::WaitingCustomer.into()]), ask(Open, Vec::new()), ask(Resolved, Vec::new()));
    let pages = visit.url("/requests");
    let rest = open.iter().filter(|ticket| ticket.status() != tickets::Status::WaitingCustomer);
    // Open ones leave room for a resolved one, which closes by itself if nobody looks.
    let room = ROWS as usize - resolved.len().min(1);
    let shown = waiting.iter().chain(rest).take(room).chain(&resolved).take(ROWS as usize);
    shown.map(|ticket| map::ticket::row(ticket, &pages, &visit.dates)).collect()
}

async fn categories(visit: &Visit) -> Vec<Tile> {
    let kind = knowledge::ArticleKind::Article.into();
    let request = visit.call.grpc(knowledge::ListCategoriesRequest { portal: visit.portal(), kind });
    let Ok(answer) = visit.call.clients().articles().list_categories(request).await else { return Vec::new() };
    let mut categories = answer.into_inner().categories;
    categories.sort_by_key(|category| std::cmp::Reverse(category.articles));
    let words = &visit.l.words;
    categories.iter().take(6).map(|one| map::article::tile(one, &visit.l.portal.base, &words.article, &words.articles, false)).collect()
}

async fn articles(visit: &Visit, sort: knowledge::ArticleSort) -> Vec<Link> {
    let request = visit.call.grpc(knowledge::ListArticlesRequest {
        portal: visit.portal(),
        page: first(ROWS),
        sort: sort.into(),
        state: knowledge::ArticleState::Published.into(),
        ..Default::default()
    });
    let Ok(answer) = visit.call.clients().articles().list_articles(request).await else { return Vec::new() };
    let base = &visit.l.portal.base;
    let link = |article| match sort {
        knowledge::ArticleSort::MostViewed => map::article::plain_link(article, base),
        _ => map::article::link(article, base, &visit.dates),
    };
    answer.into_inner().articles.iter().map(link).collect()
}

/// What the community talks about.
#[derive(Default)]
struct Talk {
    discussed: Vec<Link>,
    recent: Vec<Link>,
    viewed: Vec<Link>,
}

/// Most discussed, recent and most viewed topics.
async fn topics(visit: &Visit) -> Talk {
    if !visit.l.portal.community {
        return Talk::default();
    }
    let ask = async |sort: community::TopicSort| {
        let request = visit.call.grpc(community::ListTopicsRequest {
            portal: visit.portal(),
            page: first(ROWS),
            sort: sort.into(),
            ..Default::default()
        });
        visit.call.clients().topics().list_topics(request).await.map_or_else(|_| Vec::new(), |answer| answer.into_inner().topics)
    };
    use community::TopicSort::{MostDiscussed, MostViewed, Recent};
    let (discussed, recent, viewed) = tokio::join!(ask(MostDiscussed), ask(Recent), ask(MostViewed));
    let base = &visit.l.portal.base;
    Talk {
        discussed: discussed.iter().filter(|topic| topic.posts > 0).map(|topic| map::topic::discussed(topic, base)).collect(),
        recent: recent.iter().map(|topic| map::topic::recent(topic, base, &visit.dates)).collect(),
        viewed: viewed.iter().filter(|topic| topic.views > 0).map(|topic| map::topic::viewed(topic, base)).collect(),
    }
}
