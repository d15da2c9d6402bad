//! The demo's texts, as they lie in `deploy/local/demo`.

use anyhow::{Context, Result};
use serde::Deserialize;

use super::past::When;

/// Everything that the seed writes.
#[derive(Debug)]
pub struct Demo {
    pub title: String,
    pub people: Vec<DemoPerson>,
    pub departments: Vec<String>,
    pub products: Vec<Product>,
    pub articles: Vec<Article>,
    pub community: Community,
    pub tickets: Vec<Ticket>,
    pub live: Vec<Live>,
}

/// Somebody of the demo.
#[derive(Debug, Clone, Deserialize)]
pub struct DemoPerson {
    pub email: String,
    pub name: String,
    pub role: String,
    #[serde(default)]
    pub organization: String,
    #[serde(default)]
    pub visibility: String,
}

/// A product with its categories.
#[derive(Debug, Deserialize)]
pub struct Product {
    pub name: String,
    pub department: String,
    pub categories: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Portal {
    title: String,
    people: Vec<DemoPerson>,
    departments: Vec<String>,
    products: Vec<Product>,
}

/// An article or FAQ.
#[derive(Debug, PartialEq, Eq)]
pub struct Article {
    pub source_id: String,
    pub title: String,
    pub body: String,
    pub category: String,
    pub tags: Vec<String>,
    pub faq: bool,
    pub views: i64,
    /// Days before the seed.
    pub published: i64,
    /// Days before the seed.
    pub updated: i64,
}

/// Forums, topics and announcements.
#[derive(Debug, Deserialize)]
pub struct Community {
    pub forums: Vec<Forum>,
    pub topics: Vec<Topic>,
    pub announcements: Vec<Announcement>,
}

/// A forum; one with a parent is a sub-forum.
#[derive(Debug, Deserialize)]
pub struct Forum {
    pub name: String,
    pub description: String,
    pub parent: Option<String>,
}

/// A topic and what was answered.
#[derive(Debug, Deserialize)]
pub struct Topic {
    pub by: String,
    pub forum: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    #[serde(flatten)]
    pub when: When,
    pub views: i64,
    pub tags: Vec<String>,
    pub body: String,
    pub posts: Vec<Post>,
    pub votes: Vec<String>,
}

/// One answer in a topic.
#[derive(Debug, Deserialize)]
pub struct Post {
    pub by: String,
    #[serde(flatten)]
    pub when: When,
    pub body: String,
    #[serde(default)]
    pub accepted: bool,
}

/// A message to everybody.
#[derive(Debug, Deserialize)]
pub struct Announcement {
    pub title: String,
    pub severity: String,
    pub body: String,
    #[serde(flatten)]
    pub when: When,
    /// It ended so many days before the seed.
    pub until_days_ago: Option<i64>,
    /// It ends on the next Sunday, at this hour.
    pub until_sunday: Option<u8>,
}

/// What `tickets.json` holds.
#[derive(Debug, Deserialize)]
struct Requests {
    past: Vec<Ticket>,
    live: Vec<Live>,
}

/// A request and what became of it.
#[derive(Debug, Deserialize)]
pub struct Ticket {
    /// Names it among the demo's requests.
    pub id: String,
    pub by: String,
    /// The agent who took the call.
    pub made_by: Option<String>,
    #[serde(flatten)]
    pub when: When,
    pub channel: Option<String>,
    pub product: String,
    pub category: String,
    pub priority: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub subject: String,
    pub description: String,
    pub contact: Option<String>,
    #[serde(default)]
    pub tags: Vec<String>,
    /// The request that it goes on from.
    pub follow_up_of: Option<String>,
    pub steps: Vec<Step>,
}

/// What somebody does to a ticket, perhaps several things at once.
#[derive(Debug, Deserialize)]
pub struct Step {
    pub by: String,
    #[serde(flatten)]
    pub when: When,
    pub channel: Option<String>,
    pub assign: Option<String>,
    pub priority: Option<String>,
    pub reply: Option<String>,
    pub note: Option<String>,
    pub status: Option<String>,
    pub sub_status: Option<String>,
    pub reason: Option<String>,
    pub share: Option<String>,
    pub reopen: Option<String>,
    pub close: Option<Rating>,
    pub rate: Option<Rating>,
    #[serde(default)]
    pub keep_open: bool,
}

/// What a customer says at the end; a score of 0 is none.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Rating {
    pub score: i32,
    pub comment: String,
}

/// What somebody writes while the demo is seeded.
#[derive(Debug, Deserialize)]
pub struct Live {
    pub ticket: String,
    pub by: String,
    pub reply: String,
    pub status: Option<String>,
}

/// The files of articles: category, file name, text.
const ARTICLES: [(&str, &str, &str); 5] = [
    ("Hearth Gateway", "gateway", include_str!("../../demo/articles/gateway.md")),
    ("Rowan Room Controller", "room-controller", include_str!("../../demo/articles/room-controller.md")),
    ("Sorrel Air Sensor", "air-sensor", include_str!("../../demo/articles/air-sensor.md")),
    ("Fernhill Cloud", "cloud", include_str!("../../demo/articles/cloud.md")),
    ("Orders and repairs", "orders", include_str!("../../demo/articles/orders.md")),
];

impl Demo {
    /// Reads the texts, which are part of the program.
    pub fn load() -> Result<Self> {
        let portal: Portal = serde_json::from_str(include_str!("../../demo/portal.json")).context("demo/portal.json")?;
        let community = serde_json::from_str(include_str!("../../demo/community.json")).context("demo/community.json")?;
        let requests: Requests = serde_json::from_str(include_str!("../../demo/tickets.json")).context("demo/tickets.json")?;
        let articles = ARTICLES.iter().flat_map(|(category, file, text)| articles(category, file, text)).collect();
        Ok(Self {
            title: portal.title,
            people: portal.people,
            departments: portal.departments,
            products: portal.products,
            articles,
            community,
            tickets: requests.past,
            live: requests.live,
        })
    }
}

/// Splits a file at its `# ` headings; lines like `tags: a, b` follow a heading directly.
fn articles(category: &str, file: &str, text: &str) -> Vec<Article> {
    let chunks = text.split("\n# ").map(|chunk| chunk.trim_start_matches("# "));
    let mut all = Vec::new();
    for (index, chunk) in chunks.filter(|chunk| !chunk.trim().is_empty()).enumerate() {
        let (title, rest) = chunk.split_once('\n').unwrap_or((chunk, ""));
        let (mut tags, mut faq, mut views, mut published, mut updated, mut body) = (Vec::new(), false, 0, 0, None, rest);
        while let Some((line, after)) = body.split_once('\n') {
            match line.split_once(": ") {
                Some(("tags", list)) => tags = list.split(", ").map(str::to_owned).collect(),
                Some(("kind", kind)) => faq = kind == "faq",
                Some(("views", number)) => views = number.parse().unwrap_or_default(),
                Some(("published", days)) => published = days.parse().unwrap_or_default(),
                Some(("updated", days)) => updated = days.parse().ok(),
                _ => break,
            }
            body = after;
        }
        all.push(Article {
            source_id: format!("demo-{file}-{:02}", index + 1),
            title: title.trim().to_owned(),
            body: body.trim().to_owned(),
            category: category.to_owned(),
            tags,
            faq,
            views,
            published,
            updated: updated.unwrap_or(published),
        });
    }
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_texts_are_complete_and_speak_of_people_and_products_that_exist() {
        let demo = Demo::load().unwrap();
        let people: BTreeSet<&str> = demo.people.iter().map(|person| person.email.as_str()).collect();
        assert!(super::super::PEOPLE.iter().all(|person| people.contains(person.email)));
        assert!(demo.articles.len() >= 40, "{}", demo.articles.len());
        assert!(demo.articles.iter().all(|article| article.body.len() > 60 && !article.tags.is_empty()));
        assert!(demo.tickets.len() >= 35, "{}", demo.tickets.len());
        let ids: BTreeSet<&str> = demo.tickets.iter().map(|ticket| ticket.id.as_str()).collect();
        assert_eq!(ids.len(), demo.tickets.len(), "each has an id of its own");
        for ticket in &demo.tickets {
            let product =
                demo.products.iter().find(|product| product.name == ticket.product).unwrap_or_else(|| panic!("{}", ticket.product));
            assert!(product.categories.contains(&ticket.category), "{}: {}", ticket.subject, ticket.category);
            assert!(people.contains(ticket.by.as_str()));
            assert!(ticket.steps.iter().all(|step| people.contains(step.by.as_str())));
            assert!(ticket.follow_up_of.as_ref().is_none_or(|id| ids.contains(id.as_str())));
            let times: Vec<_> = ticket.steps.iter().map(|step| (-step.when.days_ago, &step.when.at)).collect();
            assert!(
                times.is_sorted() && times.first().is_none_or(|first| *first >= (-ticket.when.days_ago, &ticket.when.at)),
                "{}",
                ticket.id
            );
        }
        assert!(demo.live.iter().all(|live| ids.contains(live.ticket.as_str()) && people.contains(live.by.as_str())));
        assert!(demo.articles.iter().all(|article| article.published > 0 && article.updated <= article.published));
        let forums: BTreeSet<&str> = demo.community.forums.iter().map(|forum| forum.name.as_str()).collect();
        assert!(demo.community.topics.iter().all(|topic| forums.contains(topic.forum.as_str()) && people.contains(topic.by.as_str())));
        assert!(demo.products.iter().all(|product| demo.departments.contains(&product.department)));
    }

    #[test]
    fn a_file_is_split_at_its_headings() {
        let read = articles("C", "f", "# One\ntags: a, b\nviews: 7\npublished: 90\n\nBody\n\n## Part\n\n# Two\nkind: faq\n\nMore\n");
        assert_eq!(read.len(), 2);
        assert_eq!((read[0].title.as_str(), read[0].views, read[0].faq), ("One", 7, false));
        assert_eq!((read[0].published, read[0].updated), (90, 90));
        assert_eq!(read[0].body, "Body\n\n## Part");
        assert!(read[1].faq);
    }
}
