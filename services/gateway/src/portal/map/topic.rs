//! Forums, topics and replies.

use portico_proto::common::v1 as common;
use portico_proto::community::v1 as proto;

use super::person::{files, person};
use crate::portal::dates::Dates;
use crate::portal::view::community::{Forum, Post, TopicRow};
use crate::portal::view::home::Link;
use crate::portal::view::ui::{Choice, File, SafeHtml};

/// The kinds of topics: value and word. The last one is the team's.
const KINDS: [(&str, &str); 5] =
    [("question", "Question"), ("idea", "Idea"), ("problem", "Problem"), ("discussion", "Discussion"), ("announcement", "Announcement")];

/// The kinds that somebody chooses from (CM-3).
pub fn kinds(staff: bool) -> Vec<Choice> {
    KINDS.iter().filter(|(value, _)| staff || *value != "announcement").map(|(value, label)| Choice::new(*value, *label)).collect()
}

/// The form's value of a kind.
pub fn kind_key(kind: proto::TopicType) -> &'static str {
    KINDS.iter().find(|(value, _)| kind_of(value) == kind).map_or("question", |(value, _)| value)
}

/// Files that a topic has already, to be taken away by their id.
pub fn kept_files(api: &str, attachments: &[common::Attachment]) -> Vec<(String, File)> {
    attachments.iter().map(|file| file.id.clone()).zip(files(api, attachments)).collect()
}

/// The word of a kind.
pub fn kind(kind: proto::TopicType) -> &'static str {
    match kind {
        proto::TopicType::Question => "Question",
        proto::TopicType::Idea => "Idea",
        proto::TopicType::Problem => "Problem",
        proto::TopicType::Announcement => "Announcement",
        _ => "Discussion",
    }
}

/// The kind of a form's value.
pub fn kind_of(value: &str) -> proto::TopicType {
    match value {
        "question" => proto::TopicType::Question,
        "idea" => proto::TopicType::Idea,
        "problem" => proto::TopicType::Problem,
        "discussion" => proto::TopicType::Discussion,
        "announcement" => proto::TopicType::Announcement,
        _ => proto::TopicType::Unspecified,
    }
}

/// Where a topic is read.
pub fn url(base: &str, id: &str, slug: &str) -> String {
    if slug.is_empty() { format!("{base}/community/t/{id}") } else { format!("{base}/community/t/{id}-{slug}") }
}

/// Where a forum is read.
pub fn forum_url(base: &str, slug: &str) -> String {
    format!("{base}/community/{slug}")
}

/// A number of things in words.
pub fn several(count: i64, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

/// A topic in a list.
pub fn row(topic: &proto::TopicSummary, base: &str, dates: &Dates) -> TopicRow {
    TopicRow {
        url: url(base, &topic.id, &topic.slug),
        title: topic.title.clone(),
        kind: kind(topic.r#type()),
        author: person(topic.author.as_ref(), ""),
        forum: topic.forum.as_ref().map(|forum| forum.name.clone()).unwrap_or_default(),
        replies: topic.posts,
        votes: topic.votes,
        active: dates.when(topic.last_activity_at.as_ref()),
        answered: !topic.accepted_post_id.is_empty(),
        locked: topic.locked,
        id: topic.id.clone(),
    }
}

/// A topic as a line with its replies.
pub fn discussed(topic: &proto::TopicSummary, base: &str) -> Link {
    Link {
        url: url(base, &topic.id, &topic.slug),
        title: topic.title.clone(),
        meta: several(topic.posts, "reply", "replies"),
        ..Link::default()
    }
}

/// A topic as a line with its views.
pub fn viewed(topic: &proto::TopicSummary, base: &str) -> Link {
    Link { meta: several(topic.views, "view", "views"), ..discussed(topic, base) }
}

/// A topic as a line with its last activity.
pub fn recent(topic: &proto::TopicSummary, base: &str, dates: &Dates) -> Link {
    Link {
        url: url(base, &topic.id, &topic.slug),
        title: topic.title.clone(),
        when: dates.when(topic.last_activity_at.as_ref()),
        ..Link::default()
    }
}

/// A forum with its sub-forums.
pub fn forum(forum: &proto::Forum, base: &str, dates: &Dates) -> Forum {
    let latest = forum.latest_topic.as_ref();
    Forum {
        url: forum_url(base, &forum.slug),
        name: forum.name.clone(),
        description: forum.description.clone(),
        topics: several(forum.topics, "topic", "topics"),
        latest: latest.map(|topic| topic.title.clone()).unwrap_or_default(),
        latest_url: latest.map(|topic| url(base, &topic.id, &topic.slug)).unwrap_or_default(),
        latest_at: dates.when(latest.and_then(|topic| topic.last_activity_at.as_ref())),
        children: forum.children.iter().map(|child| self::forum(child, base, dates)).collect(),
    }
}

/// All forums to choose from, sub-forums after their parent.
pub fn choices(forums: &[proto::Forum]) -> Vec<Choice> {
    fn add(forums: &[proto::Forum], above: &str, out: &mut Vec<Choice>) {
        for forum in forums {
            let name = if above.is_empty() { forum.name.clone() } else { format!("{above} › {}", forum.name) };
            out.push(Choice::new(forum.id.clone(), name.clone()));
            add(&forum.children, &name, out);
        }
    }
    let mut out = Vec::new();
    add(forums, "", &mut out);
    out
}

/// The forum with this slug or id, anywhere in the tree.
pub fn find<'a>(forums: &'a [proto::Forum], name: &str) -> Option<&'a proto::Forum> {
    forums.iter().find_map(|forum| if forum.slug == name || forum.id == name { Some(forum) } else { find(&forum.children, name) })
}

/// A reply; its Markdown becomes safe HTML here, because the contract carries the text alone.
pub fn post(post: &proto::Post, api: &str, me: &str, dates: &Dates) -> Post {
    Post {
        id: post.id.clone(),
        number: post.number,
        person: person(post.author.as_ref(), me),
        at: dates.when(post.created_at.as_ref()),
        html: SafeHtml(chassis::markdown::render(&post.body)),
        files: files(api, &post.attachments),
        accepted: post.accepted,
    }
}

/// The id at the start of `{id}-{slug}`. Ids are UUIDs, which have hyphens of their own.
pub fn id_of(segment: &str) -> &str {
    segment.get(..36).filter(|_| segment.len() == 36 || segment.as_bytes().get(36) == Some(&b'-')).unwrap_or(segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_topics_address_is_found_before_its_slug() {
        let id = "0198a0c2-1111-7222-8333-444455556666";
        assert_eq!(id_of(&format!("{id}-which-sensors")), id);
        assert_eq!(id_of(id), id);
        assert_eq!(id_of("short"), "short");
    }

    #[test]
    fn announcements_are_a_kind_of_the_team_and_stay_one_cm_3() {
        let values = |staff| kinds(staff).into_iter().map(|choice| choice.value).collect::<Vec<_>>();
        assert!(values(true).contains(&"announcement".to_owned()));
        assert!(!values(false).contains(&"announcement".to_owned()));
        for choice in kinds(true) {
            assert_eq!(kind_key(kind_of(&choice.value)), choice.value);
        }
    }

    #[test]
    fn sub_forums_are_chosen_below_their_parent() {
        let child = proto::Forum { id: "2".into(), slug: "b".into(), name: "B".into(), ..Default::default() };
        let forums = [proto::Forum { id: "1".into(), slug: "a".into(), name: "A".into(), children: vec![child], ..Default::default() }];
        assert_eq!(choices(&forums).into_iter().map(|choice| choice.label).collect::<Vec<_>>(), ["A", "A › B"]);
        assert_eq!(find(&forums, "b").map(|forum| forum.id.as_str()), Some("2"));
    }
}
