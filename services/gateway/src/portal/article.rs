//! The knowledge base.

use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use portico_proto::knowledge::v1 as proto;
use serde::Deserialize;

use super::home::first;
use super::map;
use super::news::next;
use super::posted::Posted;
use super::request::refused;
use super::view::article::{Article, KnowledgeBase};
use super::view::form::Form;
use super::view::home::Link;
use super::view::layout::{capital, percent_encode};
use super::view::ui::{Crumb, SafeHtml, Tab};
use super::visit::Visit;
use crate::error::{Answer, Problem};

/// Comments of a page: the newest, so that whoever writes one sees it.
const COMMENTS: i32 = 100;

/// Which kind, and where a list goes on.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    cursor: String,
    #[serde(default)]
    thanks: String,
    /// `all`: every article of the kind, also those without a category.
    #[serde(default)]
    list: String,
    #[serde(default)]
    comments: String,
}

fn kind(asked: &str) -> proto::ArticleKind {
    if asked == "faq" { proto::ArticleKind::Faq } else { proto::ArticleKind::Article }
}

/// The first page.
pub async fn index(visit: Visit, Query(asked): Query<Asked>) -> Answer<Response> {
    if asked.list == "all" {
        return all(visit, asked).await;
    }
    let kind = kind(&asked.kind);
    let ask = |sort: proto::ArticleSort, rows| {
        visit.call.grpc(proto::ListArticlesRequest {
            portal: visit.portal(),
            page: first(rows),
            sort: sort.into(),
            kind: kind.into(),
            state: proto::ArticleState::Published.into(),
            ..Default::default()
        })
    };
    let (mut by_views, mut by_date, mut categories) =
        (visit.call.clients().articles(), visit.call.clients().articles(), visit.call.clients().articles());
    let (viewed, recent, categories) = tokio::join!(
        by_views.list_articles(ask(proto::ArticleSort::MostViewed, 8)),
        by_date.list_articles(ask(proto::ArticleSort::Recent, 8)),
        categories.list_categories(visit.call.grpc(proto::ListCategoriesRequest { portal: visit.portal(), kind: kind.into() })),
    );
    let base = &visit.l.portal.base;
    let (word, words) = match kind {
        proto::ArticleKind::Faq => ("question", "questions"),
        _ => (visit.l.words.article.as_str(), visit.l.words.articles.as_str()),
    };
    let mut categories = categories?.into_inner().categories;
    categories.retain(|category| category.articles > 0);
    let faq = kind == proto::ArticleKind::Faq;
    let page = KnowledgeBase {
        l: visit.layout("help"),
        crumbs: Vec::new(),
        title: if faq { "Questions and answers".into() } else { "Knowledge base".into() },
        tabs: vec![
            Tab { url: visit.url("/kb"), label: visit.l.words.Articles(), current: !faq, ..Tab::default() },
            Tab { url: visit.url("/kb?kind=faq"), label: "Questions and answers".into(), current: faq, ..Tab::default() },
        ],
        categories: categories.iter().map(|one| map::article::tile(one, base, word, words, faq)).collect(),
        viewed: viewed?.into_inner().articles.iter().map(|one| map::article::plain_link(one, base)).collect(),
        recent: recent?.into_inner().articles.iter().map(|one| map::article::link(one, base, &visit.dates)).collect(),
        inside: false,
        faq,
        next: String::new(),
    };
    visit.show(&page)
}

/// Every article, or every question, also those without a category.
async fn all(visit: Visit, asked: Asked) -> Answer<Response> {
    let kind = kind(&asked.kind);
    let faq = kind == proto::ArticleKind::Faq;
    let answer = listed(&visit, &asked, kind, "").await?;
    let title = if faq { "All questions".to_owned() } else { format!("All {}", visit.l.words.articles) };
    let here = visit.url(if faq { "/kb?kind=faq&list=all" } else { "/kb?list=all" });
    visit.show(&inside(&visit, answer, title, faq, here))
}

async fn listed(visit: &Visit, asked: &Asked, kind: proto::ArticleKind, category: &str) -> Answer<proto::ListArticlesResponse> {
    let request = visit.call.grpc(proto::ListArticlesRequest {
        portal: visit.portal(),
        page: Some(portico_proto::common::v1::PageRequest { page_size: 50, page_token: asked.cursor.clone() }),
        sort: proto::ArticleSort::MostViewed.into(),
        kind: kind.into(),
        state: proto::ArticleState::Published.into(),
        category: category.to_owned(),
        ..Default::default()
    });
    Ok(visit.call.clients().articles().list_articles(request).await?.into_inner())
}

/// A page that is one list.
fn inside(visit: &Visit, answer: proto::ListArticlesResponse, title: String, faq: bool, here: String) -> KnowledgeBase {
    let base = &visit.l.portal.base;
    let above = if faq { ("/kb?kind=faq", "Questions and answers") } else { ("/kb", "Knowledge base") };
    KnowledgeBase {
        l: visit.layout("help"),
        crumbs: vec![Crumb { url: visit.url(above.0), label: above.1.into() }],
        title,
        tabs: Vec::new(),
        categories: Vec::new(),
        viewed: Vec::new(),
        recent: answer.articles.iter().map(|one| map::article::link(one, base, &visit.dates)).collect(),
        inside: true,
        faq,
        next: next(here, &answer.next_page_token),
    }
}

/// One category of one kind.
pub async fn category(visit: Visit, Path((_, name)): Path<(String, String)>, Query(asked): Query<Asked>) -> Answer<Response> {
    let kind = kind(&asked.kind);
    let faq = kind == proto::ArticleKind::Faq;
    let answer = listed(&visit, &asked, kind, &name).await?;
    let Some(title) = answer.articles.first().map(|article| capital(&article.category)) else {
        // A category that holds nothing but questions is read among them.
        if !faq && !listed(&visit, &asked, proto::ArticleKind::Faq, &name).await?.articles.is_empty() {
            return Ok(visit.go(&map::article::category_url(&visit.l.portal.base, &name, true)));
        }
        return Err(Problem::not_found());
    };
    let here = map::article::category_url(&visit.l.portal.base, &name, faq);
    visit.show(&inside(&visit, answer, title, faq, here))
}

/// One article. A prefetch counts no view.
pub async fn page(visit: Visit, Path((_, slug)): Path<(String, String)>, Query(asked): Query<Asked>) -> Answer<Response> {
    let count_view = visit.call.headers.get("sec-purpose").is_none() && asked.thanks.is_empty();
    let article = read(&visit, &slug, count_view).await?;
    if article.slug != slug && article.id != slug {
        return Ok(Redirect::permanent(&map::article::url(&visit.l.portal.base, &article.slug)).into_response());
    }
    let mut page = shown(visit.clone(), visit.form(), article, &asked.comments).await?;
    page.answered = !asked.thanks.is_empty();
    visit.show(&page)
}

async fn read(visit: &Visit, slug: &str, count_view: bool) -> Answer<proto::Article> {
    let request = visit.call.grpc(proto::GetArticleRequest { portal: visit.portal(), slug: slug.to_owned(), count_view });
    Ok(visit.call.clients().articles().get_article(request).await?.into_inner())
}

async fn shown(visit: Visit, form: Form, article: proto::Article, from: &str) -> Answer<Article> {
    let ((comments, earlier), related) = tokio::join!(comments(&visit, &article.slug, from), related(&visit, &article));
    let faq = article.kind() == proto::ArticleKind::Faq;
    let me = visit.my_id();
    let (html, contents) = map::article::with_contents(&article.body_html);
    let mut crumbs = vec![if faq {
        Crumb { url: visit.url("/kb?kind=faq"), label: "Questions and answers".into() }
    } else {
        Crumb { url: visit.url("/kb"), label: "Knowledge base".into() }
    }];
    if !article.category.is_empty() {
        let url = map::article::category_url(&visit.l.portal.base, &article.category, faq);
        crumbs.push(Crumb { url, label: capital(&article.category) });
    }
    let url = map::article::url(&visit.l.portal.base, &article.slug);
    let earlier = if earlier.is_empty() { String::new() } else { format!("{url}?comments={}#comments", percent_encode(&earlier)) };
    Ok(Article {
        crumbs,
        html: SafeHtml(html),
        contents,
        updated: visit.dates.when(article.updated_at.as_ref().or(article.published_at.as_ref())),
        views: map::topic::several(article.views, "view", "views"),
        files: map::person::files(&visit.l.api, &article.attachments),
        related,
        comments: comments.iter().map(|one| map::article::comment(one, &me, &visit.dates)).collect(),
        earlier,
        newest: if from.is_empty() { String::new() } else { format!("{url}#comments") },
        comment_count: article.comment_count.max(i32::try_from(comments.len()).unwrap_or(0)),
        slug: article.slug,
        title: article.title,
        tags: article.tags,
        l: visit.layout("help"),
        answered: false,
        form,
    })
}

/// The newest comments before a place, oldest first, and where older ones are; empty when there are none.
async fn comments(visit: &Visit, slug: &str, before: &str) -> (Vec<proto::ArticleComment>, String) {
    let page = Some(portico_proto::common::v1::PageRequest { page_size: COMMENTS, page_token: before.to_owned() });
    let request =
        visit.call.grpc(proto::ListArticleCommentsRequest { portal: visit.portal(), slug: slug.to_owned(), page, newest_first: true });
    let Ok(answer) = visit.call.clients().article_comments().list_article_comments(request).await else { return Default::default() };
    let proto::ListArticleCommentsResponse { mut comments, next_page_token, .. } = answer.into_inner();
    comments.reverse();
    (comments, next_page_token)
}

async fn related(visit: &Visit, article: &proto::Article) -> Vec<Link> {
    if article.category.is_empty() {
        return Vec::new();
    }
    let request = visit.call.grpc(proto::ListArticlesRequest {
        portal: visit.portal(),
        page: first(6),
        sort: proto::ArticleSort::MostViewed.into(),
        state: proto::ArticleState::Published.into(),
        category: article.category.clone(),
        ..Default::default()
    });
    let answer = visit.call.clients().articles().list_articles(request).await;
    let others = answer.map_or_else(|_| Vec::new(), |answer| answer.into_inner().articles);
    others.iter().filter(|one| one.id != article.id).take(5).map(|one| map::article::plain_link(one, &visit.l.portal.base)).collect()
}

/// Whether it helped.
pub async fn feedback(Path((_, slug)): Path<(String, String)>, posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    let request = visit.call.grpc(proto::GiveFeedbackRequest {
        portal: visit.portal(),
        request_id: posted.request_id(&format!("feedback {slug}")),
        slug: slug.clone(),
        helpful: posted.is_true("helpful"),
    });
    visit.call.clients().articles().give_feedback(request).await?;
    Ok(visit.go(&format!("{}?thanks=1#feedback", map::article::url(&visit.l.portal.base, &slug))))
}

/// Writes a comment.
pub async fn add_comment(Path((_, slug)): Path<(String, String)>, posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    visit.person()?;
    let request = visit.call.grpc(proto::AddArticleCommentRequest {
        portal: visit.portal(),
        request_id: posted.request_id(&format!("comment {slug}")),
        slug: slug.clone(),
        body: posted.value("body").trim().to_owned(),
    });
    let added = if posted.trimmed("body").is_empty() {
        Err(refused("body", "Write a comment"))
    } else {
        visit.call.clients().article_comments().add_article_comment(request).await.map_err(Problem::from)
    };
    match added {
        Ok(comment) => Ok(visit.go(&format!("{}#c-{}", map::article::url(&visit.l.portal.base, &slug), comment.into_inner().id))),
        Err(problem) => {
            let mut form = posted.again();
            posted.fault(&mut form, problem)?;
            let page = shown(visit.clone(), form.clone(), read(visit, &slug, false).await?, "").await?;
            posted.show_again(form, |visit, _| Article { l: visit.layout("help"), ..page })
        }
    }
}

/// Takes a comment away.
pub async fn remove_comment(Path((_, slug, id)): Path<(String, String, String)>, posted: Posted) -> Answer<Response> {
    let visit = &posted.visit;
    let request = visit.call.grpc(proto::DeleteArticleCommentRequest {
        portal: visit.portal(),
        request_id: posted.request_id(&format!("uncomment {id}")),
        comment_id: id,
    });
    visit.call.clients().article_comments().delete_article_comment(request).await?;
    Ok(visit.go_saying(&map::article::url(&visit.l.portal.base, &slug), "The comment is removed."))
}
