//! Lists and counts.

use portico_chassis::error::Error;
use portico_chassis::page;

use super::Tickets;
use super::asker::Asker;
use super::view::{self, Lens, TicketView};
use crate::domain::access::{Relation, relation};
use crate::domain::filter::{Filter, Sort};
use crate::domain::kinds::Access;
use crate::store::list::{self, Cursor, Page};

/// Counts end here.
pub const COUNT_CAP: i64 = 100;

/// A page that a caller asks for.
#[derive(Debug, Clone)]
pub struct ListInput {
    /// Which.
    pub filter: Filter,
    /// In what order.
    pub sort: Sort,
    /// Smallest first.
    pub ascending: bool,
    /// Rows wanted; 0: the default.
    pub page_size: i32,
    /// Where the page before ended.
    pub page_token: String,
    /// Filter and sort as text: a page token is good for these only.
    pub fingerprint: String,
}

impl Tickets {
    /// A page of the tickets that the asker may see, and the token of the next.
    ///
    /// # Errors
    /// `Malformed` for a token of another list; `Invalid` for a size out of bounds.
    pub async fn list(&self, asker: &Asker, input: &ListInput) -> Result<(Vec<TicketView>, String), Error> {
        let sight = asker.sight()?;
        let size = page::size(input.page_size)?;
        let scope = [asker.portal.as_str(), &asker.name, "ListTickets", &input.fingerprint];
        let after: Option<Cursor> = self.pager.cursor(&scope, &input.page_token)?;
        let rules = self.rules(&asker.portal).await?;
        let now = self.now();
        let mut conn = self.db.read(&asker.portal, asker.deadline).await?;
        let wanted = Page { sort: input.sort, ascending: input.ascending, after, limit: size + 1 };
        let mut rows = list::page(&mut conn, &asker.portal, &sight, &input.filter, &wanted, now).await?;
        let more = rows.len() > usize::try_from(size).unwrap_or(usize::MAX);
        if more {
            rows.pop();
        }
        let cursor = rows.last().filter(|_| more).map(|last| list::cursor_of(last, input.sort, sight.is_staff()));
        let token = cursor.map(|cursor| self.pager.token(&scope, &cursor)).transpose()?.unwrap_or_default();
        let viewer = asker.viewer()?;
        let views = rows.into_iter().map(|mut found| {
            // Shares are not read with lists: whoever is neither requester nor colleague sees it by a share.
            let relation = relation(&found.case.ticket, viewer, now).unwrap_or(Relation::Collaborator(Access::Read));
            found.case.show_links(found.links, viewer, now);
            view::row(&found.case, &Lens { person: viewer.person, relation, seen_at: found.seen_at }, &rules)
        });
        Ok((views.collect(), token))
    }

    /// How many tickets fit each filter, and whether there are more.
    ///
    /// # Errors
    /// `Unauthenticated` for a guest.
    pub async fn counts(&self, asker: &Asker, filters: &[Filter]) -> Result<Vec<(i64, bool)>, Error> {
        let sight = asker.sight()?;
        self.rules(&asker.portal).await?;
        let mut conn = self.db.read(&asker.portal, asker.deadline).await?;
        let counts = list::counts(&mut conn, &asker.portal, &sight, filters, COUNT_CAP + 1, self.now()).await?;
        Ok(counts.into_iter().map(|count| (count.min(COUNT_CAP), count > COUNT_CAP)).collect())
    }
}
