//! Search over everything, and suggestions while typing. Articles, FAQs, topics and announcements come from the one public index; tickets from
//! their own service, for people who may see some.

use axum::Json;
use portico_proto::knowledge::v1 as proto;
use portico_proto::tickets::v1::TicketHit;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::shared::{filled, text};
use crate::call::{Api, Call};
use crate::error::Answer;
use crate::extract::Params;
use crate::input::{FromText, clean_text, not_one_of};
use crate::query_params;
use crate::state::AppState;
use crate::ticket_hits;

/// Characters of a query.
const LONGEST_QUERY: usize = 2000;
/// Items a group when nobody says.
const USUAL: u32 = 10;
/// Items of suggestions in all.
const SUGGESTIONS: usize = 8;
/// Tickets among the suggestions.
const SUGGESTED_TICKETS: i32 = 3;

/// What can be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Articles.
    Articles,
    /// Frequent questions.
    Faqs,
    /// Topics of the community.
    Topics,
    /// Announcements.
    Announcements,
    /// Tickets that the caller may see.
    Tickets,
}

const KINDS: [(&str, Kind); 5] = [
    ("articles", Kind::Articles),
    ("faqs", Kind::Faqs),
    ("topics", Kind::Topics),
    ("announcements", Kind::Announcements),
    ("tickets", Kind::Tickets),
];

impl Kind {
    fn to_proto(self) -> Option<proto::SearchKind> {
        match self {
            Self::Articles => Some(proto::SearchKind::Articles),
            Self::Faqs => Some(proto::SearchKind::Faqs),
            Self::Topics => Some(proto::SearchKind::Topics),
            Self::Announcements => Some(proto::SearchKind::Announcements),
            Self::Tickets => None,
        }
    }

    fn from_proto(kind: proto::SearchKind) -> Option<Self> {
        KINDS.iter().map(|(_, known)| *known).find(|known| known.to_proto() == Some(kind))
    }
}

/// Kinds, separated by commas.
#[derive(Debug, Clone)]
pub struct Kinds(Vec<Kind>);

impl FromText for Kinds {
    fn from_text(text: String, name: &str, errors: &mut Vec<chassis::error::FieldError>) -> Option<Self> {
        let text = clean_text(text, name, errors)?;
        let mut kinds = Vec::new();
        for word in text.split(',') {
            match KINDS.iter().find(|(known, _)| *known == word.trim()) {
                Some((_, kind)) if !kinds.contains(kind) => kinds.push(*kind),
                Some(_) => {}
                None => {
                    errors.push(not_one_of(name, &KINDS.map(|(known, _)| known)));
                    return None;
                }
            }
        }
        Some(Self(kinds))
    }
}

/// Items a group: 1 to 50.
#[derive(Debug, Clone, Copy)]
pub struct GroupLimit(u32);

impl FromText for GroupLimit {
    fn from_text(text: String, name: &str, errors: &mut Vec<chassis::error::FieldError>) -> Option<Self> {
        let read = u32::from_text(text, name, errors)?;
        if (1..=50).contains(&read) {
            return Some(Self(read));
        }
        errors.push(chassis::error::FieldError::new(name, "out_of_range", format!("{name} must be from 1 to 50.")));
        None
    }
}

query_params! {
    /// What is searched for.
    pub struct SearchParams {
        /// Words.
        #[param(value_type = String, required = true, min_length = 1, max_length = 2000)]
        pub q: Option<String>,
        /// Kinds, separated by commas: `articles,faqs,topics,announcements,tickets`; all when left out.
        #[param(value_type = Option<String>, pattern = "^(articles|faqs|topics|announcements|tickets)(,(articles|faqs|topics|announcements|tickets))*$")]
        pub r#in: Option<Kinds>,
        /// Narrows articles and FAQs to a department.
        pub department: Option<String>,
        /// Narrows articles and FAQs to a category.
        pub category: Option<String>,
        /// Items a group, 1 to 50; 10 when left out.
        #[param(value_type = Option<u32>, minimum = 1, maximum = 50, default = 10)]
        pub limit: Option<GroupLimit>,
    }
}

query_params! {
    /// What was typed so far.
    pub struct SuggestParams {
        /// The beginning of a search.
        #[param(value_type = String, required = true, min_length = 1, max_length = 2000)]
        pub q: Option<String>,
    }
}

/// A hit.
#[derive(Debug, Serialize, ToSchema)]
pub struct SearchItem {
    /// Id of the article, topic or announcement; number of the ticket.
    pub id: String,
    /// The id that an import brought along.
    pub source_id: Option<String>,
    /// Plain text.
    pub title: String,
    /// Where it is.
    pub url: String,
    /// Safe HTML with `<mark>` around what matched.
    pub snippet: String,
    /// Comparable within one group.
    pub score: f32,
}

/// The hits of one kind, best first.
#[derive(Debug, Serialize, ToSchema)]
pub struct SearchGroup {
    /// The kind.
    pub kind: Kind,
    /// How many the caller may see; at least that many when capped.
    pub total: i32,
    /// There are more.
    pub total_capped: bool,
    /// Best first.
    pub items: Vec<SearchItem>,
}

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
pub struct Found {
    /// One a kind that was asked for.
    pub groups: Vec<SearchGroup>,
    /// The query with its misspelt words corrected.
    pub did_you_mean: Option<String>,
    /// The community did not answer in time: its topics are left out.
    pub topics_missing: bool,
    /// Tickets did not answer in time: there is no group of them.
    pub tickets_missing: bool,
}

/// What may be meant.
#[derive(Debug, Serialize, ToSchema)]
pub struct Suggested {
    /// Only groups with an item; at most 8 items in all.
    pub groups: Vec<SearchGroup>,
    /// Tickets did not answer in time: there is no group of them.
    pub tickets_missing: bool,
}

/// Where a hit's page is.
fn url(portal: &str, kind: Kind, id: &str, slug: &str) -> String {
    match kind {
        Kind::Articles | Kind::Faqs => format!("/portal/{portal}/kb/articles/{slug}"),
        Kind::Topics => format!("/portal/{portal}/community/t/{id}-{slug}"),
        Kind::Announcements => format!("/portal/{portal}/announcements/{id}"),
        Kind::Tickets => format!("/portal/{portal}/requests/{id}"),
    }
}

fn group(portal: &str, group: proto::SearchGroup) -> Option<SearchGroup> {
    let kind = Kind::from_proto(group.kind())?;
    let items = group
        .items
        .into_iter()
        .map(|item| SearchItem {
            url: url(portal, kind, &item.id, &item.slug),
            source_id: filled(item.source_id),
            id: item.id,
            title: item.title,
            snippet: item.snippet_html,
            score: item.score,
        })
        .collect();
    Some(SearchGroup { kind, total: group.total, total_capped: group.total_capped, items })
}

/// Tickets that the caller may see, best first.
async fn ticket_group(call: &Call, query: &str, limit: i32) -> Answer<SearchGroup> {
    let found = ticket_hits::find(call, query, limit).await?;
    let portal = call.portal();
    let item = |hit: TicketHit| SearchItem {
        url: url(&portal, Kind::Tickets, &hit.number, ""),
        snippet: ticket_hits::snippet(&hit),
        title: hit.subject,
        score: hit.score,
        source_id: None,
        id: hit.number,
    };
    let items = found.hits.into_iter().map(item).collect();
    Ok(SearchGroup { kind: Kind::Tickets, total: found.total, total_capped: found.total_capped, items })
}

fn query(q: Option<String>) -> Answer<String> {
    let q = text(q);
    let refused = |code: &'static str, message: &str| Err(chassis::error::Error::invalid("q", code, message).into());
    if q.trim().is_empty() {
        return refused("required", "q is required.");
    }
    if q.chars().count() > LONGEST_QUERY {
        return refused("too_long", &format!("q must have at most {LONGEST_QUERY} characters."));
    }
    Ok(q)
}

/// Searches everything that the caller may see.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/search", tag = "search", params(("portal" = String, Path), SearchParams),
    responses((status = 200, body = Found)))]
async fn search(Api(call): Api, Params(params): Params<SearchParams>) -> Answer<Json<Found>> {
    let q = query(params.q)?;
    let kinds = params.r#in.map_or_else(|| KINDS.iter().map(|(_, kind)| *kind).collect(), |kinds| kinds.0);
    let limit = i32::try_from(params.limit.map_or(USUAL, |limit| limit.0)).unwrap_or(50);
    let signed_in = call.caller.as_person().is_some();
    let indexed: Vec<i32> = kinds.iter().filter_map(|kind| kind.to_proto()).map(i32::from).collect();
    let request = proto::SearchRequest {
        portal: call.portal(),
        query: q.clone(),
        kinds: indexed.clone(),
        department: text(params.department),
        category: text(params.category),
        limit,
    };
    let index = async {
        // An empty list would mean every kind.
        if indexed.is_empty() {
            Ok(proto::SearchResponse::default())
        } else {
            call.clients().search().search(call.grpc(request)).await.map(tonic::Response::into_inner).map_err(crate::error::Problem::from)
        }
    };
    let found_tickets = async {
        match (kinds.contains(&Kind::Tickets), signed_in) {
            (true, true) => ticket_hits::in_time(ticket_hits::PATIENCE, ticket_group(&call, &q, limit)).await,
            (true, false) => Ok(Some(SearchGroup { kind: Kind::Tickets, total: 0, total_capped: false, items: Vec::new() })),
            (false, _) => Ok(None),
        }
    };
    let (index, found_tickets) = tokio::try_join!(index, found_tickets)?;
    let portal = call.portal();
    let tickets_missing = found_tickets.is_none() && kinds.contains(&Kind::Tickets);
    let groups = index.groups.into_iter().filter_map(|found| group(&portal, found)).chain(found_tickets).collect();
    Ok(Json(Found { groups, did_you_mean: filled(index.did_you_mean), topics_missing: index.topics_missing, tickets_missing }))
}

/// Suggestions while typing: at most 8 items in all.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/suggest", tag = "search", params(("portal" = String, Path), SuggestParams),
    responses((status = 200, body = Suggested)))]
async fn suggest(Api(call): Api, Params(params): Params<SuggestParams>) -> Answer<Json<Suggested>> {
    let q = query(params.q)?;
    let request = proto::SuggestRequest { portal: call.portal(), query: q.clone(), kinds: Vec::new() };
    let index = async { Ok(call.clients().search().suggest(call.grpc(request)).await?.into_inner()) };
    let signed_in = call.caller.as_person().is_some();
    let own = async {
        match signed_in {
            true => ticket_hits::in_time(ticket_hits::WHILE_TYPING, ticket_group(&call, &q, SUGGESTED_TICKETS)).await,
            false => Ok(None),
        }
    };
    let (index, own) = tokio::try_join!(index, own)?;
    let portal = call.portal();
    let tickets_missing = signed_in && own.is_none();
    let groups = index.groups.into_iter().filter_map(|found| group(&portal, found)).collect();
    Ok(Json(Suggested { groups: at_most(own, groups), tickets_missing }))
}

/// One's own tickets keep their places; the rest shares what is left.
fn at_most(own: Option<SearchGroup>, mut groups: Vec<SearchGroup>) -> Vec<SearchGroup> {
    let taken = own.as_ref().map_or(0, |own| own.items.len());
    let mut left = SUGGESTIONS.saturating_sub(taken);
    for group in &mut groups {
        group.items.truncate(left);
        left -= group.items.len();
    }
    groups.into_iter().chain(own).filter(|group| !group.items.is_empty()).collect()
}

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(search)).routes(routes!(suggest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(kind: Kind, count: usize) -> SearchGroup {
        let item = |at: usize| SearchItem {
            id: at.to_string(),
            source_id: None,
            title: String::new(),
            url: String::new(),
            snippet: String::new(),
            score: 1.0,
        };
        SearchGroup { kind, total: 1, total_capped: false, items: (0..count).map(item).collect() }
    }

    #[test]
    fn suggestions_are_eight_in_all() {
        let groups = at_most(Some(items(Kind::Tickets, 3)), vec![items(Kind::Articles, 4), items(Kind::Faqs, 4)]);
        let counts: Vec<_> = groups.iter().map(|group| (group.kind, group.items.len())).collect();
        assert_eq!(counts, [(Kind::Articles, 4), (Kind::Faqs, 1), (Kind::Tickets, 3)]);
    }

    #[test]
    fn an_unknown_kind_is_refused_and_a_doubled_one_counts_once() {
        let mut errors = Vec::new();
        assert_eq!(Kinds::from_text("faqs,faqs,tickets".into(), "in", &mut errors).unwrap().0, [Kind::Faqs, Kind::Tickets]);
        assert!(Kinds::from_text("articles,people".into(), "in", &mut errors).is_none());
        assert!(Kinds::from_text(String::new(), "in", &mut errors).is_none());
    }
}
