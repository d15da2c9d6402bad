//! Search over everything that the reader may see.

use std::collections::HashMap;

use axum::extract::Query;
use axum::response::Response;
use chassis::error::Error;
use chassis::markdown::escape;
use portico_proto::community::v1 as community;
use portico_proto::knowledge::v1 as knowledge;
use portico_proto::tickets::v1 as tickets;
use serde::Deserialize;

use super::home::first;
use super::map;
use super::view::form::Form;
use super::view::home::Link;
use super::view::layout::{capital, percent_encode};
use super::view::search::{Group, Hit, Search};
use super::view::ui::{Choice, SafeHtml, Tab, unescape};
use super::visit::Visit;
use crate::error::Answer;
use crate::ticket_hits;

/// Hits of each kind on the page of all kinds.
const FEW: i32 = 6;
/// Hits on the page of one kind.
const MANY: i32 = 50;

/// What the address says.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    q: String,
    #[serde(default, rename = "type")]
    kind: String,
    /// Narrows articles and questions.
    #[serde(default)]
    department: String,
    /// The same.
    #[serde(default)]
    category: String,
}

impl Asked {
    /// Whether only articles and questions of a department or category are wanted.
    fn narrowed(&self) -> bool {
        !(self.department.is_empty() && self.category.is_empty())
    }

    /// Whether the page can be narrowed: only articles and questions have departments and categories.
    fn facets(&self) -> bool {
        matches!(self.kind.as_str(), "" | "articles" | "faqs")
    }

    /// The address of another query or kind, narrowed as it is now.
    fn url(&self, visit: &Visit, query: &str, kind: &str) -> String {
        let chosen = [("type", kind), ("department", self.department.as_str()), ("category", self.category.as_str())];
        let chosen = chosen.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("&{name}={}", percent_encode(value)));
        visit.url(&format!("/search?q={}{}", percent_encode(query), chosen.collect::<String>()))
    }
}

/// The kinds: name in the address, words, icon.
const KINDS: [(&str, &str, &str); 5] = [
    ("articles", "Articles", "file-text"),
    ("faqs", "Questions and answers", "circle-question-mark"),
    ("topics", "Community", "messages-square"),
    ("announcements", "Announcements", "megaphone"),
    ("tickets", "Your requests", "inbox"),
];

fn kind_of(name: &str) -> Option<knowledge::SearchKind> {
    Some(match name {
        "articles" => knowledge::SearchKind::Articles,
        "faqs" => knowledge::SearchKind::Faqs,
        "topics" => knowledge::SearchKind::Topics,
        "announcements" => knowledge::SearchKind::Announcements,
        _ => return None,
    })
}

/// The page of results; without a query only the field.
pub async fn page(visit: Visit, Query(asked): Query<Asked>) -> Answer<Response> {
    let query: String = asked.q.trim().chars().take(2000).collect();
    if query.is_empty() {
        return visit.show(&Search {
            l: visit.layout("search"),
            query,
            tabs: Vec::new(),
            groups: Vec::new(),
            total: 0,
            did_you_mean: String::new(),
            did_you_mean_url: String::new(),
            partial: false,
            popular: Vec::new(),
            departments: Vec::new(),
            categories: Vec::new(),
            form: Form::default(),
        });
    }
    let limit = if asked.kind.is_empty() { FEW } else { MANY };
    let (found, mine, forums, (departments, categories)) = tokio::join!(
        public(&visit, &query, &asked, limit),
        requests(&visit, &query, &asked, limit),
        forum_names(&visit, &asked.kind),
        facets(&visit, &asked),
    );
    // The field must never be worth nothing: what doesn't answer is left out, with a word about it.
    let (answer, failed) = found.map_or_else(|_| (knowledge::SearchResponse::default(), true), |answer| (answer, false));
    let mut groups: Vec<Group> = answer.groups.iter().map(|one| group(one, &visit, &query, &asked, &forums)).collect();
    let mine_failed = mine.is_err();
    groups.extend(mine.ok().flatten());
    let total = groups.iter().map(|group| group.hits.len()).sum();
    let popular = if total == 0 { popular(&visit).await } else { Vec::new() };
    let page = Search {
        l: visit.layout("search"),
        tabs: tabs(&visit, &query, &asked, &groups),
        total,
        did_you_mean_url: asked.url(&visit, &answer.did_you_mean, &asked.kind),
        did_you_mean: answer.did_you_mean,
        partial: failed || mine_failed || answer.topics_missing,
        groups,
        popular,
        departments,
        categories,
        form: Form::default()
            .with("type", asked.kind.clone())
            .with("department", asked.department.clone())
            .with("category", asked.category.clone()),
        query,
    };
    visit.show(&page)
}

/// Departments and categories to narrow to; without them the page has no such choice.
async fn facets(visit: &Visit, asked: &Asked) -> (Vec<Choice>, Vec<Choice>) {
    if !asked.facets() {
        return Default::default();
    }
    let (mut catalog, mut articles) = (visit.call.clients().catalog(), visit.call.clients().articles());
    let asked = tokio::time::timeout(ticket_hits::PATIENCE, async {
        tokio::join!(
            catalog.get_catalog(visit.call.grpc(tickets::GetCatalogRequest { portal: visit.portal() })),
            articles.list_categories(visit.call.grpc(knowledge::ListCategoriesRequest { portal: visit.portal(), kind: 0 })),
        )
    });
    let Ok((catalog, categories)) = asked.await else { return Default::default() };
    let departments = catalog.map(|answer| answer.into_inner().departments).unwrap_or_default();
    let categories = categories.map(|answer| answer.into_inner().categories).unwrap_or_default();
    (
        departments.into_iter().map(|one| Choice::new(one.name.clone(), one.name)).collect(),
        categories.into_iter().filter(|one| one.articles > 0).map(|one| Choice::new(one.name.clone(), capital(&one.name))).collect(),
    )
}

async fn public(visit: &Visit, query: &str, asked: &Asked, limit: i32) -> Answer<knowledge::SearchResponse> {
    if asked.kind == "tickets" {
        return Ok(knowledge::SearchResponse::default());
    }
    let request = visit.call.grpc(knowledge::SearchRequest {
        portal: visit.portal(),
        query: query.to_owned(),
        kinds: kind_of(&asked.kind).map(i32::from).into_iter().collect(),
        department: if asked.facets() { asked.department.clone() } else { String::new() },
        category: if asked.facets() { asked.category.clone() } else { String::new() },
        limit,
    });
    Ok(visit.call.clients().search().search(request).await?.into_inner())
}

/// The forums' names by id: a topic's hit says where it was written. Without them it says nothing.
async fn forum_names(visit: &Visit, kind: &str) -> HashMap<String, String> {
    fn add(forums: Vec<community::Forum>, names: &mut HashMap<String, String>) {
        for forum in forums {
            names.insert(forum.id, forum.name);
            add(forum.children, names);
        }
    }
    let mut names = HashMap::new();
    if matches!(kind, "" | "topics") && visit.l.portal.community {
        let forums = tokio::time::timeout(ticket_hits::PATIENCE, super::community::forums(visit));
        add(forums.await.ok().and_then(Result::ok).unwrap_or_default(), &mut names);
    }
    names
}

async fn requests(visit: &Visit, query: &str, asked: &Asked, limit: i32) -> Answer<Option<Group>> {
    let wanted = asked.kind == "tickets" || (asked.kind.is_empty() && !asked.narrowed());
    if visit.l.me.is_none() || !wanted {
        return Ok(None);
    }
    let finding = ticket_hits::in_time(ticket_hits::PATIENCE, ticket_hits::find(&visit.call, query, limit));
    let found = finding.await?.ok_or(Error::Unavailable("tickets"))?;
    let hits: Vec<_> = found
        .hits
        .into_iter()
        .map(|hit| Hit {
            url: visit.request_url(&hit.number),
            snippet: SafeHtml(marks_only(&hit.snippet_html)),
            meta: format!("{} · {}", hit.number, hit.status_label),
            title: hit.subject,
        })
        .collect();
    let more = found.total_capped || found.total > shown(&hits);
    Ok(Some(Group {
        title: format!("Your {}", visit.l.words.tickets),
        total: counted(found.total, found.total_capped),
        icon: "inbox",
        more: if more && asked.kind.is_empty() { asked.url(visit, query, "tickets") } else { String::new() },
        cut: more && !asked.kind.is_empty(),
        hits,
    }))
}

fn group(found: &knowledge::SearchGroup, visit: &Visit, query: &str, asked: &Asked, forums: &HashMap<String, String>) -> Group {
    let (name, title, icon) = KINDS.iter().find(|(name, ..)| kind_of(name) == Some(found.kind())).copied().unwrap_or(KINDS[0]);
    let more = found.total_capped || found.total > shown(&found.items);
    Group {
        title: if name == "articles" { visit.l.words.Articles() } else { title.to_owned() },
        total: counted(found.total, found.total_capped),
        icon,
        more: if more && asked.kind.is_empty() { asked.url(visit, query, name) } else { String::new() },
        cut: more && !asked.kind.is_empty(),
        hits: found.items.iter().map(|item| hit(item, &visit.l.portal.base, forums)).collect(),
    }
}

fn shown<T>(hits: &[T]) -> i32 {
    i32::try_from(hits.len()).unwrap_or(i32::MAX)
}

fn counted(total: i32, capped: bool) -> String {
    if capped { format!("{total}+") } else { total.to_string() }
}

fn hit(item: &knowledge::SearchItem, base: &str, forums: &HashMap<String, String>) -> Hit {
    let url = match item.kind() {
        knowledge::SearchKind::Topics => map::topic::url(base, &item.id, &item.slug),
        knowledge::SearchKind::Announcements => format!("{base}/announcements/{}", item.id),
        _ => map::article::url(base, &item.slug),
    };
    let meta = match item.kind() {
        knowledge::SearchKind::Topics => forums.get(&item.category).cloned().unwrap_or_default(),
        _ => capital(&item.category),
    };
    Hit { url, title: item.title.clone(), snippet: SafeHtml(marks_only(&item.snippet_html)), meta }
}

/// Keeps `<mark>` of a snippet and escapes everything else, whatever the index sent.
fn marks_only(html: &str) -> String {
    html.split("<mark>")
        .enumerate()
        .map(|(at, part)| match (at, part.split_once("</mark>")) {
            (0, _) | (_, None) => escape_again(part),
            (_, Some((inside, after))) => format!("<mark>{}</mark>{}", escape_again(inside), escape_again(after)),
        })
        .collect()
}

/// Keeps only the words of a snippet.
pub(super) fn words_only(html: &str) -> String {
    escape_again(&html.replace("<mark>", "").replace("</mark>", ""))
}

/// Escapes text that may hold the five entities already.
fn escape_again(text: &str) -> String {
    escape(&unescape(text))
}

fn tabs(visit: &Visit, query: &str, asked: &Asked, groups: &[Group]) -> Vec<Tab> {
    let all = Tab { url: asked.url(visit, query, ""), label: "All".into(), current: asked.kind.is_empty(), ..Tab::default() };
    let known = KINDS.iter().filter(|(name, ..)| match *name {
        "tickets" => visit.l.me.is_some(),
        "topics" => visit.l.portal.community,
        "announcements" => visit.l.portal.announcements,
        _ => true,
    });
    let tabs = known.map(|(name, label, icon)| Tab {
        url: asked.url(visit, query, name),
        label: match *name {
            "tickets" => format!("Your {}", visit.l.words.tickets),
            "articles" => visit.l.words.Articles(),
            _ => (*label).to_owned(),
        },
        count: groups.iter().find(|group| group.icon == *icon).map(|group| group.total.clone()).unwrap_or_default(),
        current: *name == asked.kind,
        icon,
    });
    std::iter::once(all).chain(tabs).collect()
}

async fn popular(visit: &Visit) -> Vec<Link> {
    let request = visit.call.grpc(knowledge::ListArticlesRequest {
        portal: visit.portal(),
        page: first(5),
        sort: knowledge::ArticleSort::MostViewed.into(),
        state: knowledge::ArticleState::Published.into(),
        ..Default::default()
    });
    let Ok(answer) = visit.call.clients().articles().list_articles(request).await else { return Vec::new() };
    answer.into_inner().articles.iter().map(|one| map::article::plain_link(one, &visit.l.portal.base)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hit_says_where_it_stands_in_words_and_never_by_an_id() {
        let forums = HashMap::from([("0198".to_owned(), "Installers".to_owned())]);
        let item = |kind: knowledge::SearchKind, category: &str| knowledge::SearchItem {
            kind: kind.into(),
            category: category.into(),
            ..Default::default()
        };
        let meta = |kind, category| hit(&item(kind, category), "/portal/demo", &forums).meta;
        assert_eq!(meta(knowledge::SearchKind::Articles, "getting started"), "Getting started");
        assert_eq!(meta(knowledge::SearchKind::Topics, "0198"), "Installers");
        assert_eq!(meta(knowledge::SearchKind::Topics, "0199"), "");
    }

    #[test]
    fn a_snippet_keeps_its_marks_and_nothing_else() {
        assert_eq!(marks_only("a &lt;b&gt; <mark>c</mark> d"), "a &lt;b&gt; <mark>c</mark> d");
        assert_eq!(marks_only("<script>x</script><mark>y"), "&lt;script&gt;x&lt;/script&gt;y");
        assert_eq!(words_only("a &amp; <mark>b</mark><i>"), "a &amp; b&lt;i&gt;");
    }
}
