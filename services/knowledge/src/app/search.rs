//! The search: ask the index, check every hit against its owner, show what is left.

use std::collections::HashMap;

use portico_chassis::deadline::Deadline;
use portico_chassis::error::Error;
use portico_chassis::ids::parse_uuid;
use time::OffsetDateTime;
use uuid::Uuid;

use super::Inner;
use super::asker::Asker;
use super::clients::VisibleTopic;
use super::index::Question;
use super::settings::Part;
use crate::domain::search::document::{KINDS, SearchKind};
use crate::domain::search::snippet::snippet;
use crate::domain::search::spelling::rewrite;
use crate::domain::text::category_id;
use crate::store;
use crate::store::index::{Found, Hit, KindHits, stem};
use crate::store::search_doc::HitRow;

/// Items of all groups together that are suggested.
const SUGGESTIONS: usize = 8;
/// Hits asked for above the limit, so that refused ones can be replaced. They are looked at when one was refused.
const SPARE: usize = 10;
/// Longer queries are whole posts: nobody wants to be told that a name in them is misspelt.
const SHORT: usize = 12;
/// Characters of a suggestion's query.
const LONGEST_TYPED: usize = 200;
/// Pause between two looks at the replicas.
const LOOK: std::time::Duration = std::time::Duration::from_millis(40);

/// What is searched for.
#[derive(Debug, Clone)]
pub struct Search {
    /// The text.
    pub text: String,
    /// Empty: all kinds.
    pub kinds: Vec<SearchKind>,
    /// Empty: all.
    pub department: String,
    /// Name or id; empty: all.
    pub category: String,
    /// Items a group.
    pub limit: usize,
}

/// A hit as it is shown.
#[derive(Debug, Clone)]
pub struct Item {
    /// What it is.
    pub kind: SearchKind,
    /// Its id.
    pub id: Uuid,
    /// The id that an import brought along.
    pub source_id: Option<String>,
    /// Last part of its address.
    pub slug: String,
    /// Plain text.
    pub title: String,
    /// Safe HTML.
    pub snippet: String,
    /// Comparable within one answer.
    pub score: f32,
    /// When its content last changed.
    pub updated_at: OffsetDateTime,
    /// Category or forum.
    pub category: String,
}

/// The hits of a kind.
#[derive(Debug, Clone)]
pub struct Group {
    /// What they are.
    pub kind: SearchKind,
    /// How many the asker may see.
    pub total: usize,
    /// At least that many.
    pub capped: bool,
    /// Best first.
    pub items: Vec<Item>,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// One for each kind that was asked for.
    pub groups: Vec<Group>,
    /// The query as it may have been meant.
    pub did_you_mean: Option<String>,
    /// The community did not answer in time.
    pub topics_missing: bool,
}

impl Inner {
    /// Searches what the asker may see.
    ///
    /// # Errors
    /// `Unavailable` while the index is built for the first time; `NOT_FOUND` for an unknown portal.
    pub async fn search(&self, asker: &Asker, search: &Search) -> Result<Answer, Error> {
        let part = self.settings(asker).await?;
        let kinds = kinds(search, part);
        let found = self.index.search(asker, self.question(search, &kinds, part, false)).await?;
        let mut rows = self.check(asker, &found, search.limit, true).await?;
        let topics_missing = !self.check_topics(asker, &found, &mut rows).await;
        let did_you_mean = meant(&search.text, &found);
        let mut answer = Answer { groups: Vec::new(), did_you_mean, topics_missing };
        for kind in kinds {
            let hits = found.kinds.iter().find(|hits| hits.kind == kind);
            let mut group = hits.map_or_else(|| empty(kind), |hits| group(hits, &rows, search.limit));
            for item in &mut group.items {
                let body = shown(&rows, item.id).map_or("", |row| row.body.as_str());
                item.snippet = snippet(body, &found.stems, &|word| stem(word, part.english));
            }
            answer.groups.push(group);
        }
        Ok(answer)
    }

    /// While somebody types: the best few of all kinds.
    ///
    /// # Errors
    /// As for a search.
    pub async fn suggest(&self, asker: &Asker, text: &str, wanted: Vec<SearchKind>) -> Result<Vec<Group>, Error> {
        let part = self.settings(asker).await?;
        let text: String = text.chars().take(LONGEST_TYPED).collect();
        let search = Search { text, kinds: wanted, department: String::new(), category: String::new(), limit: SUGGESTIONS };
        let kinds = kinds(&search, part);
        let found = self.index.search(asker, self.question(&search, &kinds, part, true)).await?;
        let mut rows = self.check(asker, &found, SUGGESTIONS, false).await?;
        self.check_topics(asker, &found, &mut rows).await;
        let mut groups: Vec<Group> = found.kinds.iter().map(|hits| group(hits, &rows, SUGGESTIONS)).collect();
        let mut scores: Vec<f32> = groups.iter().flat_map(|group| &group.items).map(|item| item.score).collect();
        scores.sort_by(|one, other| other.total_cmp(one));
        let least = scores.get(SUGGESTIONS - 1).copied().unwrap_or(f32::MIN);
        let mut left = SUGGESTIONS;
        for group in &mut groups {
            group.items.retain(|item| item.score >= least);
            group.items.truncate(left);
            left -= group.items.len();
        }
        groups.retain(|group| !group.items.is_empty());
        Ok(groups)
    }

    fn question(&self, search: &Search, kinds: &[SearchKind], part: Part, typing: bool) -> Question {
        Question {
            text: search.text.clone(),
            kinds: kinds.to_vec(),
            department: Some(search.department.clone()).filter(|name| !name.is_empty()),
            category: Some(category_id(&search.category)).filter(|name| !name.is_empty()),
            english: part.english,
            now: self.clock.now().unix_timestamp(),
            limit: search.limit + SPARE,
            typing,
        }
    }

    /// The best hits as their rows have them now; where one of them is refused, the spare ones too.
    async fn check(&self, asker: &Asker, found: &Found, limit: usize, with_bodies: bool) -> Result<Rows, Error> {
        let mut rows = Rows::new();
        let best: Vec<Uuid> = found.kinds.iter().flat_map(|hits| hits.hits.iter().take(best_of(hits, limit))).filter_map(id).collect();
        if best.is_empty() {
            return Ok(rows);
        }
        let (now, readers) = (self.clock.now().unix_timestamp(), asker.words());
        let mut conn = self.read(asker).await?;
        let checked = store::search_doc::check(&mut conn, &asker.portal, &best, &readers, now, with_bodies).await?;
        note(&mut rows, &best, checked);
        let short = found.kinds.iter().filter(|hits| group(hits, &rows, limit).items.len() < best_of(hits, limit));
        let spare: Vec<Uuid> = short.flat_map(|hits| hits.hits.iter().skip(best_of(hits, limit))).filter_map(id).collect();
        if !spare.is_empty() {
            let checked = store::search_doc::check(&mut conn, &asker.portal, &spare, &readers, now, with_bodies).await?;
            note(&mut rows, &spare, checked);
        }
        Ok(rows)
    }

    /// Has the community check its topics; false when it did not answer, and then there are no topics.
    async fn check_topics(&self, asker: &Asker, found: &Found, rows: &mut Rows) -> bool {
        let topics = found.kinds.iter().filter(|hits| hits.kind == SearchKind::Topic).flat_map(|hits| &hits.hits);
        let ids: Vec<Uuid> = topics.filter_map(id).filter(|id| shown(rows, *id).is_some()).collect();
        if ids.is_empty() {
            return true;
        }
        let answer = self.community.visible(asker, &ids).await;
        let answered = answer.is_ok();
        if let Err(error) = &answer {
            tracing::debug!(%error, "the community did not check its topics");
        }
        let visible: HashMap<Uuid, VisibleTopic> = answer.unwrap_or_default().into_iter().map(|topic| (topic.id, topic)).collect();
        for id in ids {
            match (visible.get(&id), rows.get_mut(&id)) {
                (Some(topic), Some(Some(row))) => {
                    row.title.clone_from(&topic.title);
                    row.slug.clone_from(&topic.slug);
                }
                _ => {
                    rows.insert(id, None);
                }
            }
        }
        answered
    }

    /// Waits until every living replica's index holds what was written up to a position; false when the time is over.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn await_indexed(&self, position: i64, patience: std::time::Duration, deadline: Deadline) -> Result<bool, Error> {
        // A little of the caller's time is left for the answer to travel.
        let remaining = deadline.remaining()?.saturating_sub(std::time::Duration::from_millis(100));
        let until = Deadline::within(patience.min(remaining));
        self.index.wake();
        loop {
            let replicas = store::replica::living(self.db.system()).await?;
            if !replicas.is_empty() && replicas.iter().all(|replica| replica.position >= position) {
                return Ok(true);
            }
            if until.is_over() {
                return Ok(false);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The epoch, the head and the replicas.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn index_status(&self) -> Result<(Uuid, i64, Vec<store::replica::Replica>), Error> {
        let (epoch, head) = store::replica::head(self.db.system()).await?;
        Ok((epoch, head, store::replica::living(self.db.system()).await?))
    }

    /// Makes every replica build its index anew beside the one that answers.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn rebuild_index(&self) -> Result<Uuid, Error> {
        let epoch = store::replica::renew(self.db.system()).await?;
        self.index.wake();
        Ok(epoch)
    }
}

/// The kinds that are asked for, that the portal has, and that the filters apply to.
fn kinds(search: &Search, part: Part) -> Vec<SearchKind> {
    let filtered = !search.department.is_empty() || !search.category.is_empty();
    let has = |kind: SearchKind| match kind {
        SearchKind::Article | SearchKind::Faq => true,
        SearchKind::Topic => part.community && !filtered,
        SearchKind::Announcement => part.announcements && !filtered,
    };
    KINDS.into_iter().filter(|kind| (search.kinds.is_empty() || search.kinds.contains(kind)) && has(*kind)).collect()
}

fn empty(kind: SearchKind) -> Group {
    Group { kind, total: 0, capped: false, items: Vec::new() }
}

/// The hits that were looked at: their rows, or nothing where they were refused.
type Rows = HashMap<Uuid, Option<HitRow>>;

fn id(hit: &Hit) -> Option<Uuid> {
    parse_uuid(&hit.id).ok()
}

/// How many hits of a kind are looked at in any case. Topics may still be refused by the community: all of them.
fn best_of(hits: &KindHits, limit: usize) -> usize {
    if hits.kind == SearchKind::Topic { hits.hits.len() } else { limit.min(hits.hits.len()) }
}

fn note(rows: &mut Rows, asked: &[Uuid], allowed: Vec<HitRow>) {
    rows.extend(asked.iter().map(|id| (*id, None)));
    rows.extend(allowed.into_iter().map(|row| (row.id, Some(row))));
}

fn shown(rows: &Rows, id: Uuid) -> Option<&HitRow> {
    rows.get(&id).and_then(Option::as_ref)
}

/// What the check left of a kind's hits; what it refused leaves the total.
fn group(hits: &KindHits, rows: &Rows, limit: usize) -> Group {
    let mut items = Vec::new();
    let mut refused = 0;
    for hit in &hits.hits {
        match id(hit).map(|id| rows.get(&id)) {
            // Not looked at: there were enough before it.
            Some(None) => {}
            Some(Some(Some(row))) if row.kind == i16::from(hits.kind.code()) => items.push(item(hits.kind, row, hit.score)),
            _ => refused += 1,
        }
    }
    let total = hits.total.saturating_sub(refused);
    items.truncate(limit);
    Group { kind: hits.kind, total, capped: hits.capped, items }
}

fn item(kind: SearchKind, row: &HitRow, score: f32) -> Item {
    Item {
        kind,
        id: row.id,
        source_id: row.source_id.clone(),
        slug: row.slug.clone(),
        title: row.title.clone(),
        snippet: String::new(),
        score,
        updated_at: row.updated_at,
        category: row.category.clone(),
    }
}

fn meant(text: &str, found: &Found) -> Option<String> {
    let short = text.split_whitespace().count() <= SHORT;
    (short && !found.corrections.is_empty()).then(|| rewrite(text, &found.corrections))
}
