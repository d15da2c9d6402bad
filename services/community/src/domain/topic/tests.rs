//! The rules of a topic, told as stories.

use portico_chassis::uuid::Uuid;
use proptest::prelude::*;
use time::Duration;

use super::*;
use crate::domain::copy::{Allowance, COPIES_PER_WRITER};
use crate::domain::ids::{CopyId, ForumId};
use crate::domain::post::{NOTICE_RECIPIENTS, NoticeKind};

const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

fn person(n: u128) -> PersonId {
    PersonId::new(Uuid::from_u128(n))
}

fn customer(n: u128) -> Actor {
    Actor { id: person(n), staff: false }
}

fn agent() -> Actor {
    Actor { id: person(1000), staff: true }
}

fn forum(n: u128, audience: Audience) -> Option<ForumRef> {
    let id = ForumId::new(Uuid::from_u128(n));
    Some(ForumRef { id, slug: format!("f{n}"), name: format!("F{n}"), parent: None, audience })
}

fn content(kind: TopicType) -> Content {
    Content { kind, title: "How?".into(), body: "Like **so**".into(), forum: forum(1, Audience::Public), tags: vec!["sso".into()] }
}

fn allowance(sent: usize) -> Allowance {
    Allowance { most: COPIES_PER_WRITER, sent, retry_after: 60, ids: (0..5).map(|n| CopyId::new(Uuid::from_u128(n))).collect() }
}

fn creation(kind: TopicType, draft: bool) -> Creation {
    let id = TopicId::new(Uuid::from_u128(7));
    Creation { id, content: content(kind), attachments: Vec::new(), notify: Vec::new(), draft, allowance: allowance(0) }
}

fn new_post(n: u128) -> Command {
    Command::AddPost(NewPost { id: PostId::new(Uuid::from_u128(n)), body: "Try this".into(), attachments: Vec::new() })
}

fn accept(n: u128, author: u128) -> Command {
    Command::Accept(Some(Accepted { id: PostId::new(Uuid::from_u128(n)), author: person(author) }))
}

fn report(reason: &str) -> Command {
    Command::Report(Report { id: ReportId::new(Uuid::from_u128(1)), reason: reason.into() })
}

/// A topic and the way it goes.
struct Story(Option<Topic>);

impl Story {
    fn begin(actor: Actor, creation: Creation) -> Self {
        let mut story = Self(None);
        story.does(actor, Command::Create(creation)).unwrap();
        story
    }

    fn published(kind: TopicType) -> Self {
        Self::begin(customer(1), creation(kind, false))
    }

    fn does(&mut self, actor: Actor, command: Command) -> Result<Vec<Event>, Refusal> {
        let events = decide(self.0.as_ref(), &actor, NOW, command)?;
        for event in &events {
            self.0 = evolve(self.0.take(), event, NOW);
        }
        Ok(events)
    }

    fn topic(&self) -> &Topic {
        self.0.as_ref().unwrap()
    }
}

fn fields(refused: Result<Vec<Event>, Refusal>) -> Vec<(&'static str, &'static str)> {
    match refused {
        Err(Refusal::Fields(problems)) => problems.iter().map(|problem| (problem.field, problem.code)).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_draft_exists_for_its_writer_alone_cm_7() {
    let mut story = Story::begin(customer(1), creation(TopicType::Question, true));
    assert!(story.topic().is_visible_to(&customer(1).into()));
    for reader in [Reader::Guest, customer(2).into(), agent().into()] {
        assert!(!story.topic().is_visible_to(&reader), "{reader:?}");
    }
    for command in [Command::Delete, new_post(1), Command::Vote { on: true }, Command::Lock { reason: Some("x".into()) }] {
        assert_eq!(story.does(agent(), command), Err(Refusal::NotFound));
    }
}

#[test]
fn a_draft_may_be_empty_but_publishing_names_all_that_is_missing_at_once() {
    let empty = Content { kind: TopicType::Idea, title: " ".into(), body: String::new(), forum: None, tags: Vec::new() };
    let mut story = Story::begin(customer(1), Creation { content: empty.clone(), ..creation(TopicType::Idea, true) });
    let wanted = vec![("title", "required"), ("body", "required"), ("forum", "required")];
    assert_eq!(fields(story.does(customer(1), Command::Update(Update { draft: Some(false), ..Update::default() }))), wanted);
    let at_once = Creation { content: empty, ..creation(TopicType::Idea, false) };
    assert_eq!(fields(decide(None, &customer(1), NOW, Command::Create(at_once))), wanted);
}

#[test]
fn publishing_a_draft_sends_the_copies_once_and_makes_the_writer_a_follower_cm_8() {
    let notify = vec!["ann@example.com".to_owned()];
    let mut story = Story::begin(customer(1), Creation { notify: notify.clone(), ..creation(TopicType::Question, true) });
    let publish = Update { draft: Some(false), title: Some("Better".into()), allowance: allowance(0), ..Update::default() };
    let events = story.does(customer(1), Command::Update(publish.clone())).unwrap();
    let copies: Vec<_> =
        events.iter().filter_map(|e| if let Event::Published { copies } = e { Some(copies.clone()) } else { None }).collect();
    assert_eq!(copies.len(), 1);
    assert_eq!(copies[0][0].address, notify[0]);
    assert_eq!(story.topic().stage, Stage::Published);
    assert!(story.topic().notify.is_empty(), "addresses are not kept longer than needed");
    assert!(story.topic().followers.contains(&person(1)));
    assert_eq!(story.does(customer(1), Command::Update(publish)).unwrap(), Vec::new());
}

#[test]
fn copies_are_throttled_per_writer_and_nothing_is_published_then_s63() {
    let notify: Vec<String> = (0..3).map(|n| format!("p{n}@example.com")).collect();
    let full = Creation { notify, allowance: allowance(COPIES_PER_WRITER - 2), ..creation(TopicType::Idea, false) };
    assert_eq!(decide(None, &customer(1), NOW, Command::Create(full.clone())), Err(Refusal::TooManyCopies { retry_after: 60 }));
    let draft = Creation { draft: true, ..full.clone() };
    assert!(decide(None, &customer(1), NOW, Command::Create(draft)).is_ok(), "a draft sends nothing");
    let without = Creation { notify: Vec::new(), ..full };
    assert!(decide(None, &customer(1), NOW, Command::Create(without)).is_ok());
}

#[test]
fn who_reads_what_follows_the_forum() {
    let readers = [Reader::Guest, customer(2).into(), agent().into()];
    for (audience, wanted) in
        [(Audience::Public, [true; 3]), (Audience::Customers, [false, true, true]), (Audience::Agents, [false, false, true])]
    {
        let mut topic = Story::published(TopicType::Idea).topic().clone();
        topic.content.forum = forum(1, audience);
        assert_eq!(readers.map(|reader| topic.is_visible_to(&reader)), wanted, "{audience:?}");
    }
}

#[test]
fn a_forum_that_the_writer_cannot_read_does_not_exist_for_the_writer() {
    let hidden = Content { forum: forum(2, Audience::Agents), ..content(TopicType::Idea) };
    let wish = Creation { content: hidden, ..creation(TopicType::Idea, false) };
    assert_eq!(fields(decide(None, &customer(1), NOW, Command::Create(wish))), vec![("forum", "unknown")]);
}

#[test]
fn announcements_are_the_teams() {
    assert_eq!(
        fields(decide(None, &customer(1), NOW, Command::Create(creation(TopicType::Announcement, true)))),
        vec![("type", "not_allowed")]
    );
    assert!(decide(None, &agent(), NOW, Command::Create(creation(TopicType::Announcement, false))).is_ok());
}

#[test]
fn an_answer_is_accepted_by_the_writer_or_an_agent_on_questions_and_problems_only() {
    let mut story = Story::published(TopicType::Question);
    story.does(customer(2), new_post(5)).unwrap();
    assert_eq!(story.does(customer(2), accept(5, 2)), Err(Refusal::Forbidden));
    let events = story.does(customer(1), accept(5, 2)).unwrap();
    let Event::NoticeDue(notice) = &events[1] else { panic!("{events:?}") };
    assert_eq!((notice.kind, notice.recipients.as_slice()), (NoticeKind::Accepted, [person(2)].as_slice()));
    assert_eq!(story.does(agent(), accept(5, 2)).unwrap(), Vec::new(), "it is accepted already");
    assert_eq!(story.does(agent(), Command::Accept(None)).unwrap(), vec![Event::Accepted(None)]);
    let mut idea = Story::published(TopicType::Idea);
    idea.does(customer(2), new_post(5)).unwrap();
    assert_eq!(idea.does(agent(), accept(5, 2)), Err(Refusal::NotAnswerable));
}

#[test]
fn a_locked_topic_takes_nothing_from_customers_and_posts_from_agents() {
    let mut story = Story::published(TopicType::Question);
    story.does(customer(2), new_post(5)).unwrap();
    assert_eq!(story.does(customer(1), Command::Lock { reason: Some("Off topic".into()) }), Err(Refusal::Forbidden));
    story.does(agent(), Command::Lock { reason: Some("Off topic".into()) }).unwrap();
    let edit = Command::Update(Update { title: Some("New".into()), ..Update::default() });
    for command in [new_post(6), Command::Vote { on: true }, edit, accept(5, 2), Command::Delete] {
        assert_eq!(story.does(customer(1), command), Err(Refusal::Locked));
    }
    assert!(story.does(agent(), new_post(6)).is_ok());
    assert!(story.does(customer(2), report("spam")).is_ok(), "reporting stays possible");
    story.does(agent(), Command::Lock { reason: None }).unwrap();
    assert!(story.does(customer(1), new_post(7)).is_ok());
}

#[test]
fn deleting_takes_everything_away_for_everybody() {
    let mut story = Story::published(TopicType::Question);
    assert_eq!(story.does(customer(2), Command::Delete), Err(Refusal::Forbidden));
    story.does(customer(2), new_post(5)).unwrap();
    assert_eq!(story.does(customer(1), Command::Delete), Err(Refusal::HasReplies));
    story.does(agent(), Command::Delete).unwrap();
    assert!(!story.topic().is_visible_to(&agent().into()));
    assert_eq!(story.does(agent(), new_post(6)), Err(Refusal::NotFound));
    let mut own = Story::published(TopicType::Question);
    own.does(customer(1), new_post(5)).unwrap();
    assert!(own.does(customer(1), Command::Delete).is_ok(), "nobody else has answered");
}

#[test]
fn after_publishing_only_the_team_moves_a_topic_or_changes_its_type() {
    let mut story = Story::published(TopicType::Question);
    let moved = Update { forum: Some(forum(2, Audience::Public)), kind: Some(TopicType::Idea), ..Update::default() };
    let wanted = vec![("type", "not_allowed"), ("forum", "not_allowed")];
    assert_eq!(fields(story.does(customer(1), Command::Update(moved.clone()))), wanted);
    assert_eq!(story.does(customer(2), Command::Update(moved.clone())), Err(Refusal::Forbidden));
    story.does(agent(), Command::Update(moved)).unwrap();
    assert_eq!(story.topic().content.kind, TopicType::Idea);
    let back = Update { draft: Some(true), ..Update::default() };
    assert!(matches!(story.does(agent(), Command::Update(back)), Err(Refusal::InvalidTransition(_))));
}

#[test]
fn an_edit_names_exactly_the_fields_that_changed() {
    let mut story = Story::published(TopicType::Question);
    let same = Update { title: Some("How?".into()), tags: Some(vec!["sso".into()]), ..Update::default() };
    assert_eq!(story.does(customer(1), Command::Update(same)).unwrap(), Vec::new());
    let other = Update { title: Some("How now?".into()), tags: Some(Vec::new()), ..Update::default() };
    let events = story.does(customer(1), Command::Update(other)).unwrap();
    let [Event::Changed(change)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(change.fields(), ["title", "tags"]);
    let blank = Update { body: Some("\u{200b}".into()), ..Update::default() };
    assert_eq!(fields(story.does(customer(1), Command::Update(blank))), vec![("body", "required")]);
}

#[test]
fn many_followers_make_several_notices_and_nobody_is_told_of_an_own_post() {
    let mut story = Story::published(TopicType::Idea);
    let many = u128::try_from(NOTICE_RECIPIENTS).unwrap() + 10;
    for n in 2..=many {
        story.does(customer(n), Command::Follow { on: true }).unwrap();
    }
    let events = story.does(customer(2), new_post(5)).unwrap();
    let notices: Vec<&Notice> = events.iter().filter_map(|e| if let Event::NoticeDue(notice) = e { Some(notice) } else { None }).collect();
    assert_eq!(notices.len(), 2);
    let told: BTreeSet<PersonId> = notices.iter().flat_map(|notice| notice.recipients.iter().copied()).collect();
    assert_eq!(told.len(), NOTICE_RECIPIENTS + 9);
    assert!(told.contains(&person(1)) && !told.contains(&person(2)));
}

#[test]
fn a_report_needs_a_reason_and_stands_until_an_agent_dismisses_it() {
    let mut story = Story::published(TopicType::Idea);
    assert_eq!(fields(story.does(customer(2), report(" "))), vec![("reason", "required")]);
    assert_eq!(story.does(agent(), Command::DismissReports).unwrap(), Vec::new(), "there is none");
    story.does(customer(2), report("Spam")).unwrap();
    assert_eq!(story.does(customer(1), Command::DismissReports), Err(Refusal::Forbidden));
    assert_eq!(story.does(agent(), Command::DismissReports).unwrap(), vec![Event::ReportsDismissed]);
    assert_eq!(story.does(agent(), Command::DismissReports).unwrap(), Vec::new());
}

proptest! {
    #[test]
    fn votes_and_follows_count_each_person_once(acts in proptest::collection::vec((2u128..6, any::<bool>(), any::<bool>()), 0..60)) {
        let mut story = Story::published(TopicType::Idea);
        let (mut voters, mut followers) = (BTreeSet::new(), BTreeSet::from([person(1)]));
        for (who, votes, on) in acts {
            let command = if votes { Command::Vote { on } } else { Command::Follow { on } };
            let events = story.does(customer(who), command).unwrap();
            let people = if votes { &mut voters } else { &mut followers };
            let changed = if on { people.insert(person(who)) } else { people.remove(&person(who)) };
            prop_assert_eq!(events.len(), usize::from(changed));
        }
        prop_assert_eq!(&story.topic().voters, &voters);
        prop_assert_eq!(&story.topic().followers, &followers);
    }

    #[test]
    fn posts_are_numbered_without_a_gap(count in 0u128..30, later in 0i64..1000) {
        let mut story = Story::published(TopicType::Discussion);
        for n in 0..count {
            let events = story.does(customer(2), new_post(n)).unwrap();
            let Event::PostAdded(post) = &events[0] else { panic!("{events:?}") };
            prop_assert_eq!(post.number, i64::try_from(n).unwrap() + 1);
        }
        let at = NOW + Duration::seconds(later);
        let post = decide(story.0.as_ref(), &customer(2), at, new_post(999)).unwrap();
        let topic = evolve(story.0, &post[0], at).unwrap();
        prop_assert_eq!(topic.last_activity_at, at);
    }
}
