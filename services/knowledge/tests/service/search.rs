//! The search as its callers see it (KB-1, KB-3, KB-4, AN-5, I06, I10, S02, S41).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests end at the first surprise")]

use std::time::{Duration, Instant};

use crate::kit::{self, Kit, PORTAL, acme, agent, alice, carol, group, published, request_id, titles, update};
use portico_chassis::testing::eventually;
use portico_proto::knowledge::v1::{self as wire, Audience, SearchKind};

#[tokio::test(flavor = "multi_thread")]
async fn a_published_article_is_found_within_two_seconds_by_a_guest() {
    let kit = Kit::start().await;
    let begun = Instant::now();
    kit.write(published("Resetting the printer", "Hold the **power** button for ten seconds.")).await;
    let answer = eventually("the article to be found", || async {
        let answer = kit.search(None, "reset printer").await;
        (group(&answer, SearchKind::Articles).total == 1).then_some(answer)
    })
    .await;
    assert!(begun.elapsed() < Duration::from_secs(2), "it took {:?}", begun.elapsed());
    let item = &group(&answer, SearchKind::Articles).items[0];
    assert_eq!((item.title.as_str(), item.slug.as_str()), ("Resetting the printer", "resetting-the-printer"));
    let snippet = kit.search(None, "power button").await;
    let snippet = &group(&snippet, SearchKind::Articles).items[0].snippet_html;
    assert!(snippet.contains("<mark>power</mark> <mark>button</mark>"), "{snippet}");
    assert_eq!(answer.groups.len(), 4, "every kind that was asked for has a group");
    kit.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hit_names_its_category_as_it_was_written() {
    let kit = Kit::start().await;
    kit.write(wire::CreateArticleRequest { category: "Getting Started".into(), ..published("Capybara", "capybara") }).await;
    kit.settle().await;
    assert_eq!(group(&kit.search(None, "capybara").await, SearchKind::Articles).items[0].category, "Getting Started");
    kit.end().await;
}

/// I10: the rows decide, not the index. The index can't know of this change because no position moved.
#[tokio::test(flavor = "multi_thread")]
async fn an_article_is_gone_at_once_even_when_the_index_lags() {
    let kit = Kit::start().await;
    let article = kit.write(published("Canary seventeen", "A unique zanzibar word.")).await;
    kit.settle().await;
    assert_eq!(group(&kit.search(None, "zanzibar").await, SearchKind::Articles).total, 1);
    let mut database = kit.stage.inspect("knowledge").await;
    sqlx::query("UPDATE search_docs SET deleted = true WHERE id::text = $1").bind(&article.id).execute(&mut database).await.unwrap();
    let answer = kit.search(None, "zanzibar").await;
    assert_eq!(group(&answer, SearchKind::Articles), wire::SearchGroup { kind: SearchKind::Articles.into(), ..Default::default() });
    kit.end().await;
}

/// I10: who refuses the best hits must not hide the next ones.
#[tokio::test(flavor = "multi_thread")]
async fn hits_that_are_refused_make_room_for_the_next_ones() {
    let kit = Kit::start().await;
    for title in ["One", "Two", "Three", "Four", "Five"] {
        kit.write(published(title, "A pangolin.")).await;
    }
    kit.settle().await;
    let ask = || wire::SearchRequest {
        portal: PORTAL.into(),
        query: "pangolin".into(),
        kinds: vec![SearchKind::Articles.into()],
        limit: 2,
        ..Default::default()
    };
    let best = group(&kit.search_with(None, ask()).await.unwrap(), SearchKind::Articles);
    assert_eq!((best.total, best.items.len()), (5, 2));
    let refused: Vec<String> = best.items.iter().map(|item| item.id.clone()).collect();
    let mut database = kit.stage.inspect("knowledge").await;
    sqlx::query("UPDATE search_docs SET deleted = true WHERE id::text = ANY ($1)").bind(&refused).execute(&mut database).await.unwrap();
    let next = group(&kit.search_with(None, ask()).await.unwrap(), SearchKind::Articles);
    assert_eq!((next.total, next.items.len()), (3, 2));
    assert!(next.items.iter().all(|item| !refused.contains(&item.id)), "{next:?}");
    kit.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unpublishing_and_deleting_take_effect_with_their_answer() {
    let kit = Kit::start().await;
    let first = kit.write(published("First walrus", "walrus")).await;
    let second = kit.write(published("Second walrus", "walrus")).await;
    kit.settle().await;
    assert_eq!(group(&kit.search(None, "walrus").await, SearchKind::Articles).total, 2);
    kit.change(wire::UpdateArticleRequest { state: Some(wire::ArticleState::Archived.into()), ..update(&first.slug) }).await.unwrap();
    assert_eq!(titles(&kit.search(None, "walrus").await, SearchKind::Articles), ["Second walrus"]);
    let delete = wire::DeleteArticleRequest { portal: PORTAL.into(), request_id: request_id(), slug: second.slug, ..Default::default() };
    kit.articles().delete_article(kit.stage.as_person(&agent(), delete)).await.unwrap();
    assert_eq!(group(&kit.search(None, "walrus").await, SearchKind::Articles).total, 0);
    kit.end().await;
}

/// I06, S02: hits, totals and suggestions hold only what the caller may see.
#[tokio::test(flavor = "multi_thread")]
async fn everybody_finds_what_is_meant_for_them_and_totals_do_not_tell_of_the_rest() {
    let kit = Kit::start().await;
    for (title, audience, organizations) in [
        ("Public quokka", Audience::Public, vec![]),
        ("Customers quokka", Audience::Customers, vec![]),
        ("Agents quokka", Audience::Agents, vec![]),
        ("ACME quokka", Audience::Organizations, vec![acme()]),
    ] {
        let article = wire::CreateArticleRequest { audience: audience.into(), organizations, ..published(title, "quokka") };
        kit.write(article).await;
    }
    kit.write(wire::CreateArticleRequest { state: wire::ArticleState::Draft.into(), ..published("Draft quokka", "quokka") }).await;
    kit.settle().await;
    let (acme, globex, staff) = (alice(), carol(), agent());
    for (who, expected) in [
        (None, vec!["Public quokka"]),
        (Some(&globex), vec!["Customers quokka", "Public quokka"]),
        (Some(&acme), vec!["ACME quokka", "Customers quokka", "Public quokka"]),
        (Some(&staff), vec!["ACME quokka", "Agents quokka", "Customers quokka", "Public quokka"]),
    ] {
        let answer = kit.search(who, "quokka").await;
        let mut found = titles(&answer, SearchKind::Articles);
        found.sort();
        assert_eq!(found, expected);
        assert_eq!(usize::try_from(group(&answer, SearchKind::Articles).total).unwrap(), expected.len());
        let suggest = wire::SuggestRequest { portal: PORTAL.into(), query: "quok".into(), kinds: vec![] };
        let request = match who {
            Some(person) => kit.stage.as_person(person, suggest),
            None => kit.stage.as_guest("somewhere", suggest),
        };
        let suggested = kit.search_client().suggest(request).await.unwrap().into_inner();
        assert_eq!(suggested.groups.iter().map(|group| group.items.len()).sum::<usize>(), expected.len());
    }
    kit.end().await;
}

/// S02: a correction is never a word that only stands where the caller may not look.
#[tokio::test(flavor = "multi_thread")]
async fn a_typo_finds_and_is_corrected_but_never_to_a_hidden_word() {
    let kit = Kit::start().await;
    kit.write(published("Changing the password", "Open the settings and choose a new password.")).await;
    let hidden = wire::CreateArticleRequest { audience: Audience::Agents.into(), ..published("Internal", "xylophonist") };
    kit.write(hidden).await;
    kit.settle().await;
    let answer = kit.search(None, "pasword change").await;
    assert_eq!(titles(&answer, SearchKind::Articles), ["Changing the password"]);
    assert_eq!(answer.did_you_mean, "password change");
    let guest = kit.search(None, "xylophonis t").await;
    assert_eq!((guest.did_you_mean.as_str(), group(&guest, SearchKind::Articles).total), ("", 0));
    let staff = agent();
    assert_eq!(kit.search(Some(&staff), "xylofonist").await.did_you_mean, "xylophonist");
    kit.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn results_can_be_narrowed_to_a_department_a_category_and_kinds() {
    let kit = Kit::start().await;
    let placed = |title: &str, department: &str, category: &str| wire::CreateArticleRequest {
        department: department.into(),
        category: category.into(),
        ..published(title, "invoice")
    };
    kit.write(placed("One", "sales", "Billing & Plans")).await;
    kit.write(placed("Two", "support", "Other")).await;
    kit.write(wire::CreateArticleRequest { kind: wire::ArticleKind::Faq.into(), ..published("Three", "invoice") }).await;
    kit.settle().await;
    let ask = |department: &str, category: &str, kinds: Vec<SearchKind>| wire::SearchRequest {
        portal: PORTAL.into(),
        query: "invoices".into(),
        department: department.into(),
        category: category.into(),
        kinds: kinds.into_iter().map(Into::into).collect(),
        limit: 5,
    };
    let by_department = kit.search_with(None, ask("sales", "", vec![])).await.unwrap();
    assert_eq!(titles(&by_department, SearchKind::Articles), ["One"]);
    for category in ["Billing & Plans", "billing-plans"] {
        assert_eq!(titles(&kit.search_with(None, ask("", category, vec![])).await.unwrap(), SearchKind::Articles), ["One"]);
    }
    let faqs = kit.search_with(None, ask("", "", vec![SearchKind::Faqs])).await.unwrap();
    assert_eq!((faqs.groups.len(), titles(&faqs, SearchKind::Faqs)), (1, vec!["Three".to_owned()]));
    kit.end().await;
}

/// S41: what is asked has bounds, and the worst within them is answered.
#[tokio::test(flavor = "multi_thread")]
async fn a_query_has_bounds_and_long_ones_are_answered() {
    let kit = Kit::start().await;
    kit.write(published("Whole posts", "A customer pastes a whole post about a broken printer.")).await;
    kit.settle().await;
    let ask = |query: String, limit: i32| wire::SearchRequest { portal: PORTAL.into(), query, limit, ..Default::default() };
    for bad in [ask(" ".into(), 0), ask("x".repeat(2_001), 0), ask("x".into(), 51)] {
        assert_eq!(kit::code(kit.search_with(None, bad).await), tonic::Code::InvalidArgument);
    }
    let post = "My printer is broken and I have tried everything that came to my mind since Monday. ".repeat(23);
    let answer = kit.search_with(None, ask(post, 10)).await.unwrap();
    assert_eq!(titles(&answer, SearchKind::Articles), ["Whole posts"]);
    kit.write(published("About us", "Who we are")).await;
    kit.settle().await;
    assert_eq!(titles(&kit.search(None, "about us").await, SearchKind::Articles), ["About us"]);
    for odd in ["*", "((((", "\" AND OR NOT", "a:b^~", "\u{1}\u{2}", "💥", &"a ".repeat(999)] {
        kit.search_with(None, ask(odd.to_owned(), 10)).await.unwrap();
    }
    kit.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_portal_finds_nothing_of_this_one() {
    let kit = Kit::start().await;
    kit.write(published("Only here", "platypus")).await;
    kit.settle().await;
    let elsewhere = wire::SearchRequest { portal: "other".into(), query: "platypus".into(), ..Default::default() };
    let answer = kit.search_with(None, elsewhere).await.unwrap();
    assert!(answer.groups.iter().all(|group| group.total == 0) && answer.did_you_mean.is_empty());
    kit.end().await;
}

/// K25: the folder may vanish; and a rebuild beside the running index loses no answer.
#[tokio::test(flavor = "multi_thread")]
async fn the_index_is_built_anew_when_its_folder_is_gone_and_on_demand() {
    let mut kit = Kit::start().await;
    kit.write(published("Survivor", "narwhal")).await;
    kit.settle().await;
    kit.restart(|stage| std::fs::remove_dir_all(stage.path("index")).unwrap()).await;
    assert_eq!(titles(&kit.search(None, "narwhal").await, SearchKind::Articles), ["Survivor"]);
    kit.restart(|_| ()).await;
    assert_eq!(titles(&kit.search(None, "narwhal").await, SearchKind::Articles), ["Survivor"], "an old folder is read again");
    let rebuild = kit.stage.as_operator(wire::RebuildIndexRequest { request_id: request_id() });
    let epoch = kit.search_client().rebuild_index(rebuild).await.unwrap().into_inner().epoch;
    eventually("the new index to answer", || async {
        assert_eq!(titles(&kit.search(None, "narwhal").await, SearchKind::Articles), ["Survivor"]);
        let request = kit.stage.as_operator(wire::GetIndexStatusRequest {});
        let status = kit.search_client().get_index_status(request).await.unwrap().into_inner();
        status.replicas.iter().all(|replica| replica.epoch == epoch).then_some(())
    })
    .await;
    kit.write(published("Later", "narwhal")).await;
    kit.settle().await;
    assert_eq!(group(&kit.search(None, "narwhal").await, SearchKind::Articles).total, 2);
    kit.end().await;
}

/// K25: a new index that can't be built, here because its folder can't, leaves the old one at work, and is built once it can.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_can_not_be_built_does_not_stop_the_one_that_answers() {
    let kit = Kit::start().await;
    kit.write(published("Old", "echidna")).await;
    kit.settle().await;
    let epoch = uuid::Uuid::now_v7();
    let in_the_way = kit.stage.path("index").join(epoch.to_string());
    std::fs::write(&in_the_way, "not a folder").unwrap();
    let mut database = kit.stage.inspect("knowledge").await;
    sqlx::query("UPDATE search_head SET epoch = $1").bind(epoch).execute(&mut database).await.unwrap();
    kit.write(published("New", "echidna")).await;
    eventually("the change to be found", || async {
        (group(&kit.search(None, "echidna").await, SearchKind::Articles).total == 2).then_some(())
    })
    .await;
    let failing = kit.running.as_ref().unwrap().readiness.failing();
    assert!(failing.iter().all(|(check, _)| check != "search index"), "{failing:?}");
    std::fs::remove_file(&in_the_way).unwrap();
    eventually("the new index to answer", || async {
        kit.index_status().await.replicas.iter().all(|replica| replica.epoch == epoch.to_string()).then_some(())
    })
    .await;
    assert_eq!(group(&kit.search(None, "echidna").await, SearchKind::Articles).total, 2);
    kit.end().await;
}
