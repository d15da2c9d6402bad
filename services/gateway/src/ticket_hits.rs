//! Tickets among the hits of a search: those that the caller may see, best first, with the place where the words were found.

use std::time::Duration;

use futures_util::future::join_all;
use portico_proto::common::v1::PageRequest;
use portico_proto::tickets::v1 as proto;

use crate::call::Call;
use crate::error::{Answer, Problem};

/// Characters that the tickets service takes; a longer query names a ticket by its beginning.
const QUERY: usize = 200;
/// Hits that are looked at to find the best.
const LOOKED_AT: i32 = 50;
/// Hits whose description is read for a snippet; what stands further down says its number and status.
const READ: usize = 10;
/// Characters before the first word that was found.
const BEFORE: usize = 40;
/// Characters of a snippet.
const SNIPPET: usize = 160;

/// How long a search waits for the tickets.
pub const PATIENCE: Duration = Duration::from_secs(2);
/// The same for suggestions.
pub const WHILE_TYPING: Duration = Duration::from_millis(500);

/// What was found.
pub struct Found {
    /// Best first.
    pub hits: Vec<TicketHit>,
    /// Whether there are more than were looked at or are shown.
    pub more: bool,
}

/// One ticket.
pub struct TicketHit {
    /// "DEMO-1042".
    pub number: String,
    /// The subject.
    pub subject: String,
    /// The portal's word for the status.
    pub status: String,
    /// Safe HTML with `<mark>` around what matched; empty when the words stand elsewhere in the ticket.
    pub snippet: String,
    /// Comparable within one answer.
    pub score: f32,
}

/// What was found of the tickets, or `None` when they don't answer in time: the rest is not worth less for it.
///
/// # Errors
/// Any refusal that does not pass by itself.
pub async fn in_time<T>(patience: Duration, finding: impl Future<Output = Answer<T>>) -> Answer<Option<T>> {
    match tokio::time::timeout(patience, finding).await {
        Ok(Err(Problem::Error(error))) if error.is_transient() => Ok(None),
        Ok(found) => found.map(Some),
        Err(_) => Ok(None),
    }
}

/// The filter of a search: agents all, customers what is theirs or shared with them.
pub fn filter(call: &Call, query: &str) -> proto::TicketFilter {
    let staff = call.caller.as_person().is_some_and(chassis::auth::Person::is_staff);
    let scope = if staff { proto::Scope::All } else { proto::Scope::Visible };
    proto::TicketFilter { scope: scope.into(), q: query.chars().take(QUERY).collect(), ..Default::default() }
}

/// Finds tickets, at most `limit`.
///
/// # Errors
/// When tickets does not answer.
pub async fn find(call: &Call, query: &str, limit: i32) -> Answer<Found> {
    let request = proto::ListTicketsRequest {
        portal: call.portal(),
        filter: Some(filter(call, query)),
        sort: proto::TicketSort::UpdatedAt.into(),
        ascending: false,
        page: Some(PageRequest { page_size: LOOKED_AT, page_token: String::new() }),
    };
    let answer = call.clients().tickets().list_tickets(call.grpc(request)).await?.into_inner();
    let words = words(query);
    let mut tickets = answer.tickets;
    let all = tickets.len();
    // The sort keeps the newest first among equals.
    tickets.sort_by_key(|ticket| std::cmp::Reverse(fits(&ticket.subject, &ticket.number, &words)));
    tickets.truncate(usize::try_from(limit).unwrap_or(0));
    let more = !answer.next_page_token.is_empty() || tickets.len() < all;
    let texts = join_all(tickets.iter().take(READ).map(|ticket| description(call, &ticket.number))).await;
    let hits = tickets.into_iter().enumerate().map(|(rank, ticket)| TicketHit {
        snippet: texts.get(rank).map(|text| snippet(text, &words)).unwrap_or_default(),
        score: fits(&ticket.subject, &ticket.number, &words) as f32 + 1.0 / (rank as f32 + 1.0),
        status: ticket.status_label,
        number: ticket.number,
        subject: ticket.subject,
    });
    Ok(Found { hits: hits.collect(), more })
}

/// A ticket's own text; empty when it can't be read now.
async fn description(call: &Call, number: &str) -> String {
    let request = call.grpc(proto::GetTicketRequest { portal: call.portal(), number: number.to_owned() });
    call.clients().tickets().get_ticket(request).await.map(|answer| answer.into_inner().description).unwrap_or_default()
}

fn words(text: &str) -> Vec<String> {
    text.to_lowercase().split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// How many of the words begin a word of the subject; the number itself counts most.
fn fits(subject: &str, number: &str, wanted: &[String]) -> usize {
    let there = words(subject);
    let named = !wanted.is_empty() && words(number) == wanted;
    let found = wanted.iter().filter(|word| there.iter().any(|own| own.starts_with(word.as_str()))).count();
    found + if named { 100 } else { 0 }
}

/// The text around the first word that was found, with marks; empty when none is there.
fn snippet(text: &str, wanted: &[String]) -> String {
    let plain: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let found =
        |from: &str| wanted.iter().filter(|word| from.to_lowercase().starts_with(word.as_str())).map(|word| word.chars().count()).max();
    let chars: Vec<char> = plain.chars().collect();
    let begins = |at: usize| at == 0 || chars.get(at - 1).is_some_and(|before| !before.is_alphanumeric());
    let rest = |at: usize| chars.iter().skip(at).take(60).collect::<String>();
    let matches: Vec<(usize, usize)> =
        (0..chars.len()).filter(|at| begins(*at)).filter_map(|at| found(&rest(at)).map(|length| (at, length))).take(20).collect();
    let Some((first, _)) = matches.first() else { return String::new() };
    let start = first.saturating_sub(BEFORE);
    let end = (start + SNIPPET).min(chars.len());
    let mut html = if start > 0 { "…".to_owned() } else { String::new() };
    let mut at = start;
    for (begin, length) in matches.into_iter().filter(|(begin, length)| *begin >= start && begin + length <= end) {
        if begin < at {
            continue;
        }
        html += &escape(chars.get(at..begin).unwrap_or_default());
        html += &format!("<mark>{}</mark>", escape(chars.get(begin..begin + length).unwrap_or_default()));
        at = begin + length;
    }
    html += &escape(chars.get(at..end).unwrap_or_default());
    if end < chars.len() { html + "…" } else { html }
}

fn escape(chars: &[char]) -> String {
    crate::portal::view::ui::escape(&chars.iter().collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chassis::error::Error;
    use futures_util::FutureExt;

    #[tokio::test(start_paused = true)]
    async fn tickets_that_hang_or_are_away_are_left_out_and_a_refusal_is_told() {
        let wait = |finding| in_time(PATIENCE, finding);
        assert!(matches!(wait(futures_util::future::pending::<Answer<u8>>().boxed()).await, Ok(None)));
        let away = async { Err(Error::Unavailable("a peer").into()) };
        assert!(matches!(wait(away.boxed()).await, Ok(None)));
        let revoked = async { Err(Error::sign_in_required().into()) };
        assert!(wait(revoked.boxed()).await.is_err());
        assert!(matches!(wait(async { Ok(7) }.boxed()).await, Ok(Some(7))));
    }

    #[test]
    fn a_ticket_whose_subject_holds_the_words_stands_before_one_that_does_not() {
        let wanted = words("pump noise");
        assert!(fits("The pump makes noise", "A-1", &wanted) > fits("Pump", "A-2", &wanted));
        assert!(fits("Something else", "A-3", &words("a-3")) > fits("a 3 of all", "A-4", &words("a-3")));
        assert_eq!(fits("", "A-1", &[]), 0);
    }

    #[test]
    fn a_snippet_marks_the_words_and_escapes_the_rest() {
        let wanted = words("relay");
        assert_eq!(snippet("The <b>relays</b>\n click", &wanted), "The &lt;b&gt;<mark>relay</mark>s&lt;/b&gt; click");
        assert_eq!(snippet("nothing here", &wanted), "");
        let long = format!("{} relay {}", "word ".repeat(40), "more ".repeat(80));
        let shown = snippet(&long, &wanted);
        assert!(shown.starts_with('…') && shown.ends_with('…') && shown.contains("<mark>relay</mark>"), "{shown}");
    }
}
