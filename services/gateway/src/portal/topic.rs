//! One topic: reading, replying, voting, and what its writer and the team do with it.

use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use portico_proto::common::v1::PageRequest;
use portico_proto::community::v1 as proto;
use serde::Deserialize;

use super::map;
use super::news::next;
use super::posted::Posted;
use super::request::refused;
use super::view::community::Topic;
use super::view::form::Form;
use super::view::layout::percent_encode;
use super::view::ui::{Crumb, SafeHtml};
use super::visit::Visit;
use crate::error::{Answer, Problem};

/// Replies of a page: the newest, so that whoever writes one sees it.
const ROWS: i32 = 50;

/// Which replies are wanted.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    /// Those before a place, or empty.
    #[serde(default)]
    cursor: String,
    /// The page that holds this one, by its number; not a number: nothing.
    #[serde(default)]
    post: String,
}

/// A portal and a topic.
pub type Named = Path<(String, String)>;

/// One topic. A prefetch counts no view.
pub async fn page(visit: Visit, Path((_, segment)): Named, Query(asked): Query<Asked>) -> Answer<Response> {
    let id = map::topic::id_of(&segment);
    // An address without the title leads on to the one with it, which counts.
    let count_view = visit.call.headers.get("sec-purpose").is_none() && id != segment;
    let topic = read(&visit, id, count_view).await?;
    if topic.draft {
        return Ok(visit.go(&visit.url(&format!("/community/t/{}/edit", topic.id))));
    }
    let right = map::topic::url(&visit.l.portal.base, &topic.id, &topic.slug);
    if !right.ends_with(&format!("/{segment}")) {
        let place = if asked.post.is_empty() { String::new() } else { format!("?post={}", percent_encode(&asked.post)) };
        return Ok(Redirect::permanent(&format!("{right}{place}")).into_response());
    }
    if topic.slug.is_empty() && visit.call.headers.get("sec-purpose").is_none() {
        // A title without letters makes no longer address: this one counts.
        read(&visit, &topic.id, true).await?;
    }
    let page = shown(visit.clone(), visit.form(), topic, asked).await?;
    visit.show(&page)
}

/// Reads a topic.
///
/// # Errors
/// 404 when the reader may not see it, or when the community is off.
pub async fn read(visit: &Visit, id: &str, count_view: bool) -> Answer<proto::Topic> {
    if !visit.l.portal.community {
        return Err(Problem::not_found());
    }
    let request = visit.call.grpc(proto::GetTopicRequest { portal: visit.portal(), id: id.to_owned(), count_view });
    Ok(visit.call.clients().topics().get_topic(request).await?.into_inner())
}

async fn posts(visit: &Visit, topic_id: &str, asked: proto::ListPostsRequest) -> Answer<proto::ListPostsResponse> {
    let asked = proto::ListPostsRequest { portal: visit.portal(), topic_id: topic_id.to_owned(), newest_first: true, ..asked };
    Ok(visit.call.clients().posts().list_posts(visit.call.grpc(asked)).await?.into_inner())
}

/// Replies on one page, oldest first.
struct Replies {
    posts: Vec<proto::Post>,
    /// Where older ones are; empty when there are none.
    earlier: String,
    /// Whether these are the newest.
    newest: bool,
}

/// The newest replies, or those before a place, or those around one of them.
async fn replies(visit: &Visit, topic: &proto::Topic, asked: &Asked) -> Answer<Replies> {
    let wanted = asked.post.parse().ok().filter(|number| asked.cursor.is_empty() && (1..=topic.posts).contains(number));
    let begin = wanted.map_or(0, |number| number.saturating_add(i64::from(ROWS) / 2).min(topic.posts));
    let page = |through| proto::ListPostsRequest {
        through,
        page: Some(PageRequest { page_size: ROWS, page_token: asked.cursor.clone() }),
        ..Default::default()
    };
    let mut listed = posts(visit, &topic.id, page(begin)).await?;
    // A page of long replies ends before its last row.
    let lacks = |number: i64| listed.posts.iter().all(|post| post.number != number);
    if let Some(number) = wanted.filter(|number| lacks(*number)) {
        listed = posts(visit, &topic.id, page(number)).await?;
    }
    listed.posts.reverse();
    let newest = listed.posts.last().is_none_or(|last| last.number >= topic.posts);
    Ok(Replies { posts: listed.posts, earlier: listed.next_page_token, newest })
}

async fn shown(visit: Visit, form: Form, topic: proto::Topic, asked: Asked) -> Answer<Topic> {
    let listed = replies(&visit, &topic, &asked).await?;
    // An answer that stands first anyway needs no copy above the others.
    let accepted = match listed.posts.iter().find(|post| post.accepted).cloned() {
        None if !topic.accepted_post_id.is_empty() => {
            let accepted = proto::ListPostsRequest { accepted_only: true, ..Default::default() };
            posts(&visit, &topic.id, accepted).await?.posts.into_iter().next()
        }
        found => found.filter(|post| post.number > 1),
    };
    let (me, viewer) = (visit.my_id(), topic.viewer.unwrap_or_default());
    let url = map::topic::url(&visit.l.portal.base, &topic.id, &topic.slug);
    let mut crumbs = vec![Crumb { url: visit.url("/community"), label: "Community".into() }];
    crumbs.extend(
        topic
            .forum
            .as_ref()
            .map(|forum| Crumb { url: map::topic::forum_url(&visit.l.portal.base, &forum.slug), label: forum.name.clone() }),
    );
    let post = |post: &proto::Post| map::topic::post(post, &visit.l.api, &me, &visit.dates);
    Ok(Topic {
        crumbs,
        kind: map::topic::kind(topic.r#type()),
        author: map::person::person(topic.author.as_ref(), &me),
        at: visit.dates.when(topic.published_at.as_ref().or(topic.created_at.as_ref())),
        html: SafeHtml(chassis::markdown::render(&topic.body)),
        files: map::person::files(&visit.l.api, &topic.attachments),
        votes: topic.votes,
        voted: viewer.voted,
        following: viewer.following,
        replies: map::topic::several(topic.posts, "reply", "replies"),
        views: map::topic::several(topic.views, "view", "views"),
        answered: !topic.accepted_post_id.is_empty(),
        accepted_url: accepted.as_ref().map(|post| place(&url, &listed.posts, post.number)).unwrap_or_default(),
        accepted: accepted.as_ref().map(&post),
        posts: listed.posts.iter().map(post).collect(),
        earlier: next(url.clone(), &listed.earlier),
        newest: if listed.newest { String::new() } else { url.clone() },
        may_post: viewer.may_post,
        may_accept: viewer.may_accept,
        may_delete: viewer.may_delete,
        may_edit: viewer.may_edit,
        may_moderate: viewer.may_moderate,
        locked: locked(&topic),
        l: visit.layout("community"),
        id: topic.id,
        title: topic.title,
        tags: topic.tags,
        url,
        form,
    })
}

/// Where a reply stands: on the page that shows these, or another.
fn place(url: &str, shown: &[proto::Post], number: i64) -> String {
    let here = shown.iter().any(|post| post.number == number);
    if here { format!("#post-{number}") } else { format!("{url}?post={number}#post-{number}") }
}

fn locked(topic: &proto::Topic) -> String {
    match (topic.locked, topic.lock_reason.is_empty()) {
        (false, _) => String::new(),
        (true, true) => "This topic is locked. It stays readable.".into(),
        (true, false) => format!("This topic is locked: {}", topic.lock_reason),
    }
}

/// A reply.
pub async fn reply(Path((_, id)): Named, posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    visit.person()?;
    match send_reply(&posted, &id).await {
        Ok(post) => Ok(visit.go(&format!("{}#post-{}", visit.url(&format!("/community/t/{id}")), post.number))),
        Err(problem) => {
            let mut form = posted.again();
            posted.fault(&mut form, problem)?;
            let page = shown(visit.clone(), form.clone(), read(visit, &id, false).await?, Asked::default()).await?;
            posted.show_again(form, |visit, _| Topic { l: visit.layout("community"), ..page })
        }
    }
}

async fn send_reply(posted: &Posted, id: &str) -> Answer<proto::Post> {
    if posted.trimmed("body").is_empty() {
        return Err(refused("body", "Write a reply"));
    }
    let request = proto::AddPostRequest {
        portal: posted.visit.portal(),
        request_id: posted.request_id(&format!("post {id}")),
        topic_id: id.to_owned(),
        body: posted.value("body").trim_end().to_owned(),
        uploads: posted.uploads()?,
    };
    Ok(posted.visit.call.clients().posts().add_post(posted.visit.call.grpc(request)).await?.into_inner())
}

fn back(visit: &Visit, id: &str, sentence: &str) -> Response {
    visit.go_saying(&visit.url(&format!("/community/t/{id}")), sentence)
}

/// Votes, or takes the vote back.
pub async fn vote(Path((_, id)): Named, posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    visit.person()?;
    let value = i32::from(posted.value("value") == "1");
    let request_id = posted.request_id(&format!("vote {id} {value}"));
    let request = visit.call.grpc(proto::VoteTopicRequest { portal: visit.portal(), request_id, id: id.clone(), value });
    visit.call.clients().topics().vote_topic(request).await?;
    Ok(back(visit, &id, if value == 1 { "Your vote counts." } else { "Your vote is taken back." }))
}

/// Follows, or stops.
pub async fn follow(Path((_, id)): Named, posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    visit.person()?;
    let on = posted.is_true("on");
    let request_id = posted.request_id(&format!("follow {id} {on}"));
    let request = visit.call.grpc(proto::FollowTopicRequest { portal: visit.portal(), request_id, id: id.clone(), on });
    visit.call.clients().topics().follow_topic(request).await?;
    Ok(back(visit, &id, if on { "You are told when somebody replies." } else { "You don’t follow this topic any more." }))
}

/// Accepts an answer, or takes that back.
pub async fn accept(Path((_, id)): Named, posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    let post_id = posted.trimmed("post");
    let request_id = posted.request_id(&format!("accept {id} {post_id}"));
    let request =
        visit.call.grpc(proto::AcceptPostRequest { portal: visit.portal(), request_id, id: id.clone(), post_id: post_id.clone() });
    visit.call.clients().topics().accept_post(request).await?;
    Ok(back(visit, &id, if post_id.is_empty() { "No answer is accepted now." } else { "The answer is accepted." }))
}

/// Tells the moderators.
pub async fn report(Path((_, id)): Named, posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    visit.person()?;
    let reason = posted.trimmed("reason");
    if reason.is_empty() {
        let mut form = posted.again();
        form.refuse("reason", "Say what is wrong");
        let page = shown(visit.clone(), form.clone(), read(visit, &id, false).await?, Asked::default()).await?;
        return posted.show_again(form, |visit, _| Topic { l: visit.layout("community"), ..page });
    }
    let request_id = posted.request_id(&format!("report {id}"));
    let request = visit.call.grpc(proto::ReportTopicRequest { portal: visit.portal(), request_id, id: id.clone(), reason });
    visit.call.clients().topics().report_topic(request).await?;
    Ok(back(visit, &id, "Thank you. A moderator looks at it."))
}

/// Deletes a topic or a draft.
pub async fn delete(Path((_, id)): Named, posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    let request = visit.call.grpc(proto::DeleteTopicRequest {
        portal: visit.portal(),
        request_id: posted.request_id(&format!("delete {id}")),
        etag: String::new(),
        id,
    });
    visit.call.clients().topics().delete_topic(request).await?;
    if posted.value("draft") == "1" {
        return Ok(visit.go_saying(&visit.url("/community/drafts"), "The draft is deleted."));
    }
    Ok(visit.go_saying(&visit.url("/community"), "The topic is deleted."))
}
