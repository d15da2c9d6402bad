//! Tickets among the hits of a search: those that the caller may see, best first.

use std::time::Duration;

use chassis::markdown::escape;
use portico_proto::tickets::v1 as proto;

use crate::call::Call;
use crate::error::{Answer, Problem};

/// How long a search waits for the tickets.
pub const PATIENCE: Duration = Duration::from_secs(2);
/// The same for suggestions.
pub const WHILE_TYPING: Duration = Duration::from_millis(500);

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

/// Finds tickets, at most `limit`: from 1 to 50.
///
/// # Errors
/// When tickets does not answer.
pub async fn find(call: &Call, query: &str, limit: i32) -> Answer<proto::SearchTicketsResponse> {
    let request = proto::SearchTicketsRequest { portal: call.portal(), query: query.to_owned(), limit };
    Ok(call.clients().tickets().search_tickets(call.grpc(request)).await?.into_inner())
}

/// Safe HTML that says where the words stand, or the number and status where that was not looked for.
pub fn snippet(hit: &proto::TicketHit) -> String {
    let told = || escape(&format!("{} · {}", hit.number, hit.status_label));
    if hit.snippet_html.is_empty() { told() } else { hit.snippet_html.clone() }
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
}
