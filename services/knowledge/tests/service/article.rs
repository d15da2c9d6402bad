//! Articles as their readers and writers see them (KB-1, KB-2, KB-5, KB-6, KB-10, I01, S01, S37, S40).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests end at the first surprise")]

use crate::kit::{self, Kit, PORTAL, acme, admin, agent, alice, carol, code, published, request_id, update};
use futures_util::stream;
use portico_chassis::auth::Keys;
use portico_chassis::blobs::{Blobs, Upload};
use portico_chassis::testing::eventually;
use portico_knowledge::store;
use portico_proto::common::v1::{PageRequest, ScanState, UploadTicket};
use portico_proto::knowledge::v1::{self as wire, ArticleKind, ArticleSort, ArticleState, Audience};
use tonic::Code;
use uuid::Uuid;

fn get(slug: &str, count_view: bool) -> wire::GetArticleRequest {
    wire::GetArticleRequest { portal: PORTAL.into(), slug: slug.into(), count_view }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_article_is_written_changed_and_removed_by_agents() {
    let kit = Kit::start().await;
    let draft = wire::CreateArticleRequest {
        state: ArticleState::Unspecified.into(),
        tags: vec!["vpn".into(), " vpn ".into(), "net".into()],
        ..published("How to <b>connect</b>", "Use *this*: <script>x</script>")
    };
    let article = kit.write(draft).await;
    assert_eq!((article.state(), article.kind(), article.audience()), (ArticleState::Draft, ArticleKind::Article, Audience::Public));
    assert_eq!((article.slug.as_str(), article.tags.clone(), article.version), ("how-to-b-connect-b", vec!["vpn".into(), "net".into()], 1));
    assert!(article.body_html.contains("<em>this</em>") && !article.body_html.contains("<script"));
    assert_eq!(code(kit.articles().get_article(kit.stage.as_guest("x", get(&article.slug, false))).await), Code::NotFound);
    let publish =
        wire::UpdateArticleRequest { state: Some(ArticleState::Published.into()), etag: article.etag.clone(), ..update(&article.slug) };
    let after = kit.change(publish).await.unwrap();
    assert_eq!((after.version, after.published_at.is_some(), after.body.as_str()), (2, true, "Use *this*: <script>x</script>"));
    let stale = wire::UpdateArticleRequest { title: Some("Late".into()), etag: article.etag, ..update(&article.slug) };
    assert_eq!(code(kit.change(stale).await), Code::Aborted);
    let seen = kit.articles().get_article(kit.stage.as_guest("x", get(&article.id, false))).await.unwrap().into_inner();
    assert_eq!((seen.title.as_str(), seen.version), ("How to <b>connect</b>", 2));
    let delete =
        wire::DeleteArticleRequest { portal: PORTAL.into(), request_id: request_id(), slug: seen.slug.clone(), etag: String::new() };
    kit.articles().delete_article(kit.stage.as_person(&agent(), delete.clone())).await.unwrap();
    kit.articles().delete_article(kit.stage.as_person(&agent(), delete)).await.unwrap();
    assert_eq!(code(kit.articles().get_article(kit.stage.as_person(&agent(), get(&article.slug, false))).await), Code::NotFound);
    // The address is free again.
    assert_eq!(kit.write(published("How to <b>connect</b>", "x")).await.slug, "how-to-b-connect-b");
    kit.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_has_one_effect_and_one_title_may_have_two_addresses() {
    let kit = Kit::start().await;
    let request = published("Same title", "one");
    let first = kit.write(request.clone()).await;
    assert_eq!(kit.write(request.clone()).await, first);
    let other = wire::CreateArticleRequest { body: "other".into(), ..request };
    assert_eq!(code(kit.articles().create_article(kit.stage.as_person(&agent(), other)).await), Code::InvalidArgument);
    let second = kit.write(published("Same title", "two")).await;
    assert!(second.slug.starts_with("same-title-") && second.slug != first.slug, "{}", second.slug);
    kit.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_write_is_refused_and_wrong_fields_are_all_named() {
    let kit = Kit::start().await;
    let create = published("x", "y");
    assert_eq!(code(kit.articles().create_article(kit.stage.as_guest("x", create.clone())).await), Code::Unauthenticated);
    assert_eq!(code(kit.articles().create_article(kit.stage.as_person(&alice(), create)).await), Code::PermissionDenied);
    let wrong = wire::CreateArticleRequest {
        audience: Audience::Organizations.into(),
        tags: vec!["t".repeat(51)],
        ..published("", &"b".repeat(200_001))
    };
    let refused = kit.articles().create_article(kit.stage.as_person(&agent(), wrong)).await.unwrap_err();
    let portico_chassis::error::Error::Invalid(fields) = portico_chassis::error::Error::from_status(&refused) else {
        panic!("{refused}");
    };
    let fields: Vec<&str> = fields.iter().map(|field| field.field.as_str()).collect();
    assert_eq!(fields, ["title", "body", "organizations", "tags"]);
    kit.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_show_what_the_reader_may_see_page_by_page() {
    let kit = Kit::start().await;
    for number in 0..5 {
        kit.write(wire::CreateArticleRequest { category: "Numbers".into(), ..published(&format!("Number {number}"), "text") }).await;
    }
    let only_acme = wire::CreateArticleRequest {
        audience: Audience::Organizations.into(),
        organizations: vec![acme()],
        tags: vec!["special".into()],
        kind: ArticleKind::Faq.into(),
        ..published("For ACME", "text")
    };
    kit.write(only_acme).await;
    kit.write(wire::CreateArticleRequest { state: ArticleState::Review.into(), ..published("In review", "text") }).await;
    let list = |size: i32, token: &str| wire::ListArticlesRequest {
        portal: PORTAL.into(),
        page: Some(PageRequest { page_size: size, page_token: token.into() }),
        ..Default::default()
    };
    let first = kit.articles().list_articles(kit.stage.as_guest("x", list(3, ""))).await.unwrap().into_inner();
    let second = kit.articles().list_articles(kit.stage.as_guest("x", list(3, &first.next_page_token))).await.unwrap().into_inner();
    let titles = |articles: &[wire::Article]| articles.iter().map(|article| article.title.clone()).collect::<Vec<_>>();
    assert_eq!(titles(&first.articles), ["Number 4", "Number 3", "Number 2"]);
    assert_eq!((titles(&second.articles), second.next_page_token.as_str()), (vec!["Number 1".into(), "Number 0".into()], ""));
    assert!(first.articles.iter().all(|article| article.body.is_empty() && article.excerpt == "text"));
    // S40: a cursor is good for its caller and filter only.
    let foreign = kit.stage.as_person(&alice(), list(3, &first.next_page_token));
    assert!(matches!(
        portico_chassis::error::Error::from_status(&kit.articles().list_articles(foreign).await.unwrap_err()),
        portico_chassis::error::Error::Malformed { .. }
    ));
    let tagged = |who| {
        let message = wire::ListArticlesRequest { tag: "special".into(), kind: ArticleKind::Faq.into(), ..list(0, "") };
        kit.stage.as_person(who, message)
    };
    let (acme_person, globex, staff) = (alice(), carol(), agent());
    assert_eq!(kit.articles().list_articles(tagged(&acme_person)).await.unwrap().into_inner().articles.len(), 1);
    assert_eq!(kit.articles().list_articles(tagged(&globex)).await.unwrap().into_inner().articles.len(), 0);
    let reviews = wire::ListArticlesRequest { state: ArticleState::Review.into(), ..list(0, "") };
    let reviews = kit.articles().list_articles(kit.stage.as_person(&staff, reviews)).await.unwrap().into_inner();
    assert_eq!(titles(&reviews.articles), ["In review"]);
    let categories = wire::ListCategoriesRequest { portal: PORTAL.into(), kind: 0 };
    let categories = kit.articles().list_categories(kit.stage.as_guest("x", categories)).await.unwrap().into_inner().categories;
    assert_eq!(categories, [wire::Category { id: "numbers".into(), name: "Numbers".into(), articles: 5 }]);
    kit.end().await;
}

/// KB-5, KB-10, S29: views are counted, a prefetch is none, and the most viewed come first.
#[tokio::test(flavor = "multi_thread")]
async fn views_are_counted_and_order_the_list() {
    let mut kit = Kit::start().await;
    let popular = kit.write(published("Popular", "text")).await;
    kit.write(published("Newer", "text")).await;
    for _ in 0..3 {
        kit.articles().get_article(kit.stage.as_guest("x", get(&popular.slug, true))).await.unwrap();
    }
    kit.articles().get_article(kit.stage.as_guest("x", get(&popular.slug, false))).await.unwrap();
    let list = || wire::ListArticlesRequest { portal: PORTAL.into(), sort: ArticleSort::MostViewed.into(), ..Default::default() };
    eventually("three views", || async {
        let found = kit.articles().list_articles(kit.stage.as_guest("x", list())).await.unwrap().into_inner().articles;
        (found[0].title == "Popular" && found[0].views == 3).then_some(())
    })
    .await;
    // What was counted but not yet written survives a shutdown.
    kit.articles().get_article(kit.stage.as_guest("x", get(&popular.slug, true))).await.unwrap();
    kit.restart(|_| ()).await;
    let found = kit.articles().list_articles(kit.stage.as_guest("x", list())).await.unwrap().into_inner().articles;
    assert_eq!((found[0].title.as_str(), found[0].views, found[0].version), ("Popular", 4, 1));
    kit.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_voice_each_says_whether_an_article_helped() {
    let kit = Kit::start().await;
    let article = kit.write(published("Helpful?", "text")).await;
    let vote = |helpful| wire::GiveFeedbackRequest { portal: PORTAL.into(), request_id: request_id(), slug: article.slug.clone(), helpful };
    kit.articles().give_feedback(kit.stage.as_person(&alice(), vote(true))).await.unwrap();
    kit.articles().give_feedback(kit.stage.as_person(&alice(), vote(false))).await.unwrap();
    kit.articles().give_feedback(kit.stage.as_guest("home", vote(true))).await.unwrap();
    let seen = kit.articles().get_article(kit.stage.as_person(&agent(), get(&article.slug, false))).await.unwrap().into_inner();
    assert_eq!((seen.helpful_count, seen.unhelpful_count), (1, 1));
    let customer = kit.articles().get_article(kit.stage.as_person(&alice(), get(&article.slug, false))).await.unwrap().into_inner();
    assert_eq!((customer.helpful_count, customer.unhelpful_count), (0, 0));
    kit.end().await;
}

/// KB-6, S51, S55: a file follows its article and is scanned before it is given out.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_follows_its_article_and_an_upload_is_used_once() {
    let kit = Kit::start().await;
    let blobs = Blobs::folder(&kit.stage.path("blobs")).unwrap();
    let (id, content) = (Uuid::now_v7(), stream::iter([Ok::<_, std::io::Error>(b"hello".as_slice().into())]));
    let stored = blobs.put(&format!("staging/{id}"), content, 100).await.unwrap();
    let upload = Upload {
        id,
        portal: PORTAL.parse().unwrap(),
        uploader: agent().id.to_string(),
        sha256: stored.sha256,
        size: stored.size,
        name: "guide.pdf".into(),
        content_type: "application/pdf".into(),
        expires: i64::MAX,
    };
    let token = upload.ticket(&Keys::read(&kit.stage.path("keys"), "gateway").unwrap()).unwrap();
    let uploads = vec![UploadTicket { token }];
    let request = wire::CreateArticleRequest { uploads: uploads.clone(), ..published("With a file", "text") };
    let article = kit.write(request.clone()).await;
    assert_eq!((article.attachments[0].name.as_str(), article.attachments[0].state()), ("guide.pdf", ScanState::Quarantined));
    let row = article.attachments[0].id.parse().unwrap();
    let mut inspector = kit.stage.inspect("knowledge").await;
    let known = store::attachment::known(&mut inspector, vec![row, Uuid::nil()]).await.unwrap();
    assert_eq!(known, [row], "for the sweep");
    assert_eq!(kit.write(request).await, article, "the same request again needs no upload");
    let again = wire::UpdateArticleRequest { uploads, ..update(&article.slug) };
    assert_eq!(code(kit.change(again).await), Code::InvalidArgument);
    let file = || wire::GetArticleAttachmentRequest { portal: PORTAL.into(), attachment_id: article.attachments[0].id.clone() };
    let blob = eventually("the scanner", || async {
        let blob = kit.articles().get_article_attachment(kit.stage.as_guest("x", file())).await.unwrap().into_inner();
        (blob.attachment.as_ref().unwrap().state() == ScanState::Clean).then_some(blob)
    })
    .await;
    assert!(blobs.get(&blob.path).await.is_ok());
    let close = wire::UpdateArticleRequest { audience: Some(Audience::Agents.into()), ..update(&article.slug) };
    kit.change(close).await.unwrap();
    assert_eq!(code(kit.articles().get_article_attachment(kit.stage.as_guest("x", file())).await), Code::NotFound);
    let remove = wire::UpdateArticleRequest { remove_attachments: vec![article.attachments[0].id.clone()], ..update(&article.slug) };
    assert!(kit.change(remove).await.unwrap().attachments.is_empty());
    kit.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_can_be_repeated_and_returns_what_it_did() {
    let kit = Kit::start().await;
    let article = |id: &str, body: &str| wire::ImportedArticle {
        source_id: id.into(),
        title: "Imported help".into(),
        body: body.into(),
        category: "Guides".into(),
        ..Default::default()
    };
    let batch = |articles| wire::ImportArticlesRequest { portal: PORTAL.into(), request_id: request_id(), articles };
    let first = batch(vec![article("a/1", "about wombats"), article("a/2", "about wombats too")]);
    let done = kit.articles().import_articles(kit.stage.as_operator(first.clone())).await.unwrap().into_inner();
    assert_eq!((done.created, done.updated, done.unchanged), (2, 0, 0));
    let wait = wire::AwaitIndexedRequest { portal: PORTAL.into(), position: done.index_position, timeout_millis: 9_000 };
    assert!(kit.search_client().await_indexed(kit.stage.as_operator(wait)).await.unwrap().into_inner().reached);
    let found = kit.search(None, "wombat").await;
    let found = kit::group(&found, wire::SearchKind::Articles);
    let mut sources: Vec<_> = found.items.iter().map(|item| item.source_id.clone()).collect();
    sources.sort();
    assert_eq!(sources, ["a/1", "a/2"]);
    let repeated = kit.articles().import_articles(kit.stage.as_operator(first)).await.unwrap().into_inner();
    assert_eq!(repeated, done, "the same request has the same answer");
    let second = batch(vec![article("a/1", "about wombats"), article("a/2", "about emus"), article("a/3", "new")]);
    let done = kit.articles().import_articles(kit.stage.as_person(&admin(), second)).await.unwrap().into_inner();
    assert_eq!((done.created, done.updated, done.unchanged), (1, 1, 1));
    kit.settle().await;
    assert_eq!(kit::group(&kit.search(None, "wombat").await, wire::SearchKind::Articles).total, 1);
    let refused = batch(vec![article("", "x"), article("b", "")]);
    assert_eq!(code(kit.articles().import_articles(kit.stage.as_operator(refused)).await), Code::InvalidArgument);
    let agent_may_not = batch(vec![article("c", "x")]);
    assert_eq!(code(kit.articles().import_articles(kit.stage.as_person(&agent(), agent_may_not)).await), Code::PermissionDenied);
    kit.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_imported_article_is_as_old_and_as_read_as_it_was() {
    let kit = Kit::start().await;
    let day = |days: i64| Some(prost_types::Timestamp { seconds: 1_704_067_200 + days * 86_400, nanos: 0 });
    let article = |id: &str| wire::ImportedArticle {
        source_id: id.into(),
        title: format!("Old help {id}"),
        body: "about wombats".into(),
        published_at: day(0),
        updated_at: day(9),
        views: 1_234,
        ..Default::default()
    };
    let batch = |articles| wire::ImportArticlesRequest { portal: PORTAL.into(), request_id: request_id(), articles };
    let import = async |articles| kit.articles().import_articles(kit.stage.as_operator(batch(articles))).await;
    let get = async |slug: &str| {
        let request = wire::GetArticleRequest { portal: PORTAL.into(), slug: slug.into(), count_view: false };
        kit.articles().get_article(kit.stage.as_guest("x", request)).await.unwrap().into_inner()
    };
    import(vec![article("1")]).await.unwrap();
    let seen = get("old-help-1").await;
    assert_eq!((seen.created_at, seen.published_at, seen.updated_at, seen.views), (day(0), day(0), day(9), 1_234));
    let again = import(vec![article("1")]).await.unwrap().into_inner();
    assert_eq!((again.unchanged, get("old-help-1").await.views), (1, 1_234), "the same again does nothing, views neither");
    let redated = import(vec![wire::ImportedArticle { updated_at: day(12), ..article("1") }]).await.unwrap().into_inner();
    assert_eq!((redated.updated, get("old-help-1").await.updated_at), (1, day(12)));
    let future = wire::ImportedArticle { published_at: day(36_500), updated_at: None, views: -1, ..article("3") };
    let refused = portico_chassis::error::Error::from_status(&import(vec![article("2"), future.clone()]).await.unwrap_err());
    let portico_chassis::error::Error::Invalid(wrong) = refused else { panic!("{refused:?}") };
    assert_eq!(wrong[0].field, "articles[1].views");
    let refused = import(vec![article("2"), wire::ImportedArticle { views: 0, title: " ".into(), ..future }]).await.unwrap_err();
    let portico_chassis::error::Error::Invalid(wrong) = portico_chassis::error::Error::from_status(&refused) else { panic!("{refused:?}") };
    let fields: Vec<_> = wrong.iter().map(|wrong| wrong.field.as_str()).collect();
    assert_eq!(fields, ["articles[1].published_at", "articles[1].title"]);
    kit.end().await;
}
