//! Lists: orders, filters, pages.

use portico_proto::common::v1::PageRequest;
use portico_proto::community::v1 as wire;
use portico_proto::community::v1::{Audience, TopicSort, TopicType};

use crate::kit::{PORTAL, World, agent, alice, bob, change, code, everything, refusal, topic, wrong_fields};

#[tokio::test]
async fn topics_are_sorted_and_filtered_cm_9_to_cm_11() {
    let world = World::new().await;
    let forum = world.forum("How to", "", Audience::Public).await;
    let tagged = wire::CreateTopicRequest { tags: vec!["Export".into()], ..topic("First", &forum.slug) };
    let first = world.create(&alice(), tagged).await.unwrap().into_inner();
    let idea = wire::CreateTopicRequest {
        r#type: TopicType::Idea.into(),
        tags: vec!["export".into(), "csv".into()],
        ..topic("Second", &forum.slug)
    };
    let second = world.create(&alice(), idea).await.unwrap().into_inner();
    world.question(&bob(), "Third", &forum.slug).await;
    let list = |change: wire::ListTopicsRequest| world.list(None, change);
    let by = |sort: TopicSort| wire::ListTopicsRequest { sort: sort.into(), ..everything() };
    assert_eq!(list(everything()).await, ["Third", "Second", "First"]);
    world.post(&bob(), &first.id, "Hello").await.unwrap();
    assert_eq!(list(by(TopicSort::Recent)).await, ["First", "Third", "Second"], "a post is activity");
    assert_eq!(list(by(TopicSort::MostDiscussed)).await[0], "First");
    world.vote(&bob(), &second.id, 1).await.unwrap();
    assert_eq!(list(by(TopicSort::Top)).await[0], "Second");
    assert_eq!(list(by(TopicSort::Recent)).await[0], "First", "a vote is none");
    assert_eq!(list(wire::ListTopicsRequest { tag: "EXPORT".into(), ..everything() }).await, ["First", "Second"]);
    assert_eq!(list(wire::ListTopicsRequest { tag: "csv".into(), ..everything() }).await, ["Second"]);
    let retag = wire::UpdateTopicRequest { tags: Some(wire::TagList { tags: vec!["csv".into()] }), ..change(&first.id) };
    world.update(&alice(), retag).await.unwrap();
    assert_eq!(list(wire::ListTopicsRequest { tag: "export".into(), ..everything() }).await, ["Second"]);
    assert_eq!(list(wire::ListTopicsRequest { tag: "csv".into(), ..everything() }).await, ["First", "Second"]);
    assert_eq!(list(wire::ListTopicsRequest { r#type: TopicType::Idea.into(), ..everything() }).await, ["Second"]);
    let odd = wire::ListTopicsRequest { tag: "<b>".into(), r#type: 77, ..everything() };
    let wrong = wrong_fields(world.topics().list_topics(world.by(None, odd)).await);
    assert_eq!(wrong.into_iter().map(|(field, _)| field).collect::<Vec<_>>(), ["type", "tag"]);
    let sort = wire::ListTopicsRequest { sort: 77, ..everything() };
    assert_eq!(wrong_fields(world.topics().list_topics(world.by(None, sort)).await)[0].0, "sort");
    world.end().await;
}

#[tokio::test]
async fn pages_hang_together_and_tokens_are_good_for_their_list_only_s40() {
    let world = World::new().await;
    let forum = world.forum("How to", "", Audience::Public).await;
    for n in 0..7 {
        world.question(&alice(), &format!("T{n}"), &forum.slug).await;
    }
    for sort in [TopicSort::Recent, TopicSort::MostDiscussed, TopicSort::MostViewed, TopicSort::Top] {
        let mut titles: Vec<String> = Vec::new();
        let mut page_token = String::new();
        loop {
            let page = Some(PageRequest { page_size: 3, page_token });
            let ask = wire::ListTopicsRequest { page, sort: sort.into(), ..everything() };
            let answer = world.topics().list_topics(world.by(None, ask)).await.unwrap().into_inner();
            titles.extend(answer.topics.into_iter().map(|topic| topic.title));
            page_token = answer.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        titles.sort();
        assert_eq!(titles, ["T0", "T1", "T2", "T3", "T4", "T5", "T6"], "{sort:?}");
    }
    let page = |page_token: &str| Some(PageRequest { page_size: 3, page_token: page_token.into() });
    let first = wire::ListTopicsRequest { page: page(""), ..everything() };
    let token = world.topics().list_topics(world.by(None, first)).await.unwrap().into_inner().next_page_token;
    let others = [
        (None, wire::ListTopicsRequest { page: page(&format!("{token}A")), ..everything() }),
        (Some(alice()), wire::ListTopicsRequest { page: page(&token), ..everything() }),
        (None, wire::ListTopicsRequest { page: page(&token), sort: TopicSort::Top.into(), ..everything() }),
        (None, wire::ListTopicsRequest { page: page(&token), unanswered: true, ..everything() }),
    ];
    for (who, ask) in others {
        assert_eq!(refusal(world.topics().list_topics(world.by(who.as_ref(), ask)).await).http_status(), 400);
    }
    let large = wire::ListTopicsRequest { page: Some(PageRequest { page_size: 101, page_token: String::new() }), ..everything() };
    assert_eq!(wrong_fields(world.topics().list_topics(world.by(None, large)).await)[0].0, "limit");
    world.end().await;
}

#[tokio::test]
async fn drafts_and_reports_come_in_pages_too() {
    let world = World::new().await;
    let forum = world.forum("How to", "", Audience::Public).await;
    for n in 0..3 {
        world.create(&alice(), wire::CreateTopicRequest { draft: true, ..topic(&format!("D{n}"), "") }).await.unwrap();
        let asked = world.question(&alice(), &format!("T{n}"), &forum.slug).await;
        let report =
            wire::ReportTopicRequest { portal: PORTAL.into(), request_id: crate::kit::fresh(), id: asked.id, reason: format!("R{n}") };
        world.topics().report_topic(world.by(Some(&bob()), report)).await.unwrap();
    }
    let page = |page_token: String| Some(PageRequest { page_size: 2, page_token });
    let drafts = |token| wire::ListDraftsRequest { portal: PORTAL.into(), page: page(token) };
    let one = world.topics().list_drafts(world.by(Some(&alice()), drafts(String::new()))).await.unwrap().into_inner();
    let two = world.topics().list_drafts(world.by(Some(&alice()), drafts(one.next_page_token.clone()))).await.unwrap().into_inner();
    let titles: Vec<_> = one.topics.iter().chain(&two.topics).map(|topic| topic.title.as_str()).collect();
    assert_eq!((titles, two.next_page_token.as_str()), (vec!["D2", "D1", "D0"], ""));
    let reports = |token| wire::ListReportsRequest { portal: PORTAL.into(), page: page(token) };
    let one = world.topics().list_reports(world.by(Some(&agent()), reports(String::new()))).await.unwrap().into_inner();
    let two = world.topics().list_reports(world.by(Some(&agent()), reports(one.next_page_token.clone()))).await.unwrap().into_inner();
    let reasons: Vec<_> = one.reports.iter().chain(&two.reports).map(|report| report.reason.as_str()).collect();
    assert_eq!(reasons, ["R2", "R1", "R0"]);
    world.end().await;
}

#[tokio::test]
async fn posts_come_from_either_end_and_a_page_of_long_ones_ends_early() {
    let world = World::new().await;
    let forum = world.forum("How to", "", Audience::Public).await;
    let asked = world.question(&alice(), "Long", &forum.slug).await;
    // 50,000 characters of three bytes each: eight of them are more than a page takes.
    let long = "長".repeat(50_000);
    for _ in 0..9 {
        world.post(&bob(), &asked.id, &long).await.unwrap();
    }
    let ask = |newest_first, page_token: &str| wire::ListPostsRequest {
        portal: PORTAL.into(),
        page: Some(PageRequest { page_size: 50, page_token: page_token.into() }),
        topic_id: asked.id.clone(),
        newest_first,
        ..Default::default()
    };
    for (through, found) in [(5, 5), (1, 1), (i64::MAX, 9)] {
        let from = wire::ListPostsRequest { through, ..ask(true, "") };
        let page = world.posts().list_posts(world.by(None, from)).await.unwrap().into_inner();
        assert_eq!(page.posts[0].number, found, "from {through} on");
    }
    for (through, newest_first) in [(-1, true), (5, false)] {
        let from = wire::ListPostsRequest { through, ..ask(newest_first, "") };
        let wrong = wrong_fields(world.posts().list_posts(world.by(None, from)).await);
        assert_eq!(wrong, [("through".to_owned(), "invalid".to_owned())], "{through}");
    }
    for newest_first in [false, true] {
        let first = world.posts().list_posts(world.by(None, ask(newest_first, ""))).await.unwrap().into_inner();
        assert!((2..9).contains(&first.posts.len()) && !first.next_page_token.is_empty(), "{}", first.posts.len());
        let second = ask(newest_first, &first.next_page_token);
        let second = world.posts().list_posts(world.by(None, second)).await.unwrap().into_inner();
        let mut numbers: Vec<i64> = first.posts.iter().chain(&second.posts).map(|post| post.number).collect();
        if newest_first {
            numbers.reverse();
        }
        assert_eq!(numbers, (1..=9).collect::<Vec<i64>>(), "newest first: {newest_first}");
        assert!(second.next_page_token.is_empty());
        let other_way = ask(!newest_first, &first.next_page_token);
        assert_eq!(code(world.posts().list_posts(world.by(None, other_way)).await), "malformed", "a token is good for its own order");
    }
    world.end().await;
}
