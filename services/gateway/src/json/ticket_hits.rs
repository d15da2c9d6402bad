//! Tickets among the hits of a search: best first, with what fits marked.

use portico_proto::common::v1::PageRequest;
use portico_proto::tickets::v1 as tickets;

use super::search::{Kind, SearchGroup, SearchItem, url};
use crate::call::Call;
use crate::error::Answer;

/// Of the tickets that fit, so many of the last changed are weighed against each other.
const WEIGHED: i32 = 50;
/// Characters of a query that the tickets service takes: a longer one names a ticket by its beginning.
const LONGEST: usize = 200;

/// Tickets that the caller may see: agents all, customers what is theirs or shared with them.
pub async fn ticket_group(call: &Call, query: &str, limit: i32) -> Answer<SearchGroup> {
    let scope =
        if call.caller.as_person().is_some_and(chassis::auth::Person::is_staff) { tickets::Scope::All } else { tickets::Scope::Visible };
    let q: String = query.chars().take(LONGEST).collect();
    let words = words(&q);
    let filter = tickets::TicketFilter { scope: scope.into(), q, ..Default::default() };
    let list = tickets::ListTicketsRequest {
        portal: call.portal(),
        filter: Some(filter.clone()),
        sort: tickets::TicketSort::UpdatedAt.into(),
        ascending: false,
        page: Some(PageRequest { page_size: WEIGHED, page_token: String::new() }),
    };
    let count = tickets::CountTicketsRequest { portal: call.portal(), filters: vec![filter] };
    let (mut lister, mut counter) = (call.peers().tickets(), call.peers().tickets());
    let (list, count) = tokio::try_join!(lister.list_tickets(call.grpc(list)), counter.count_tickets(call.grpc(count)))?;
    let counted = count.into_inner().counts.into_iter().next().unwrap_or_default();
    let portal = call.portal();
    let mut items: Vec<SearchItem> = list.into_inner().tickets.into_iter().map(|ticket| hit(&portal, ticket, &words)).collect();
    // Among equals the last changed stays first.
    items.sort_by(|one, other| other.score.total_cmp(&one.score));
    items.truncate(usize::try_from(limit).unwrap_or(0));
    Ok(SearchGroup { kind: Kind::Tickets, total: counted.count, total_capped: counted.capped, items })
}

fn hit(portal: &str, ticket: tickets::Ticket, words: &[String]) -> SearchItem {
    let plain = escape(&ticket.number);
    let number = if is_named(&ticket.number, words) { format!("<mark>{plain}</mark>") } else { plain };
    SearchItem {
        url: url(portal, Kind::Tickets, &ticket.number, ""),
        score: score(&ticket, words),
        snippet: format!("{} · {number} · {}", marked(&ticket.subject, words), escape(&ticket.status_label)),
        title: ticket.subject,
        source_id: None,
        id: ticket.number,
    }
}

/// 2 for the ticket whose number was asked for; otherwise the part of the words that begin a word of the subject: the rest was found in what
/// people wrote.
fn score(ticket: &tickets::Ticket, words: &[String]) -> f32 {
    if is_named(&ticket.number, words) {
        return 2.0;
    }
    let subject = self::words(&ticket.subject);
    let found = words.iter().filter(|word| subject.iter().any(|own| own.starts_with(word.as_str()))).count();
    found as f32 / words.len().max(1) as f32
}

fn is_named(number: &str, words: &[String]) -> bool {
    let parts = self::words(number);
    parts.len() <= words.len() && words.windows(parts.len().max(1)).any(|some| some == parts.as_slice())
}

/// The words of a text as the tickets service cuts them, in lower case.
fn words(text: &str) -> Vec<String> {
    let cut = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    cut.map(str::to_lowercase).collect()
}

/// Safe HTML of a text in which the words that fit are marked.
fn marked(text: &str, words: &[String]) -> String {
    let mut html = String::with_capacity(text.len() + 32);
    for piece in text.split_inclusive(|letter: char| !letter.is_alphanumeric()) {
        let word = piece.trim_end_matches(|letter: char| !letter.is_alphanumeric());
        let lower = word.to_lowercase();
        if !word.is_empty() && words.iter().any(|wanted| lower.starts_with(wanted.as_str())) {
            html.push_str(&format!("<mark>{}</mark>{}", escape(word), escape(&piece[word.len()..])));
        } else {
            html.push_str(&escape(piece));
        }
    }
    html
}

fn escape(plain: &str) -> String {
    plain.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(number: &str, subject: &str) -> tickets::Ticket {
        tickets::Ticket { number: number.into(), subject: subject.into(), status_label: "Open".into(), ..Default::default() }
    }

    #[test]
    fn what_fits_is_marked_and_nothing_else_is_html() {
        let item = hit("demo", ticket("DEMO-7", "Printer <b>prints</b> & smokes"), &words("print"));
        assert_eq!(item.snippet, "<mark>Printer</mark> &lt;b&gt;<mark>prints</mark>&lt;/b&gt; &amp; smokes · DEMO-7 · Open");
        assert!(hit("demo", ticket("DEMO-7", "x"), &words("demo-7")).snippet.contains("<mark>DEMO-7</mark>"));
    }

    #[test]
    fn a_number_is_best_then_what_the_subject_says_an5() {
        let asked = words("printer smokes");
        let by = |number: &str, subject: &str| score(&ticket(number, subject), &asked);
        assert!(by("DEMO-1", "The printer smokes") > by("DEMO-2", "A printer") && by("DEMO-2", "A printer") > by("DEMO-3", "Help"));
        assert!(score(&ticket("DEMO-7", "Help"), &words("DEMO-7")) > by("DEMO-1", "The printer smokes"));
        assert!(score(&ticket("DEMO-77", "Help"), &words("DEMO-7")) < 1.0);
    }
}
