//! What an import says about the past of an article.

use time::OffsetDateTime;
use time::macros::datetime;

use super::article::{Article, ArticleChange};
use super::problem::Problem;

/// Nothing that is imported happened before.
const EARLIEST: OffsetDateTime = datetime!(2000-01-01 00:00 UTC);

/// Times that an import brings along; `None`: not told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dates {
    /// When it was written; of a new article only.
    pub created_at: Option<OffsetDateTime>,
    /// When it was first published.
    pub published_at: Option<OffsetDateTime>,
    /// When its content last changed.
    pub updated_at: Option<OffsetDateTime>,
}

impl Dates {
    /// Everything that is wrong with them.
    #[must_use]
    pub fn problems(&self, now: OffsetDateTime) -> Vec<Problem> {
        let told = [("created_at", self.created_at), ("published_at", self.published_at), ("updated_at", self.updated_at)];
        let (mut problems, mut floor) = (Vec::new(), EARLIEST);
        for (field, at) in told {
            let Some(at) = at else { continue };
            if at > now {
                problems.push(Problem::new(field, "in_the_future", "What is imported has happened."));
            } else if at < EARLIEST {
                problems.push(Problem::new(field, "too_early", "Not before the year 2000."));
            } else if at < floor {
                problems.push(Problem::new(field, "out_of_order", "Articles are created, published, updated, in this order."));
            }
            floor = floor.max(at);
        }
        problems
    }

    /// The article after an import, and the names of the fields that are different. A version of 0 is a new article.
    ///
    /// # Errors
    /// The fields whose values are not taken.
    pub fn apply(
        &self,
        before: &Article,
        change: ArticleChange,
        now: OffsetDateTime,
    ) -> Result<(Article, Vec<&'static str>), Vec<Problem>> {
        let is_new = before.version == 0;
        let mut problems = self.problems(now);
        let at = self.updated_at.or(self.published_at.filter(|_| is_new)).unwrap_or(now);
        let (mut after, mut fields) = match before.changed(change, at) {
            Ok(changed) if problems.is_empty() => changed,
            Ok(_) => return Err(problems),
            Err(more) => {
                problems.extend(more);
                return Err(problems);
            }
        };
        if is_new {
            after.created_at = self.created_at.or(self.published_at).unwrap_or(at);
            after.published_at = self.published_at.or(after.published_at);
            return Ok((after, fields));
        }
        let same_text = fields.is_empty();
        if self.published_at.is_some() && self.published_at != after.published_at {
            after.published_at = self.published_at;
            fields.push("published_at");
        }
        if let Some(updated) = self.updated_at.filter(|updated| *updated != before.updated_at) {
            after.updated_at = updated;
            fields.push("updated_at");
        }
        if same_text && !fields.is_empty() {
            after.version += 1;
        }
        Ok((after, fields))
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;
    use uuid::Uuid;

    use super::*;
    use crate::domain::article::{ArticleKind, ArticleState};
    use crate::domain::audience::Audience;
    use crate::domain::ids::ArticleId;

    const NOW: OffsetDateTime = datetime!(2026-11-20 12:00 UTC);

    fn blank() -> Article {
        Article {
            id: ArticleId::new(Uuid::from_u128(1)),
            slug: "reset".into(),
            source_id: Some("a".into()),
            title: String::new(),
            body: String::new(),
            kind: ArticleKind::Article,
            state: ArticleState::Draft,
            audience: Audience::Public,
            department: String::new(),
            category: String::new(),
            tags: Vec::new(),
            attachments: Vec::new(),
            version: 0,
            created_at: NOW,
            published_at: None,
            updated_at: NOW,
        }
    }

    fn text(body: &str) -> ArticleChange {
        let (title, body, state) = (Some("Reset".into()), Some(body.into()), Some(ArticleState::Published));
        ArticleChange { title, body, state, ..ArticleChange::default() }
    }

    fn ago(days: i64) -> Option<OffsetDateTime> {
        Some(NOW - Duration::days(days))
    }

    #[test]
    fn a_new_article_is_as_old_as_it_is_told() {
        let dates = Dates { published_at: ago(40), ..Dates::default() };
        let (article, _) = dates.apply(&blank(), text("x"), NOW).unwrap();
        assert_eq!((Some(article.created_at), article.published_at, Some(article.updated_at)), (ago(40), ago(40), ago(40)));
        let dates = Dates { updated_at: ago(3), ..dates };
        let (article, _) = dates.apply(&blank(), text("x"), NOW).unwrap();
        assert_eq!((article.published_at, Some(article.updated_at)), (ago(40), ago(3)));
        let (article, _) = Dates::default().apply(&blank(), text("x"), NOW).unwrap();
        assert_eq!((article.created_at, article.published_at, article.updated_at), (NOW, Some(NOW), NOW));
    }

    #[test]
    fn the_same_text_with_the_same_dates_does_nothing_and_other_dates_are_a_change() {
        let dates = Dates { published_at: ago(40), updated_at: ago(9), ..Dates::default() };
        let (article, _) = dates.apply(&blank(), text("x"), NOW).unwrap();
        assert_eq!(dates.apply(&article, text("x"), NOW).unwrap(), (article.clone(), vec![]));
        assert_eq!(Dates::default().apply(&article, text("x"), NOW).unwrap(), (article.clone(), vec![]));
        let later = Dates { updated_at: ago(2), ..dates };
        let (redated, fields) = later.apply(&article, text("x"), NOW).unwrap();
        assert_eq!((redated.version, Some(redated.updated_at), fields), (2, ago(2), vec!["updated_at"]));
        let (changed, fields) = Dates::default().apply(&article, text("y"), NOW).unwrap();
        assert_eq!((changed.version, changed.updated_at, fields), (2, NOW, vec!["body"]));
    }

    #[test]
    fn times_lie_in_the_past_and_in_their_order() {
        let dates = Dates { created_at: Some(datetime!(1999-01-01 00:00 UTC)), published_at: ago(-1), updated_at: ago(9) };
        let codes: Vec<_> = dates.problems(NOW).iter().map(|problem| (problem.field, problem.code)).collect();
        assert_eq!(codes, [("created_at", "too_early"), ("published_at", "in_the_future"), ("updated_at", "out_of_order")]);
        assert_eq!(dates.apply(&blank(), text(" "), NOW).unwrap_err().len(), 4, "what is wrong with the text is told too");
    }
}
