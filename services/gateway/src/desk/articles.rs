//! Articles as the team writes them: the list of all states, the editor with its preview, publishing and taking back.

use axum::extract::{Path, Query};
use axum::response::Response;
use chassis::error::Error;
use portico_proto::common::v1::{PageRequest, UploadTicket};
use portico_proto::knowledge::v1 as proto;
use serde::Deserialize;

use super::audience;
use super::editor_view::{ArticleEditor, ArticleRow, Articles};
use crate::error::{Answer, Problem};
use crate::portal::map;
use crate::portal::news::next;
use crate::portal::posted::Posted;
use crate::portal::view::form::Form;
use crate::portal::view::layout::{capital, percent_encode};
use crate::portal::view::ui::{Choice, SafeHtml, Status, Tab};
use crate::portal::visit::Visit;

/// Rows of a page.
const ROWS: i32 = 50;

/// States: name in the address, words, what they mean, hue of the dot.
const STATES: [(&str, &str, proto::ArticleState, &str); 4] = [
    ("published", "Published", proto::ArticleState::Published, "resolved"),
    ("draft", "Drafts", proto::ArticleState::Draft, "new"),
    ("review", "In review", proto::ArticleState::Review, "waiting_customer"),
    ("archived", "Archived", proto::ArticleState::Archived, "closed"),
];

/// What the address says.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    state: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    category: String,
    #[serde(default)]
    cursor: String,
}

/// All articles of a state.
pub async fn list(visit: Visit, Query(asked): Query<Asked>) -> Answer<Response> {
    visit.staff()?;
    let state = STATES.iter().find(|(name, ..)| *name == asked.state);
    let request = visit.call.grpc(proto::ListArticlesRequest {
        portal: visit.portal(),
        page: Some(PageRequest { page_size: ROWS, page_token: asked.cursor.clone() }),
        sort: proto::ArticleSort::Recent.into(),
        kind: if asked.kind == "faq" { proto::ArticleKind::Faq.into() } else { 0 },
        state: state.map_or(0, |(.., state, _)| (*state).into()),
        category: asked.category.clone(),
        ..Default::default()
    });
    let (mut articles, categories) = (visit.call.clients().articles(), categories(&visit));
    let (listed, categories) = tokio::join!(articles.list_articles(request), categories);
    let listed = listed?.into_inner();
    let url = format!("{}/articles", visit.l.portal.desk);
    let all = Tab { url: url.clone(), label: "All".into(), current: state.is_none() && asked.kind.is_empty(), ..Tab::default() };
    let tab = |(name, label, ..): &(&str, &str, proto::ArticleState, &str)| Tab {
        url: format!("{url}?state={name}"),
        label: (*label).to_owned(),
        current: *name == asked.state,
        ..Tab::default()
    };
    let faq = Tab { url: format!("{url}?kind=faq"), label: "Questions and answers".into(), current: asked.kind == "faq", ..Tab::default() };
    let here = format!("{url}?state={}&kind={}&category={}", asked.state, asked.kind, percent_encode(&asked.category));
    let page = Articles {
        l: visit.layout("content"),
        tabs: std::iter::once(all).chain(STATES.iter().map(tab)).chain([faq]).collect(),
        rows: listed.articles.iter().map(|one| row(one, &visit)).collect(),
        next: next(here, &listed.next_page_token),
        category: asked.category,
        state: asked.state,
        kind: asked.kind,
        categories,
        url,
    };
    visit.show(&page)
}

async fn categories(visit: &Visit) -> Vec<Choice> {
    let request = visit.call.grpc(proto::ListCategoriesRequest { portal: visit.portal(), kind: 0 });
    let answer = visit.call.clients().articles().list_categories(request).await;
    let categories = answer.map(|answer| answer.into_inner().categories).unwrap_or_default();
    categories.into_iter().map(|one| Choice::new(one.name.clone(), capital(&one.name))).collect()
}

fn status(state: proto::ArticleState) -> Status {
    let (_, label, _, hue) = STATES.iter().find(|(_, _, one, _)| *one == state).copied().unwrap_or(STATES[0]);
    let label = if state == proto::ArticleState::Draft { "Draft" } else { label };
    Status { key: hue, label: label.to_owned(), definition: String::new() }
}

fn row(article: &proto::Article, visit: &Visit) -> ArticleRow {
    ArticleRow {
        url: format!("{}/articles/{}", visit.l.portal.desk, article.slug),
        title: article.title.clone(),
        status: status(article.state()),
        kind: if article.kind() == proto::ArticleKind::Faq { "Question" } else { "" },
        category: capital(&article.category),
        audience: audience::word(article.audience()),
        views: article.views,
        helpful: article.helpful_count,
        unhelpful: article.unhelpful_count,
        updated: visit.dates.when(article.updated_at.as_ref()),
    }
}

/// An empty editor.
pub async fn new_page(visit: Visit) -> Answer<Response> {
    visit.staff()?;
    let form = visit.form().with("kind", "article").with("audience", "public");
    let page = editor(visit.clone(), form, None, None).await?;
    visit.show(&page)
}

async fn editor(visit: Visit, form: Form, article: Option<&proto::Article>, preview: Option<SafeHtml>) -> Answer<ArticleEditor> {
    let (organizations, categories) = tokio::join!(audience::organizations(&visit), categories(&visit));
    let url = format!("{}/articles", visit.l.portal.desk);
    let state = article.map(proto::Article::state);
    Ok(ArticleEditor {
        action: article.map_or_else(|| format!("{url}/new"), |article| format!("{url}/{}", article.slug)),
        title: article.map(|article| article.title.clone()).unwrap_or_default(),
        public_url: article.map(|article| map::article::url(&visit.l.portal.base, &article.slug)).unwrap_or_default(),
        status: state.map(status).unwrap_or_default(),
        published: state == Some(proto::ArticleState::Published),
        archived: state == Some(proto::ArticleState::Archived),
        updated: visit.dates.when(article.and_then(|article| article.updated_at.as_ref())),
        files: article.map(|article| map::person::files(&visit.l.api, &article.attachments)).unwrap_or_default(),
        file_ids: article.map(|article| article.attachments.iter().map(|file| file.id.clone()).collect()).unwrap_or_default(),
        audiences: audience::choices(),
        organizations: organizations?,
        exists: article.is_some(),
        l: visit.layout("content"),
        categories,
        preview,
        form,
        url,
    })
}

async fn read(visit: &Visit, slug: &str) -> Answer<proto::Article> {
    visit.staff()?;
    let request = visit.call.grpc(proto::GetArticleRequest { portal: visit.portal(), slug: slug.to_owned(), count_view: false });
    Ok(visit.call.clients().articles().get_article(request).await?.into_inner())
}

/// The editor of an article.
pub async fn edit_page(visit: Visit, Path((_, slug)): Path<(String, String)>) -> Answer<Response> {
    let article = read(&visit, &slug).await?;
    let form = filled(visit.form(), &article);
    let page = editor(visit.clone(), form, Some(&article), None).await?;
    visit.show(&page)
}

fn filled(form: Form, article: &proto::Article) -> Form {
    let kind = if article.kind() == proto::ArticleKind::Faq { "faq" } else { "article" };
    let form = form
        .with("title", article.title.clone())
        .with("body", article.body.clone())
        .with("kind", kind)
        .with("category", article.category.clone())
        .with("tags", article.tags.join(", "))
        .with("etag", article.etag.clone());
    audience::filled(form, article.audience(), &article.organizations)
}

/// Previews, keeps or publishes a new article.
pub async fn create(posted: Posted) -> Answer<Response> {
    posted.visit.staff()?;
    write(&posted, None).await
}

/// The same for one that is there; also takes it back, archives or deletes it.
pub async fn update(Path((_, slug)): Path<(String, String)>, posted: Posted) -> Answer<Response> {
    let article = read(&posted.visit, &slug).await?;
    if posted.value("do") == "delete" {
        return delete(&posted, &article).await;
    }
    write(&posted, Some(&article)).await
}

/// The state that a button leads to; `None` leaves it.
fn target(button: &str) -> Option<proto::ArticleState> {
    Some(match button {
        "publish" => proto::ArticleState::Published,
        "draft" => proto::ArticleState::Draft,
        "review" => proto::ArticleState::Review,
        "archive" => proto::ArticleState::Archived,
        _ => return None,
    })
}

async fn write(posted: &Posted, article: Option<&proto::Article>) -> Answer<Response> {
    let visit = &posted.visit;
    if posted.value("do") == "preview" {
        let html = SafeHtml(chassis::markdown::render(posted.value("body")));
        let page = editor(visit.clone(), posted.again(), article, Some(html)).await?;
        return visit.show(&page);
    }
    let mut form = checked(posted);
    if form.errors.is_empty() {
        match save(posted, article).await {
            Ok(saved) => {
                let url = format!("{}/articles/{}", visit.l.portal.desk, saved.slug);
                return Ok(visit.go_saying(&url, said(posted.value("do"))));
            }
            Err(problem) => posted.fault(&mut form, problem)?,
        }
    }
    let page = editor(visit.clone(), form.clone(), article, None).await?;
    posted.show_again(form, |visit, _| ArticleEditor { l: visit.layout("content"), ..page })
}

fn checked(posted: &Posted) -> Form {
    let mut form = posted.again();
    if posted.trimmed("title").is_empty() {
        form.refuse("title", "Enter a title");
    }
    if posted.trimmed("body").is_empty() {
        form.refuse("body", "Write the text");
    }
    let (chosen, organizations) = audience::chosen(posted);
    audience::check(&mut form, chosen, &organizations);
    form
}

fn said(button: &str) -> &'static str {
    match button {
        "publish" => "Published. Its readers find it within seconds.",
        "draft" => "Kept as a draft. Only the team sees it.",
        "archive" => "Archived. Only the team sees it.",
        _ => "Saved.",
    }
}

async fn save(posted: &Posted, article: Option<&proto::Article>) -> Answer<proto::Article> {
    let uploads = posted.uploads()?;
    let saved = match article {
        Some(article) => {
            let request = changes(posted, article, uploads);
            posted.visit.call.clients().articles().update_article(posted.visit.call.grpc(request)).await?
        }
        None => posted.visit.call.clients().articles().create_article(posted.visit.call.grpc(fresh(posted, uploads))).await?,
    };
    Ok(saved.into_inner())
}

fn kind(posted: &Posted) -> proto::ArticleKind {
    if posted.value("kind") == "faq" { proto::ArticleKind::Faq } else { proto::ArticleKind::Article }
}

fn fresh(posted: &Posted, uploads: Vec<UploadTicket>) -> proto::CreateArticleRequest {
    let (audience, organizations) = audience::chosen(posted);
    proto::CreateArticleRequest {
        portal: posted.visit.portal(),
        request_id: posted.request_id(&format!("article {}", posted.value("do"))),
        title: posted.trimmed("title"),
        body: posted.value("body").trim_end().to_owned(),
        state: target(posted.value("do")).unwrap_or(proto::ArticleState::Draft).into(),
        audience: audience.into(),
        kind: kind(posted).into(),
        department: String::new(),
        category: posted.trimmed("category"),
        tags: posted.list("tags"),
        organizations,
        uploads,
    }
}

fn changes(posted: &Posted, article: &proto::Article, uploads: Vec<UploadTicket>) -> proto::UpdateArticleRequest {
    let (audience, organizations) = audience::chosen(posted);
    proto::UpdateArticleRequest {
        portal: posted.visit.portal(),
        request_id: posted.request_id(&format!("article {} {}", article.id, posted.value("do"))),
        etag: posted.trimmed("etag"),
        slug: article.slug.clone(),
        title: Some(posted.trimmed("title")),
        body: Some(posted.value("body").trim_end().to_owned()),
        state: target(posted.value("do")).map(Into::into),
        audience: Some(audience.into()),
        organizations: Some(proto::OrganizationIds { ids: organizations }),
        kind: Some(kind(posted).into()),
        department: None,
        category: Some(posted.trimmed("category")),
        tags: Some(proto::TagList { tags: posted.list("tags") }),
        remove_attachments: posted.names_below("remove-"),
        uploads,
    }
}

async fn delete(posted: &Posted, article: &proto::Article) -> Answer<Response> {
    let visit = &posted.visit;
    let request = visit.call.grpc(proto::DeleteArticleRequest {
        portal: visit.portal(),
        request_id: posted.request_id(&format!("delete {}", article.id)),
        etag: posted.trimmed("etag"),
        slug: article.slug.clone(),
    });
    match visit.call.clients().articles().delete_article(request).await.map_err(Problem::from) {
        Ok(_) | Err(Problem::Error(Error::NotFound { .. })) => {
            Ok(visit.go_saying(&format!("{}/articles", visit.l.portal.desk), "The article is deleted."))
        }
        Err(problem) => {
            let mut form = posted.again();
            posted.fault(&mut form, problem)?;
            let page = editor(visit.clone(), form.clone(), Some(article), None).await?;
            posted.show_again(form, |visit, _| ArticleEditor { l: visit.layout("content"), ..page })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_editor_shows_the_article_as_it_stands() {
        let article = proto::Article {
            title: "Reset".into(),
            kind: proto::ArticleKind::Faq.into(),
            audience: proto::Audience::Customers.into(),
            tags: vec!["a".into(), "b".into()],
            etag: "4".into(),
            ..Default::default()
        };
        let form = filled(Form::default(), &article);
        assert_eq!((form.value("title"), form.value("kind"), form.value("audience")), ("Reset", "faq", "customers"));
        assert_eq!((form.value("tags"), form.value("etag")), ("a, b", "4"));
    }

    #[test]
    fn saving_alone_never_moves_the_state() {
        assert_eq!(target("save"), None);
        assert_eq!(target("publish"), Some(proto::ArticleState::Published));
        assert_eq!(target("archive"), Some(proto::ArticleState::Archived));
    }
}
