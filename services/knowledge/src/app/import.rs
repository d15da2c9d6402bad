//! Articles from another system, by their ids there.

use std::collections::HashMap;

use portico_chassis::error::{Error, FieldError};
use portico_chassis::journal::{Entry, Outcome, RequestKey};
use serde::{Deserialize, Serialize};

use super::article::distinct;
use super::article_entity::with_rows;
use super::asker::Asker;
use super::{Inner, encode, settled};
use crate::domain::article::{Article, ArticleChange, ArticleKind, ArticleState};
use crate::domain::audience::Audience;
use crate::domain::import::Dates;
use crate::domain::problem::Problem;
use crate::store;
use crate::store::writes::Write;

/// Entries in one append: the head is not held for longer than a request may wait.
const AT_ONCE: usize = 100;
/// Times that entries are decided again when somebody else changed the same articles.
const ROUNDS: usize = 5;

/// An article as an import brings it.
#[derive(Debug, Clone)]
pub struct Imported {
    /// Its id where it comes from.
    pub source_id: String,
    /// Plain text.
    pub title: String,
    /// Markdown.
    pub body: String,
    /// Empty when none.
    pub category: String,
    /// In their order.
    pub tags: Vec<String>,
    /// Article or FAQ.
    pub kind: ArticleKind,
    /// When it was written, published, changed.
    pub dates: Dates,
    /// How often it was read; of a new article only.
    pub views: i64,
}

/// What an import came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportResult {
    /// New articles.
    pub created: i32,
    /// Articles with other text than before.
    pub updated: i32,
    /// Articles that were the same.
    pub unchanged: i32,
    /// All of them are at or below this position of the search documents.
    pub index_position: i64,
}

/// What is to be done for one article.
enum Step {
    Create(Article, i64),
    Update(Article, Vec<&'static str>, bool),
}

impl Inner {
    /// Creates or updates articles by their source ids, published and public.
    ///
    /// # Errors
    /// Wrong fields; nothing of the batch is written then.
    pub async fn import_articles(&self, asker: &Asker, key: RequestKey, batch: Vec<Imported>) -> Result<ImportResult, Error> {
        if let Some(answered) = self.answered(asker, &key).await? {
            return Ok(answered);
        }
        let mut result = ImportResult::default();
        let mut waiting = batch;
        for round in 0..ROUNDS {
            if waiting.is_empty() {
                break;
            }
            let (steps, unchanged) = self.plan(asker, &waiting, round > 0).await?;
            result.unchanged += unchanged;
            waiting = self.carry_out(asker, waiting, steps, &mut result).await?;
        }
        if !waiting.is_empty() {
            return Err(Error::version_conflict());
        }
        result.index_position = store::replica::head(self.db.system()).await?.1;
        self.written();
        let done = Entry::new(asker.portal.clone(), asker.name.clone(), self.now()).request(Some(key)).answer(encode(&result)?);
        settled(self.journal.append_one(done, asker.deadline).await?)
    }

    /// Compares a batch with what is there. `again`: somebody was faster, so slugs are made distinct.
    async fn plan(&self, asker: &Asker, batch: &[Imported], again: bool) -> Result<(Vec<(usize, Step)>, i32), Error> {
        let ids: Vec<String> = batch.iter().map(|item| item.source_id.clone()).collect();
        let mut conn = self.read(asker).await?;
        let known = store::article::by_source(&mut conn, &asker.portal, &ids).await?;
        drop(conn);
        let known: HashMap<&str, &Article> =
            known.iter().filter_map(|article| article.source_id.as_deref().map(|source| (source, article))).collect();
        let now = self.now();
        let (mut steps, mut unchanged, mut problems) = (Vec::new(), 0, Vec::new());
        for (index, item) in batch.iter().enumerate() {
            let before = match known.get(item.source_id.as_str()) {
                Some(article) => (*article).clone(),
                None => Article { source_id: Some(item.source_id.clone()), ..self.blank(&item.title, now) },
            };
            match item.dates.apply(&before, change(item), now) {
                Err(found) => problems.extend(found.into_iter().map(|problem| located(problem, index))),
                Ok((_, fields)) if fields.is_empty() => unchanged += 1,
                Ok((mut after, _)) if before.version == 0 => {
                    if again {
                        after.slug = distinct(&after);
                    }
                    steps.push((index, Step::Create(after, item.views)));
                }
                Ok((after, fields)) => {
                    let published = after.is_out() && !before.is_out();
                    steps.push((index, Step::Update(after, fields, published)));
                }
            }
        }
        if problems.is_empty() { Ok((steps, unchanged)) } else { Err(Error::Invalid(problems)) }
    }

    /// Appends the steps; returns the articles that have to be planned again.
    async fn carry_out(
        &self,
        asker: &Asker,
        batch: Vec<Imported>,
        steps: Vec<(usize, Step)>,
        result: &mut ImportResult,
    ) -> Result<Vec<Imported>, Error> {
        let mut again = Vec::new();
        for chunk in steps.chunks(AT_ONCE) {
            let entries = chunk.iter().map(|(_, step)| self.entry(asker, step)).collect::<Result<Vec<_>, Error>>()?;
            let outcomes = self.journal.append(entries, asker.deadline).await?;
            for ((index, step), outcome) in chunk.iter().zip(outcomes) {
                match (outcome, step) {
                    (Outcome::Committed(_), Step::Create(..)) => result.created += 1,
                    (Outcome::Committed(_), Step::Update(..)) => result.updated += 1,
                    (Outcome::VersionConflict | Outcome::ClaimTaken { .. }, _) => again.push(*index),
                    (other, _) => return settled::<()>(other).map(|()| Vec::new()),
                }
            }
        }
        Ok(batch.into_iter().enumerate().filter(|(index, _)| again.contains(index)).map(|(_, item)| item).collect())
    }

    fn entry(&self, asker: &Asker, step: &Step) -> Result<Entry<Write>, Error> {
        match step {
            Step::Create(article, views) => {
                let entry = self.creation(asker, article, &[])?;
                Ok(if *views > 0 { entry.write(Write::Views(article.id, *views)) } else { entry })
            }
            Step::Update(article, fields, published) => {
                let at = article.updated_at;
                let event = store::events::article_changed(self.random.uuid(at), article, fields, *published);
                let entry = Entry::new(asker.portal.clone(), asker.name.clone(), at)
                    .expect(store::events::ARTICLE, article.id, article.version - 1)
                    .events([event]);
                Ok(with_rows(entry, &asker.portal, article))
            }
        }
    }
}

fn change(item: &Imported) -> ArticleChange {
    ArticleChange {
        title: Some(item.title.clone()),
        body: Some(item.body.clone()),
        state: Some(ArticleState::Published),
        audience: Some(Audience::Public),
        kind: Some(item.kind),
        category: Some(item.category.clone()),
        tags: Some(item.tags.clone()),
        ..ArticleChange::default()
    }
}

/// The problem of the article at `index` of the request.
fn located(problem: Problem, index: usize) -> FieldError {
    FieldError::new(format!("articles[{index}].{}", problem.field), problem.code, problem.message)
}
