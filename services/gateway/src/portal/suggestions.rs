//! Articles that may answer a request: beside the form, and after it was sent.

use std::time::Duration;

use portico_proto::knowledge::v1 as proto;

use super::map;
use super::search::words_only;
use super::view::request::Suggestion;
use super::view::ui::SafeHtml;
use super::visit::Visit;

/// A page with articles beside its own matter waits so long for them.
const PATIENCE: Duration = Duration::from_secs(1);
/// Articles that are suggested.
const MOST: i32 = 5;
/// A floor: what scores far below the best hit is noise, and showing noise is worse than showing nothing.
const FLOOR: f32 = 0.4;

/// What the reader may find useful for a subject, best first. Without an answer in time the page has none.
pub async fn fitting(visit: &Visit, subject: &str) -> Vec<Suggestion> {
    if subject.is_empty() {
        return Vec::new();
    }
    let request = visit.call.grpc(proto::SearchRequest {
        portal: visit.portal(),
        query: subject.to_owned(),
        kinds: vec![proto::SearchKind::Articles.into(), proto::SearchKind::Faqs.into()],
        limit: MOST,
        ..Default::default()
    });
    let mut search = visit.call.clients().search();
    let Ok(Ok(found)) = tokio::time::timeout(PATIENCE, search.search(request)).await else { return Vec::new() };
    let items = found.into_inner().groups.into_iter().flat_map(|group| group.items).collect();
    best(items).iter().map(|item| suggestion(item, &visit.l.portal.base)).collect()
}

fn suggestion(item: &proto::SearchItem, base: &str) -> Suggestion {
    Suggestion { url: map::article::url(base, &item.slug), title: item.title.clone(), text: SafeHtml(words_only(&item.snippet_html)) }
}

fn best(mut items: Vec<proto::SearchItem>) -> Vec<proto::SearchItem> {
    items.sort_by(|a, b| b.score.total_cmp(&a.score));
    let floor = items.first().map_or(0.0, |first| first.score * FLOOR);
    items.retain(|item| item.score > 0.0 && item.score >= floor);
    items.truncate(MOST as usize);
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_far_below_the_best_is_not_suggested() {
        let item = |id: &str, score: f32| proto::SearchItem { id: id.into(), score, ..Default::default() };
        let kept = best(vec![item("faint", 3.9), item("good", 5.0), item("best", 10.0), item("faint too", 0.0)]);
        assert_eq!(kept.iter().map(|item| item.id.as_str()).collect::<Vec<_>>(), ["best", "good"]);
        assert_eq!(best((0..9).map(|_| item("same", 1.0)).collect()).len(), 5);
        assert!(best(vec![item("nothing", 0.0)]).is_empty());
    }
}
