//! Topics: drafts, publishing, answers, votes, follows, edits, deleting.

use crate::kit::{PORTAL, World, agent, alice, bob, change, code, everything, fresh, topic, wrong_fields};
use portico_chassis::sqlx;
use portico_chassis::testing::eventually;
use portico_proto::community::v1 as wire;
use portico_proto::community::v1::Audience;
use portico_proto::events::v1::community_event::Event;
use prost::Message;

async fn drafts(world: &World, who: &portico_chassis::auth::Person) -> Vec<String> {
    let message = wire::ListDraftsRequest { portal: PORTAL.into(), page: None };
    let answer = world.topics().list_drafts(world.by(Some(who), message)).await.unwrap().into_inner();
    answer.topics.into_iter().map(|topic| topic.title).collect()
}

#[tokio::test]
async fn a_customer_drafts_and_publishes_a_topic_and_only_then_others_see_it_cm_2_to_cm_8() {
    let world = World::new().await;
    let forum = world.forum("How to", "", Audience::Public).await;
    let wish = wire::CreateTopicRequest { draft: true, tags: vec!["Single Sign-On".into()], ..topic("Where is my export?", &forum.slug) };
    let draft = world.create(&alice(), wish).await.unwrap().into_inner();
    assert!(draft.draft && draft.published_at.is_none());
    assert_eq!((draft.slug.as_str(), draft.tags.as_slice()), ("where-is-my-export", ["single-sign-on".to_owned()].as_slice()));
    assert_eq!(draft.author.unwrap().name, "Alice");
    for other in [None, Some(&bob()), Some(&agent())] {
        assert_eq!(code(world.get(other, &draft.id).await), "not_found");
        assert!(world.list(other, everything()).await.is_empty());
        assert_eq!(world.list_forums(other).await[0].topics, 0, "a draft counts nowhere");
    }
    assert_eq!(code(world.post(&agent(), &draft.id, "x").await), "not_found");
    assert_eq!(code(world.vote(&bob(), &draft.id, 1).await), "not_found");
    assert_eq!(code(world.delete(&agent(), &draft.id).await), "not_found");
    assert_eq!(drafts(&world, &alice()).await, ["Where is my export?"]);
    assert!(drafts(&world, &bob()).await.is_empty());

    let publish = wire::UpdateTopicRequest { draft: Some(false), etag: draft.etag, ..change(&draft.id) };
    let published = world.update(&alice(), publish).await.unwrap().into_inner();
    assert!(!published.draft && published.published_at.is_some());
    assert!(published.viewer.unwrap().following, "the writer follows an own topic");
    assert!(drafts(&world, &alice()).await.is_empty());
    assert_eq!(world.list(None, everything()).await, ["Where is my export?"]);
    let seen = world.get(None, &draft.id).await.unwrap().into_inner();
    assert_eq!(seen.body, "**Where is my export?** in full.");
    assert_eq!(seen.viewer, Some(wire::TopicViewer::default()), "a guest may do nothing");
    assert_eq!(world.list_forums(None).await[0].latest_topic.as_ref().unwrap().id, draft.id);
    world.end().await;
}

#[tokio::test]
async fn the_same_request_has_one_effect_and_the_same_answer_i02() {
    let world = World::new().await;
    let forum = world.forum("How to", "", Audience::Public).await;
    let wish = topic("Once", &forum.id);
    let first = world.create(&alice(), wish.clone()).await.unwrap().into_inner();
    let again = world.create(&alice(), wish.clone()).await.unwrap().into_inner();
    assert_eq!(first.encode_to_vec(), again.encode_to_vec());
    assert_eq!(world.list(None, everything()).await.len(), 1);
    let other = wire::CreateTopicRequest { title: "Twice".into(), ..wish };
    assert_eq!(code(world.create(&alice(), other).await), "idempotency_key_reused");
    let edit = wire::UpdateTopicRequest { title: Some("Better".into()), ..change(&first.id) };
    let edited = world.update(&alice(), edit.clone()).await.unwrap().into_inner();
    world.update(&alice(), wire::UpdateTopicRequest { title: Some("Best".into()), ..change(&first.id) }).await.unwrap();
    let replayed = world.update(&alice(), edit).await.unwrap().into_inner();
    assert_eq!(edited.encode_to_vec(), replayed.encode_to_vec(), "the answer of that time");
    assert_eq!(world.get(None, &first.id).await.unwrap().into_inner().title, "Best");
    world.end().await;
}

#[tokio::test]
async fn everything_that_is_wrong_is_told_at_once_and_nothing_is_stored() {
    let world = World::new().await;
    let wish = wire::CreateTopicRequest {
        r#type: 0,
        title: "t".repeat(201),
        body: String::new(),
        forum: "nowhere".into(),
        tags: vec!["a/b".into()],
        notify_emails: vec!["nobody".into()],
        ..topic("", "")
    };
    let mut wrong = wrong_fields(world.create(&alice(), wish).await);
    wrong.sort();
    let pair = |field: &str, code: &str| (field.to_owned(), code.to_owned());
    let wanted = [
        pair("body", "required"),
        pair("forum", "unknown"),
        pair("notify_emails", "invalid"),
        pair("tags", "invalid"),
        pair("title", "too_long"),
        pair("type", "required"),
    ];
    assert_eq!(wrong, wanted);
    let long = wire::CreateTopicRequest { body: "x".repeat(50_001), draft: true, ..topic("Long", "") };
    assert_eq!(wrong_fields(world.create(&alice(), long).await), [pair("body", "too_long")]);
    let nul = wire::CreateTopicRequest { body: "a\0b".into(), draft: true, ..topic("NUL", "") };
    assert_eq!(wrong_fields(world.create(&alice(), nul).await), [pair("body", "invalid")]);
    let announcement = wire::CreateTopicRequest { r#type: wire::TopicType::Announcement.into(), draft: true, ..topic("News", "") };
    assert_eq!(wrong_fields(world.create(&alice(), announcement).await), [pair("type", "not_allowed")]);
    assert!(drafts(&world, &alice()).await.is_empty());
    let empty = wire::CreateTopicRequest { title: String::new(), body: String::new(), draft: true, ..topic("", "") };
    let draft = world.create(&alice(), empty).await.unwrap().into_inner();
    let publish = wire::UpdateTopicRequest { draft: Some(false), ..change(&draft.id) };
    let missing = wrong_fields(world.update(&alice(), publish).await);
    assert_eq!(missing, [pair("title", "required"), pair("body", "required"), pair("forum", "required")]);
    world.end().await;
}

#[tokio::test]
async fn another_answers_and_the_writer_accepts() {
    let world = World::new().await;
    let forum = world.forum("How to", "", Audience::Public).await;
    let asked = world.question(&alice(), "How do I export?", &forum.slug).await;
    let unanswered = wire::ListTopicsRequest { unanswered: true, ..everything() };
    assert_eq!(world.list(None, unanswered.clone()).await, ["How do I export?"]);
    let post = world.post(&bob(), &asked.id, "Use the *menu*.").await.unwrap().into_inner();
    assert_eq!((post.number, post.author.as_ref().unwrap().name.as_str()), (1, "Bob"));
    assert_eq!(code(world.accept(&bob(), &asked.id, &post.id).await), "forbidden");
    let other = world.question(&alice(), "Another", &forum.slug).await;
    assert_eq!(wrong_fields(world.accept(&alice(), &other.id, &post.id).await)[0].0, "post");
    let accepted = world.accept(&alice(), &asked.id, &post.id).await.unwrap().into_inner();
    assert_eq!((accepted.accepted_post_id.as_str(), accepted.posts), (post.id.as_str(), 1));
    assert!(world.list_posts(None, &asked.id).await.unwrap()[0].accepted);
    assert_eq!(world.list(None, unanswered).await, ["Another"]);
    let alone = wire::ListPostsRequest { portal: PORTAL.into(), topic_id: asked.id.clone(), accepted_only: true, ..Default::default() };
    assert_eq!(world.posts().list_posts(world.by(None, alone)).await.unwrap().into_inner().posts[0].id, post.id);
    let back = world.accept(&agent(), &asked.id, "").await.unwrap().into_inner();
    assert_eq!(back.accepted_post_id, "");
    let idea = wire::CreateTopicRequest { r#type: wire::TopicType::Idea.into(), ..topic("An idea", &forum.slug) };
    let idea = world.create(&alice(), idea).await.unwrap().into_inner();
    let post = world.post(&bob(), &idea.id, "Yes").await.unwrap().into_inner();
    assert_eq!(code(world.accept(&agent(), &idea.id, &post.id).await), "not_answerable");
    assert_eq!(world.list_forums(None).await[0].posts, 2);
    world.end().await;
}

#[tokio::test]
async fn each_person_has_one_vote_and_follows_once() {
    let world = World::new().await;
    let forum = world.forum("Ideas", "", Audience::Public).await;
    let asked = world.question(&alice(), "Dark mode", &forum.slug).await;
    for _ in 0..2 {
        assert_eq!(world.vote(&bob(), &asked.id, 1).await.unwrap().into_inner().votes, 1);
    }
    let both = world.vote(&alice(), &asked.id, 1).await.unwrap().into_inner();
    assert_eq!((both.votes, both.voted), (2, true));
    let back = world.vote(&bob(), &asked.id, 0).await.unwrap().into_inner();
    assert_eq!((back.votes, back.voted), (1, false));
    assert_eq!(wrong_fields(world.vote(&bob(), &asked.id, 2).await)[0].0, "value");
    assert!(world.follow(&bob(), &asked.id, true).await.unwrap().into_inner().following);
    let seen = world.get(Some(&bob()), &asked.id).await.unwrap().into_inner().viewer.unwrap();
    assert!(seen.following && !seen.voted && seen.may_post && !seen.may_edit && !seen.may_moderate);
    assert!(!world.follow(&bob(), &asked.id, false).await.unwrap().into_inner().following);
    let guest = wire::VoteTopicRequest { portal: PORTAL.into(), request_id: fresh(), id: asked.id.clone(), value: 1 };
    assert_eq!(code(world.topics().vote_topic(world.by(None, guest)).await), "sign_in_required");
    world.end().await;
}

#[tokio::test]
async fn many_people_vote_at_once_and_each_counts() {
    let world = World::new().await;
    let forum = world.forum("Ideas", "", Audience::Public).await;
    let asked = world.question(&alice(), "Dark mode", &forum.slug).await;
    let people: Vec<_> = (100..130).map(|n| portico_chassis::testing::person(n, portico_chassis::auth::Role::Customer)).collect();
    let votes = people.iter().map(|person| world.vote(person, &asked.id, 1));
    let mut counts: Vec<i64> = Vec::new();
    for vote in futures_util::future::join_all(votes).await {
        counts.push(vote.unwrap().into_inner().votes);
    }
    counts.sort_unstable();
    assert_eq!(counts, (1..=30).collect::<Vec<i64>>(), "every answer is a state that was");
    assert_eq!(world.get(None, &asked.id).await.unwrap().into_inner().votes, 30);
    world.end().await;
}

#[tokio::test]
async fn an_older_etag_is_a_version_conflict() {
    let world = World::new().await;
    let draft = wire::CreateTopicRequest { draft: true, ..topic("Draft", "") };
    let draft = world.create(&alice(), draft).await.unwrap().into_inner();
    let save = |title: &str, etag: &str| wire::UpdateTopicRequest { title: Some(title.into()), etag: etag.into(), ..change(&draft.id) };
    let newer = world.update(&alice(), save("One window", &draft.etag)).await.unwrap().into_inner();
    assert_eq!(code(world.update(&alice(), save("The other", &draft.etag)).await), "version_conflict");
    assert_eq!(code(world.update(&alice(), save("The other", "W/odd")).await), "version_conflict");
    assert!(world.update(&alice(), save("The other", &newer.etag)).await.is_ok());
    assert_eq!(code(world.update(&bob(), save("Mine", &newer.etag)).await), "not_found");
    world.end().await;
}

#[tokio::test]
async fn an_agent_moves_a_topic_and_the_counts_move_along() {
    let world = World::new().await;
    let open = world.forum("Open", "", Audience::Public).await;
    let staff = world.forum("Staff", "", Audience::Agents).await;
    let asked = world.question(&alice(), "Misplaced", &open.slug).await;
    world.post(&bob(), &asked.id, "Hm").await.unwrap();
    let wish = wire::UpdateTopicRequest { forum: Some(staff.slug.clone()), ..change(&asked.id) };
    assert_eq!(wrong_fields(world.update(&alice(), wish.clone()).await), [("forum".to_owned(), "unknown".to_owned())]);
    world.update(&agent(), wire::UpdateTopicRequest { request_id: fresh(), ..wish }).await.unwrap();
    let forums = world.list_forums(Some(&agent())).await;
    assert_eq!(forums.iter().map(|forum| (forum.topics, forum.posts)).collect::<Vec<_>>(), [(0, 0), (1, 1)]);
    for other in [None, Some(&alice()), Some(&bob())] {
        assert_eq!(code(world.get(other, &asked.id).await), "not_found", "also for its writer");
        assert!(world.list_posts(other, &asked.id).await.is_err());
    }
    assert_eq!(code(world.post(&bob(), &asked.id, "Still here").await), "not_found");
    world.end().await;
}

#[tokio::test]
async fn a_locked_topic_refuses_customers_and_a_deleted_one_is_gone() {
    let world = World::new().await;
    let forum = world.forum("How to", "", Audience::Public).await;
    let asked = world.question(&alice(), "Heated", &forum.slug).await;
    world.post(&bob(), &asked.id, "!").await.unwrap();
    assert_eq!(code(world.lock(&alice(), &asked.id, true).await), "forbidden");
    let locked = world.lock(&agent(), &asked.id, true).await.unwrap().into_inner();
    assert!(locked.locked && locked.lock_reason == "Off topic" && locked.viewer.unwrap().may_post);
    assert_eq!(code(world.post(&bob(), &asked.id, "!!").await), "topic_locked");
    assert_eq!(code(world.vote(&bob(), &asked.id, 1).await), "topic_locked");
    let edit = wire::UpdateTopicRequest { title: Some("Calm".into()), ..change(&asked.id) };
    assert_eq!(code(world.update(&alice(), edit).await), "topic_locked");
    assert!(world.post(&agent(), &asked.id, "Closed for now.").await.is_ok());
    world.lock(&agent(), &asked.id, false).await.unwrap();
    assert_eq!(code(world.delete(&alice(), &asked.id).await), "has_replies");
    assert_eq!(code(world.delete(&bob(), &asked.id).await), "forbidden");
    world.delete(&agent(), &asked.id).await.unwrap();
    for other in [None, Some(&alice()), Some(&agent())] {
        assert_eq!(code(world.get(other, &asked.id).await), "not_found");
        assert!(world.list(other, everything()).await.is_empty());
        assert_eq!(world.list_forums(other).await[0].topics, 0);
        assert_eq!(world.list_forums(other).await[0].posts, 0);
    }
    assert_eq!(code(world.delete(&agent(), &asked.id).await), "not_found");
    let left: (String, String) =
        sqlx::query_as("SELECT title, body FROM topic WHERE id = $1::uuid").bind(&asked.id).fetch_one(world.db.system()).await.unwrap();
    assert_eq!(left, (String::new(), String::new()), "no text is kept of a deleted topic");
    world.end().await;
}

#[tokio::test]
async fn reports_reach_the_team_and_nobody_else() {
    let world = World::new().await;
    let forum = world.forum("How to", "", Audience::Public).await;
    let asked = world.question(&alice(), "Buy now", &forum.slug).await;
    let report = |reason: &str| {
        let message = wire::ReportTopicRequest { portal: PORTAL.into(), request_id: fresh(), id: asked.id.clone(), reason: reason.into() };
        world.stage.as_person(&bob(), message)
    };
    assert_eq!(wrong_fields(world.topics().report_topic(report(" ")).await)[0].0, "reason");
    world.topics().report_topic(report("Spam")).await.unwrap();
    world.topics().report_topic(report("Spam, really")).await.unwrap();
    let ask = || wire::ListReportsRequest { portal: PORTAL.into(), page: None };
    assert_eq!(code(world.topics().list_reports(world.by(Some(&bob()), ask())).await), "forbidden");
    let reports = world.topics().list_reports(world.by(Some(&agent()), ask())).await.unwrap().into_inner().reports;
    assert_eq!(reports.len(), 1);
    assert_eq!((reports[0].reason.as_str(), reports[0].reporter.as_ref().unwrap().name.as_str()), ("Spam, really", "Bob"));
    assert_eq!(reports[0].topic.as_ref().unwrap().id, asked.id);
    let dismiss = || wire::DismissReportsRequest { portal: PORTAL.into(), request_id: fresh(), id: asked.id.clone() };
    assert_eq!(code(world.topics().dismiss_reports(world.by(Some(&alice()), dismiss())).await), "forbidden");
    world.topics().dismiss_reports(world.by(Some(&agent()), dismiss())).await.unwrap();
    world.topics().dismiss_reports(world.by(Some(&agent()), dismiss())).await.unwrap();
    assert!(world.topics().list_reports(world.by(Some(&agent()), ask())).await.unwrap().into_inner().reports.is_empty());
    world.topics().report_topic(report("Again")).await.unwrap();
    assert_eq!(world.topics().list_reports(world.by(Some(&agent()), ask())).await.unwrap().into_inner().reports.len(), 1);
    world.delete(&agent(), &asked.id).await.unwrap();
    assert!(world.topics().list_reports(world.by(Some(&agent()), ask())).await.unwrap().into_inner().reports.is_empty());
    world.end().await;
}

#[tokio::test]
async fn nobody_floods_the_community() {
    let world = World::new().await;
    let forum = world.forum("How to", "", Audience::Public).await;
    let first = world.question(&alice(), "T0", &forum.slug).await;
    for n in 1..12 {
        world.question(&alice(), &format!("T{n}"), &forum.slug).await;
    }
    let refused = crate::kit::refusal(world.create(&alice(), topic("T12", &forum.slug)).await);
    assert_eq!((refused.http_status(), refused.code()), (429, "rate_limited"));
    assert!((1..=3600).contains(&refused.retry_after().unwrap().as_secs()));
    for n in 0..14 {
        world.post(&bob(), &first.id, &format!("P{n}")).await.unwrap();
    }
    assert_eq!(code(world.post(&bob(), &first.id, "P14").await), "rate_limited");
    assert!(world.post(&alice(), &first.id, "Others may").await.is_ok());
    world.end().await;
}

#[tokio::test]
async fn views_are_counted_when_asked_for_and_only_on_published_topics() {
    let world = World::new().await;
    let forum = world.forum("How to", "", Audience::Public).await;
    let asked = world.question(&alice(), "Seen", &forum.slug).await;
    let other = world.question(&alice(), "Unseen", &forum.slug).await;
    let view = |id: &str, count_view| wire::GetTopicRequest { portal: PORTAL.into(), id: id.into(), count_view };
    for _ in 0..3 {
        world.topics().get_topic(world.by(None, view(&asked.id, true))).await.unwrap();
    }
    world.topics().get_topic(world.by(None, view(&other.id, false))).await.unwrap();
    eventually("three views", || async {
        let views = world.get(None, &asked.id).await.unwrap().into_inner().views;
        (views == 3).then_some(())
    })
    .await;
    assert_eq!(world.get(None, &other.id).await.unwrap().into_inner().views, 0);
    let by_views = wire::ListTopicsRequest { sort: wire::TopicSort::MostViewed.into(), ..everything() };
    assert_eq!(world.list(None, by_views).await, ["Seen", "Unseen"]);
    world.end().await;
}

#[tokio::test]
async fn versions_in_the_journal_are_gapless_and_equal_the_tables_i03() {
    let world = World::new().await;
    let forum = world.forum("How to", "", Audience::Public).await;
    let asked = world.question(&alice(), "Busy", &forum.slug).await;
    world.follow(&bob(), &asked.id, true).await.unwrap();
    let post = world.post(&agent(), &asked.id, "Hello").await.unwrap().into_inner();
    world.accept(&alice(), &asked.id, &post.id).await.unwrap();
    world.vote(&bob(), &asked.id, 1).await.unwrap();
    let versions: Vec<i64> = sqlx::query_scalar("SELECT version FROM journal WHERE aggregate_id = $1::uuid ORDER BY position")
        .bind(&asked.id)
        .fetch_all(world.db.system())
        .await
        .unwrap();
    assert_eq!(versions, (1..=i64::try_from(versions.len()).unwrap()).collect::<Vec<_>>());
    let seen = world.get(None, &asked.id).await.unwrap().into_inner();
    assert_eq!(seen.version, *versions.last().unwrap());
    let told = world.events().await.into_iter().map(|(_, event)| event).collect::<Vec<_>>();
    assert!(told.iter().all(|event| !format!("{event:?}").contains("Busy")), "events carry no text");
    assert!(told.iter().any(|event| matches!(event, Event::TopicPublished(told) if told.topic_id == asked.id)));
    world.end().await;
}
