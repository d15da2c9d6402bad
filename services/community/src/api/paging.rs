//! Pages: sizes and tokens. A token is good for the caller, the portal and the filter that it was made for (S40).

use portico_chassis::error::Error;
use portico_chassis::page::{self, Pager};
use portico_chassis::uuid::Uuid;
use portico_proto::common::v1::PageRequest;

use crate::app::asker::Asker;
use crate::domain::listing::Position;

/// A list as one caller asks for it.
pub(super) struct Paging<'p> {
    pager: &'p Pager,
    scope: [String; 4],
    /// Rows wanted.
    pub limit: i64,
    /// Where the page begins.
    pub after: Option<Position>,
}

impl<'p> Paging<'p> {
    /// `list` names the method, `filter` everything that the rows depend on.
    pub fn new(pager: &'p Pager, asker: &Asker, list: &str, filter: String, page: Option<&PageRequest>) -> Result<Self, Error> {
        let scope = [asker.portal.to_string(), asker.name.clone(), list.to_owned(), filter];
        let (size, token) = page.map_or((0, ""), |page| (page.page_size, page.page_token.as_str()));
        let limit = page::size(size)?;
        let cursor: Option<(i64, Uuid)> = pager.cursor(&parts(&scope), token)?;
        Ok(Self { pager, scope, limit, after: cursor.map(|(key, id)| Position { key, id }) })
    }

    /// The token of the next page; empty after the last.
    pub fn token(&self, next: Option<Position>) -> Result<String, Error> {
        next.map_or(Ok(String::new()), |next| self.pager.token(&parts(&self.scope), &(next.key, next.id)))
    }
}

fn parts(scope: &[String; 4]) -> [&str; 4] {
    scope.each_ref().map(String::as_str)
}
