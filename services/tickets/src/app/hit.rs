//! Search over all tickets that somebody may see.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use portico_chassis::db::PortalConn;
use portico_chassis::error::Error;
use portico_chassis::markdown;

use super::Tickets;
use super::asker::Asker;
use super::list::COUNT_CAP;
use super::snippet;
use crate::domain::filter::{Filter, Scope};
use crate::domain::hit::{Hit, best};
use crate::domain::ids::TicketId;
use crate::domain::words;
use crate::store::hit::{self, FoundText, Question, Ranked};

/// Characters of a number.
const LONGEST_NUMBER: usize = 60;
/// Characters of a question that is looked for in subjects: an index knows no shorter parts.
const SUBJECT: RangeInclusive<usize> = 3..=200;
/// Hits with a snippet.
const WITH_SNIPPET: usize = 10;

/// A ticket that was found, as it is shown.
#[derive(Debug, Clone)]
pub struct HitView {
    /// Which.
    pub hit: Hit,
    /// The portal's word for the status.
    pub label: String,
    /// Safe HTML.
    pub snippet: String,
    /// Comparable within one answer.
    pub score: f32,
}

/// What a search found.
#[derive(Debug, Clone, Default)]
pub struct SearchView {
    /// Best first.
    pub hits: Vec<HitView>,
    /// How many there are, up to [`COUNT_CAP`].
    pub total: i64,
    /// There are more.
    pub capped: bool,
}

impl Tickets {
    /// The best `limit` tickets for a question, of all that the asker may see.
    ///
    /// # Errors
    /// `Unauthenticated` for a guest.
    pub async fn search(&self, asker: &Asker, question: &str, limit: usize) -> Result<SearchView, Error> {
        let staff = asker.viewer()?.staff;
        let rules = self.rules(&asker.portal).await?;
        let wanted = words::wanted(question);
        if wanted.is_empty() {
            return Ok(SearchView::default());
        }
        let mut conn = self.db.read(&asker.portal, asker.deadline).await?;
        let found = self.found(&mut conn, asker, question, &wanted, limit).await?;
        let shown: Vec<TicketId> = found.hits.iter().take(WITH_SNIPPET).map(|hit| hit.id).collect();
        let texts = hit::texts(&mut conn, &asker.portal, staff, &shown, &wanted).await?;
        let hits = found.hits.into_iter().enumerate().map(|(place, hit)| {
            let text = texts.iter().find(|text| text.ticket == hit.id);
            HitView {
                label: rules.label(hit.status, hit.sub_status.as_deref()),
                snippet: text.map(|text| shown_of(&plain(text), &hit.subject, &wanted)).unwrap_or_default(),
                score: hit.score(place),
                hit,
            }
        });
        Ok(SearchView { hits: hits.collect(), total: found.total.min(COUNT_CAP), capped: found.total > COUNT_CAP })
    }

    async fn found(&self, conn: &mut PortalConn, asker: &Asker, question: &str, wanted: &[String], limit: usize) -> Result<Ranked, Error> {
        let (sight, now) = (asker.sight()?, self.now());
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        let line = question.trim().to_lowercase();
        let visible = Filter { scope: Some(Scope::Visible), ..Filter::default() };
        let all = Filter { words: words::query(question), ..visible.clone() };
        let asked = Question { filter: &all, line: &line, words: wanted, most_words: false, named: false };
        let mut found = hit::ranked(conn, &asker.portal, &sight, asked, most, now).await?;
        let mut others = Vec::new();
        let number = number(question);
        let is_number = number.is_some();
        if let Some(number) = number {
            let filter = Filter { number: Some(number), ..visible.clone() };
            let named = Question { filter: &filter, named: true, ..asked };
            others.extend(hit::ranked(conn, &asker.portal, &sight, named, most, now).await?.hits);
        }
        if found.cut && SUBJECT.contains(&line.chars().count()) {
            // Not all that fit were ranked. What has the question in its subject comes first, however old it is.
            let filter = Filter { subject: Some(question.trim().to_owned()), ..visible.clone() };
            let titled = hit::ranked(conn, &asker.portal, &sight, Question { filter: &filter, ..asked }, most, now).await?;
            others.extend(titled.hits);
        } else if found.hits.is_empty() && !is_number && wanted.len() > 1 {
            let filter = Filter { words: Some(words::any(wanted)), ..visible };
            let partly = Question { filter: &filter, most_words: true, ..asked };
            found = hit::ranked(conn, &asker.portal, &sight, partly, most, now).await?;
        }
        let hits = best(others.into_iter().chain(found.hits), limit);
        let total = found.total.max(i64::try_from(hits.len()).unwrap_or(i64::MAX));
        Ok(Ranked { hits, total, cut: found.cut })
    }
}

/// The number that a question may be, as it is stored.
fn number(question: &str) -> Option<String> {
    let number = question.trim().to_uppercase();
    let (prefix, digits) = number.rsplit_once('-')?;
    let named = !prefix.is_empty() && prefix.chars().all(|letter| letter.is_alphanumeric() || letter == '-');
    let counted = !digits.is_empty() && digits.chars().all(|digit| digit.is_ascii_digit());
    (named && counted && number.chars().count() <= LONGEST_NUMBER).then_some(number)
}

/// The words alone; a file's name is no Markdown.
fn plain(found: &FoundText) -> Cow<'_, str> {
    if found.is_name { Cow::Borrowed(&found.text) } else { Cow::Owned(markdown::plain(&found.text)) }
}

/// What is shown of a ticket: where its words are.
fn shown_of(text: &str, subject: &str, wanted: &[String]) -> String {
    snippet::marked(text, wanted).or_else(|| snippet::marked(subject, wanted)).unwrap_or_else(|| snippet::beginning(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_in_the_shape_of_a_number_may_be_one() {
        assert_eq!(number(" demo-42 ").as_deref(), Some("DEMO-42"));
        assert_eq!(number("two-parts-7").as_deref(), Some("TWO-PARTS-7"));
        for words in ["demo 42", "printer", "Canon-MX495", "error_0x8007", "max2@acme.test", "-7", "7-"] {
            assert_eq!(number(words), None, "{words}");
        }
    }

    #[test]
    fn a_snippet_comes_from_the_text_that_holds_the_words() {
        let wanted = words::wanted("pump");
        assert_eq!(shown_of("The pump", "Pump", &wanted), "The <mark>pump</mark>");
        assert_eq!(shown_of("It is loud", "Pump", &wanted), "<mark>Pump</mark>");
        assert_eq!(shown_of("It is loud", "Noise", &wanted), "It is loud");
    }
}
