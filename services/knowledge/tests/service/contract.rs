//! Each method has a permission, and nothing else has one (S01).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests end at the first surprise")]

use portico_chassis::grpc::Permission;
use portico_chassis::testing::check_permissions;
use portico_knowledge::api::PERMISSIONS;

/// S01: who may call what, a second time. A row that is loosened, or tightened, must be changed here too, and so be meant.
#[test]
fn every_method_is_open_to_whom_it_is_meant_for() {
    let meant = [
        (
            Permission::Public,
            "ArticlesService/ListArticles ArticlesService/GetArticle ArticlesService/ListCategories \
             ArticlesService/GiveFeedback ArticlesService/GetArticleAttachment ArticleCommentsService/ListArticleComments \
             AnnouncementsService/ListAnnouncements AnnouncementsService/GetAnnouncement SearchService/Search \
             SearchService/Suggest",
        ),
        (
            Permission::SignedIn,
            "ArticleCommentsService/AddArticleComment ArticleCommentsService/DeleteArticleComment \
             AnnouncementsService/DismissAnnouncement",
        ),
        (
            Permission::Staff,
            "ArticlesService/CreateArticle ArticlesService/UpdateArticle ArticlesService/DeleteArticle \
             AnnouncementsService/CreateAnnouncement AnnouncementsService/UpdateAnnouncement \
             AnnouncementsService/DeleteAnnouncement",
        ),
        (Permission::OperatorOrAdmin, "ArticlesService/ImportArticles SearchService/AwaitIndexed"),
        (Permission::Operator, "SearchService/GetIndexStatus SearchService/RebuildIndex"),
    ];
    check_permissions("portico.knowledge.v1", PERMISSIONS, &meant);
}
