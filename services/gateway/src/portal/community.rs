//! The community: its first page, a forum, and the reader's drafts.

use axum::extract::{Path, Query};
use axum::response::Response;
use portico_proto::community::v1 as proto;
use serde::Deserialize;

use super::home::first;
use super::map;
use super::news::{Cursor, next};
use super::view::community::{Community, Drafts, ForumPage, TopicRow};
use super::view::ui::{Crumb, Tab};
use super::visit::Visit;
use crate::error::{Answer, Problem};

/// All forums that the reader may see.
///
/// # Errors
/// 404 when the community is off.
pub async fn forums(visit: &Visit) -> Answer<Vec<proto::Forum>> {
    if !visit.l.portal.community {
        return Err(Problem::not_found());
    }
    let request = visit.call.grpc(proto::ListForumsRequest { portal: visit.portal() });
    Ok(visit.call.clients().forums().list_forums(request).await?.into_inner().forums)
}

/// The first page.
pub async fn index(visit: Visit) -> Answer<Response> {
    let forums = forums(&visit).await?;
    let (discussed, recent) = tokio::join!(topics(&visit, proto::TopicSort::MostDiscussed), topics(&visit, proto::TopicSort::Recent));
    let base = &visit.l.portal.base;
    let page = Community {
        l: visit.layout("community"),
        forums: forums.iter().map(|one| map::topic::forum(one, base, &visit.dates)).collect(),
        discussed,
        recent,
    };
    visit.show(&page)
}

async fn topics(visit: &Visit, sort: proto::TopicSort) -> Vec<TopicRow> {
    let request =
        visit.call.grpc(proto::ListTopicsRequest { portal: visit.portal(), page: first(6), sort: sort.into(), ..Default::default() });
    let Ok(answer) = visit.call.clients().topics().list_topics(request).await else { return Vec::new() };
    answer.into_inner().topics.iter().map(|one| map::topic::row(one, &visit.l.portal.base, &visit.dates)).collect()
}

/// The order of a forum, and where it goes on.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    sort: String,
    #[serde(default)]
    cursor: String,
}

/// The orders of a forum: name in the address, words.
const ORDERS: [(&str, &str); 4] =
    [("", "Recent"), ("most_discussed", "Most discussed"), ("top", "Most votes"), ("unanswered", "Unanswered")];

/// One forum.
pub async fn forum(visit: Visit, Path((_, slug)): Path<(String, String)>, Query(asked): Query<Asked>) -> Answer<Response> {
    let forums = forums(&visit).await?;
    let forum = map::topic::find(&forums, &slug).ok_or_else(Problem::not_found)?;
    let sort = match asked.sort.as_str() {
        "most_discussed" => proto::TopicSort::MostDiscussed,
        "top" => proto::TopicSort::Top,
        _ => proto::TopicSort::Recent,
    };
    let request = visit.call.grpc(proto::ListTopicsRequest {
        portal: visit.portal(),
        page: Cursor { cursor: asked.cursor }.page(25),
        forum: forum.id.clone(),
        sort: sort.into(),
        unanswered: asked.sort == "unanswered",
        ..Default::default()
    });
    let answer = visit.call.clients().topics().list_topics(request).await?.into_inner();
    let base = &visit.l.portal.base;
    let here = map::topic::forum_url(base, &forum.slug);
    let order = |name: &str| if name.is_empty() { here.clone() } else { format!("{here}?sort={name}") };
    let page = ForumPage {
        l: visit.layout("community"),
        crumbs: crumbs(&visit, &forums, forum),
        forum_id: forum.id.clone(),
        tabs: ORDERS
            .iter()
            .map(|(name, label)| Tab { url: order(name), label: (*label).into(), current: *name == asked.sort, ..Tab::default() })
            .collect(),
        topics: answer.topics.iter().map(|one| map::topic::row(one, base, &visit.dates)).collect(),
        next: next(order(&asked.sort), &answer.next_page_token),
        forum: map::topic::forum(forum, base, &visit.dates),
    };
    visit.show(&page)
}

fn crumbs(visit: &Visit, forums: &[proto::Forum], forum: &proto::Forum) -> Vec<Crumb> {
    let above = map::topic::find(forums, &forum.parent_id).filter(|_| !forum.parent_id.is_empty());
    let community = Crumb { url: visit.url("/community"), label: "Community".into() };
    let parent = above.map(|parent| Crumb { url: map::topic::forum_url(&visit.l.portal.base, &parent.slug), label: parent.name.clone() });
    std::iter::once(community).chain(parent).collect()
}

/// What the reader wrote and did not publish.
pub async fn drafts(visit: Visit) -> Answer<Response> {
    visit.person()?;
    let request = visit.call.grpc(proto::ListDraftsRequest { portal: visit.portal(), page: first(50) });
    let answer = visit.call.clients().topics().list_drafts(request).await?.into_inner();
    let row = |topic: &proto::TopicSummary| TopicRow {
        url: visit.url(&format!("/community/t/{}/edit", topic.id)),
        title: if topic.title.is_empty() { "Without a title".into() } else { topic.title.clone() },
        ..map::topic::row(topic, &visit.l.portal.base, &visit.dates)
    };
    let page = Drafts { l: visit.layout("community"), drafts: answer.topics.iter().map(row).collect(), form: visit.form() };
    visit.show(&page)
}
