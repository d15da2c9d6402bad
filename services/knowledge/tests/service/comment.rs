//! Comments under articles (KB-6, KB-7).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests end at the first surprise")]

use crate::kit::{Kit, PORTAL, agent, alice, carol, code, published, request_id};
use portico_proto::common::v1::{PageRequest, Role};
use portico_proto::knowledge::v1::{self as wire, Audience};
use tonic::Code;

fn add(slug: &str, body: &str) -> wire::AddArticleCommentRequest {
    wire::AddArticleCommentRequest { portal: PORTAL.into(), request_id: request_id(), slug: slug.into(), body: body.into() }
}

fn list(slug: &str, size: i32, token: &str) -> wire::ListArticleCommentsRequest {
    let page = Some(PageRequest { page_size: size, page_token: token.into() });
    wire::ListArticleCommentsRequest { portal: PORTAL.into(), slug: slug.into(), page, newest_first: false }
}

#[tokio::test(flavor = "multi_thread")]
async fn commenting_needs_sign_in_and_everybody_sees_the_count() {
    let kit = Kit::start().await;
    let article = kit.write(published("Discussed", "text")).await;
    assert_eq!(code(kit.comments().add_article_comment(kit.stage.as_guest("x", add(&article.slug, "Hi"))).await), Code::Unauthenticated);
    let request = add(&article.slug, "It **works**");
    let comment = kit.comments().add_article_comment(kit.stage.as_person(&alice(), request.clone())).await.unwrap().into_inner();
    assert_eq!(kit.comments().add_article_comment(kit.stage.as_person(&alice(), request)).await.unwrap().into_inner(), comment);
    let author = comment.author.clone().unwrap();
    assert_eq!((author.name.as_str(), author.role()), ("Person 11", Role::Customer));
    kit.comments().add_article_comment(kit.stage.as_person(&agent(), add(&article.slug, "Good"))).await.unwrap();
    let first = kit.comments().list_article_comments(kit.stage.as_guest("x", list(&article.slug, 1, ""))).await.unwrap().into_inner();
    assert_eq!(
        (first.total, first.comments[0].body_html.contains("<strong>works</strong>"), first.comments[0].removable),
        (2, true, false)
    );
    let next = list(&article.slug, 1, &first.next_page_token);
    let second = kit.comments().list_article_comments(kit.stage.as_guest("x", next)).await.unwrap().into_inner();
    assert_eq!((second.comments[0].body.as_str(), second.next_page_token.as_str()), ("Good", ""));
    let newest = |token: &str| wire::ListArticleCommentsRequest { newest_first: true, ..list(&article.slug, 1, token) };
    let last = kit.comments().list_article_comments(kit.stage.as_guest("x", newest(""))).await.unwrap().into_inner();
    let before = kit.comments().list_article_comments(kit.stage.as_guest("x", newest(&last.next_page_token))).await.unwrap().into_inner();
    assert_eq!((last.comments[0].body.as_str(), before.comments[0].id.as_str()), ("Good", comment.id.as_str()));
    assert_eq!(before.next_page_token, "");
    let get = wire::GetArticleRequest { portal: PORTAL.into(), slug: article.slug.clone(), count_view: false };
    let seen = kit.articles().get_article(kit.stage.as_guest("x", get)).await.unwrap().into_inner();
    assert_eq!((seen.comment_count, seen.version), (2, 1), "a comment is no new version of the article");
    assert_eq!(
        code(kit.comments().add_article_comment(kit.stage.as_person(&alice(), add(&article.slug, " "))).await),
        Code::InvalidArgument
    );
    kit.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_is_removed_by_its_writer_or_an_agent_and_by_nobody_else() {
    let kit = Kit::start().await;
    let article = kit.write(published("Discussed", "text")).await;
    let mut ids = Vec::new();
    for body in ["one", "two"] {
        let comment = kit.comments().add_article_comment(kit.stage.as_person(&alice(), add(&article.slug, body))).await.unwrap();
        ids.push(comment.into_inner().id);
    }
    let delete =
        |id: &str| wire::DeleteArticleCommentRequest { portal: PORTAL.into(), request_id: request_id(), comment_id: id.to_owned() };
    assert_eq!(code(kit.comments().delete_article_comment(kit.stage.as_person(&carol(), delete(&ids[0]))).await), Code::NotFound);
    kit.comments().delete_article_comment(kit.stage.as_person(&alice(), delete(&ids[0]))).await.unwrap();
    kit.comments().delete_article_comment(kit.stage.as_person(&agent(), delete(&ids[1]))).await.unwrap();
    assert_eq!(code(kit.comments().delete_article_comment(kit.stage.as_person(&agent(), delete(&ids[1]))).await), Code::NotFound);
    let left = kit.comments().list_article_comments(kit.stage.as_guest("x", list(&article.slug, 0, ""))).await.unwrap().into_inner();
    assert_eq!((left.total, left.comments.len()), (0, 0));
    kit.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_read_has_no_comments() {
    let kit = Kit::start().await;
    let article = kit.write(wire::CreateArticleRequest { audience: Audience::Agents.into(), ..published("Secret", "text") }).await;
    assert_eq!(code(kit.comments().list_article_comments(kit.stage.as_guest("x", list(&article.slug, 0, ""))).await), Code::NotFound);
    assert_eq!(code(kit.comments().add_article_comment(kit.stage.as_person(&alice(), add(&article.slug, "Hi"))).await), Code::NotFound);
    kit.end().await;
}

/// After identity's database was restored from an older copy, no copy here keeps a version that is newer than its facts.
#[tokio::test(flavor = "multi_thread")]
async fn copies_of_people_can_be_made_stale() {
    let kit = Kit::start().await;
    let article = kit.write(published("Discussed", "text")).await;
    kit.comments().add_article_comment(kit.stage.as_person(&alice(), add(&article.slug, "Hi"))).await.unwrap();
    let mut conn = kit.stage.inspect("knowledge").await;
    portico_knowledge::app::person::outdate(&mut conn).await.unwrap();
    let sql = "SELECT p.version, d.version FROM person p JOIN dirty d ON d.kind = 'person' AND d.id = p.id WHERE p.id = $1";
    let marked: (i64, i64) = sqlx::query_as(sql).bind(alice().id).fetch_one(&mut conn).await.unwrap();
    assert_eq!(marked, (0, 0));
    kit.end().await;
}
