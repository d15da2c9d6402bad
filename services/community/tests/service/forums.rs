//! Forums: the tree, who sees what, and a portal without a community.

use portico_proto::community::v1 as wire;
use portico_proto::community::v1::Audience;

use crate::kit::{CLOSED, PORTAL, World, agent, alice, bob, code, everything, fresh, topic, wrong_fields};

fn wish(name: &str, parent: &str, audience: Audience) -> wire::CreateForumRequest {
    wire::CreateForumRequest {
        portal: PORTAL.into(),
        request_id: fresh(),
        name: name.into(),
        description: String::new(),
        parent_id: parent.into(),
        audience: audience.into(),
    }
}

#[tokio::test]
async fn a_tree_of_two_levels_with_counts_cm_1() {
    let world = World::new().await;
    let root = world.forum("Product", "", Audience::Unspecified).await;
    let sub = world.forum("Billing", &root.id, Audience::Unspecified).await;
    assert_eq!((sub.parent_id.as_str(), sub.audience()), (root.id.as_str(), Audience::Public));
    let third = world.forums().create_forum(world.by(Some(&agent()), wish("Deeper", &sub.slug, Audience::Unspecified))).await;
    assert_eq!(wrong_fields(third), [("parent".to_owned(), "too_deep".to_owned())]);
    let twin = world.forums().create_forum(world.by(Some(&agent()), wish("BILLING", &root.id, Audience::Unspecified))).await;
    assert_eq!(code(twin), "name_taken");
    let cousin = world.forum("Billing", "", Audience::Unspecified).await;
    assert_eq!(cousin.slug, "billing-2");
    let asked = world.question(&alice(), "An invoice", &sub.slug).await;
    world.post(&bob(), &asked.id, "Look here").await.unwrap();
    let tree = world.list_forums(None).await;
    assert_eq!(tree.len(), 2);
    assert_eq!((tree[0].topics, tree[0].posts, tree[0].children[0].topics), (1, 1, 1));
    assert_eq!(tree[0].latest_topic.as_ref().unwrap().title, "An invoice");
    assert!(tree[1].latest_topic.is_none());
    let in_root = wire::ListTopicsRequest { forum: root.slug, ..everything() };
    assert_eq!(world.list(None, in_root).await, ["An invoice"], "a forum's list has its sub-forums' topics");
    world.end().await;
}

#[tokio::test]
async fn only_the_team_makes_forums() {
    let world = World::new().await;
    let customer = world.forums().create_forum(world.by(Some(&alice()), wish("Mine", "", Audience::Public))).await;
    assert_eq!(code(customer), "forbidden");
    let guest = world.forums().create_forum(world.by(None, wish("Mine", "", Audience::Public))).await;
    assert_eq!(code(guest), "sign_in_required");
    let same = wish("Ours", "", Audience::Public);
    let first = world.forums().create_forum(world.by(Some(&agent()), same.clone())).await.unwrap().into_inner();
    let again = world.forums().create_forum(world.by(Some(&agent()), same)).await.unwrap().into_inner();
    assert_eq!(first, again);
    assert_eq!(world.list_forums(None).await.len(), 1);
    world.end().await;
}

#[tokio::test]
async fn an_agents_only_forum_does_not_exist_for_customers_s01() {
    let world = World::new().await;
    let open = world.forum("Open", "", Audience::Public).await;
    let customers = world.forum("Customers", "", Audience::Customers).await;
    let staff = world.forum("Staff", &open.id, Audience::Agents).await;
    let wide = world.forums().create_forum(world.by(Some(&agent()), wish("Wide", &customers.id, Audience::Public))).await;
    assert_eq!(wrong_fields(wide), [("audience".to_owned(), "too_wide".to_owned())]);
    let secret = world.question(&agent(), "Roadmap", &staff.slug).await;
    let inside = world.question(&alice(), "For customers", &customers.slug).await;
    let post = world.post(&agent(), &secret.id, "Quiet").await.unwrap().into_inner();

    let names = |forums: &[wire::Forum]| forums.iter().map(|forum| forum.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&world.list_forums(None).await), ["Open"]);
    let seen = world.list_forums(Some(&alice())).await;
    assert_eq!(names(&seen), ["Open", "Customers"]);
    assert!(seen[0].children.is_empty());
    assert_eq!((seen[0].topics, seen[0].posts), (0, 0), "what is hidden counts nowhere");
    assert!(seen[0].latest_topic.is_none());
    assert_eq!(names(&world.list_forums(Some(&agent())).await[0].children), ["Staff"]);

    assert_eq!(world.list(None, everything()).await, Vec::<String>::new());
    assert_eq!(world.list(Some(&alice()), everything()).await, ["For customers"]);
    assert_eq!(world.list(Some(&agent()), everything()).await, ["Roadmap", "For customers"]);
    let in_staff = wire::ListTopicsRequest { forum: staff.slug.clone(), ..everything() };
    assert_eq!(code(world.topics().list_topics(world.by(Some(&alice()), in_staff)).await), "not_found");
    assert_eq!(code(world.get(None, &inside.id).await), "not_found");
    assert_eq!(code(world.get(Some(&alice()), &secret.id).await), "not_found");
    assert!(world.list_posts(Some(&alice()), &secret.id).await.is_err());
    assert_eq!(code(world.post(&alice(), &secret.id, "Hello").await), "not_found");
    assert_eq!(code(world.vote(&alice(), &secret.id, 1).await), "not_found");
    assert_eq!(code(world.follow(&alice(), &secret.id, true).await), "not_found");
    assert_eq!(code(world.accept(&alice(), &secret.id, &post.id).await), "not_found");
    assert_eq!(code(world.delete(&alice(), &secret.id).await), "not_found");
    let into = world.create(&alice(), topic("Let me in", &staff.slug)).await;
    assert_eq!(wrong_fields(into), [("forum".to_owned(), "unknown".to_owned())], "as if there were no such forum");
    world.end().await;
}

#[tokio::test]
async fn a_portal_without_a_community_has_none_but_for_its_team_cm_12() {
    let world = World::new().await;
    let there = |person: portico_chassis::auth::Person| portico_chassis::auth::Person { portal: CLOSED.parse().unwrap(), ..person };
    let ask = || wire::ListForumsRequest { portal: CLOSED.into() };
    assert_eq!(code(world.forums().list_forums(world.by(None, ask())).await), "not_found");
    assert_eq!(code(world.forums().list_forums(world.by(Some(&there(alice())), ask())).await), "not_found");
    assert!(world.forums().list_forums(world.by(Some(&there(agent())), ask())).await.is_ok());
    let write = wire::CreateTopicRequest { portal: CLOSED.into(), draft: true, ..topic("Draft", "") };
    assert_eq!(code(world.create(&there(alice()), write).await), "not_found");
    let nowhere = wire::ListForumsRequest { portal: "nowhere".into() };
    assert!(world.forums().list_forums(world.by(None, nowhere)).await.is_err());
    world.end().await;
}

#[tokio::test]
async fn portals_see_nothing_of_each_other_i13() {
    let world = World::new().await;
    let forum = world.forum("How to", "", Audience::Public).await;
    let asked = world.question(&alice(), "Ours", &forum.slug).await;
    let stranger = portico_chassis::auth::Person { portal: CLOSED.parse().unwrap(), ..agent() };
    let get = wire::GetTopicRequest { portal: CLOSED.into(), id: asked.id.clone(), count_view: false };
    assert_eq!(code(world.topics().get_topic(world.by(Some(&stranger), get)).await), "not_found");
    let vote = wire::VoteTopicRequest { portal: CLOSED.into(), request_id: fresh(), id: asked.id.clone(), value: 1 };
    assert_eq!(code(world.topics().vote_topic(world.by(Some(&stranger), vote)).await), "not_found");
    let list = wire::ListTopicsRequest { portal: CLOSED.into(), ..everything() };
    assert!(world.list(Some(&stranger), list).await.is_empty());
    let wrong = wire::GetTopicRequest { portal: PORTAL.into(), id: asked.id, count_view: false };
    assert_eq!(code(world.topics().get_topic(world.by(Some(&stranger), wrong)).await), "wrong_portal");
    world.end().await;
}
