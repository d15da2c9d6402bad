//! The edge: decode and check, call the app, encode. What a caller may see is decided behind it.

mod announcement;
mod article;
mod comment;
mod encode;
mod fields;
pub mod inbox;
mod search;

use portico_chassis::error::Error;
use portico_chassis::grpc::{Context, Permission, Server, context};
use portico_proto::knowledge::v1::announcements_service_server::AnnouncementsServiceServer;
use portico_proto::knowledge::v1::article_comments_service_server::ArticleCommentsServiceServer;
use portico_proto::knowledge::v1::articles_service_server::ArticlesServiceServer;
use portico_proto::knowledge::v1::search_service_server::SearchServiceServer;
use tonic::{Request, Status};

use crate::app::Knowledge;

/// Bytes of a request: an import's batch of at most 3 MiB of text, and room for the rest.
const LARGEST_REQUEST: usize = 4 << 20;

/// Who may call each method at all.
pub const PERMISSIONS: &[(&str, Permission)] = &[
    ("/portico.knowledge.v1.ArticlesService/ListArticles", Permission::Public),
    ("/portico.knowledge.v1.ArticlesService/GetArticle", Permission::Public),
    ("/portico.knowledge.v1.ArticlesService/CreateArticle", Permission::Staff),
    ("/portico.knowledge.v1.ArticlesService/UpdateArticle", Permission::Staff),
    ("/portico.knowledge.v1.ArticlesService/DeleteArticle", Permission::Staff),
    ("/portico.knowledge.v1.ArticlesService/ImportArticles", Permission::OperatorOrAdmin),
    ("/portico.knowledge.v1.ArticlesService/ListCategories", Permission::Public),
    ("/portico.knowledge.v1.ArticlesService/GiveFeedback", Permission::Public),
    ("/portico.knowledge.v1.ArticlesService/GetArticleAttachment", Permission::Public),
    ("/portico.knowledge.v1.ArticleCommentsService/ListArticleComments", Permission::Public),
    ("/portico.knowledge.v1.ArticleCommentsService/AddArticleComment", Permission::SignedIn),
    ("/portico.knowledge.v1.ArticleCommentsService/DeleteArticleComment", Permission::SignedIn),
    ("/portico.knowledge.v1.AnnouncementsService/ListAnnouncements", Permission::Public),
    ("/portico.knowledge.v1.AnnouncementsService/GetAnnouncement", Permission::Public),
    ("/portico.knowledge.v1.AnnouncementsService/CreateAnnouncement", Permission::Staff),
    ("/portico.knowledge.v1.AnnouncementsService/UpdateAnnouncement", Permission::Staff),
    ("/portico.knowledge.v1.AnnouncementsService/DeleteAnnouncement", Permission::Staff),
    ("/portico.knowledge.v1.AnnouncementsService/DismissAnnouncement", Permission::SignedIn),
    ("/portico.knowledge.v1.SearchService/Search", Permission::Public),
    ("/portico.knowledge.v1.SearchService/Suggest", Permission::Public),
    ("/portico.knowledge.v1.SearchService/AwaitIndexed", Permission::OperatorOrAdmin),
    ("/portico.knowledge.v1.SearchService/GetIndexStatus", Permission::Operator),
    ("/portico.knowledge.v1.SearchService/RebuildIndex", Permission::Operator),
];

/// All methods of this service.
#[derive(Clone)]
pub struct Api(Knowledge);

/// Adds the services to a server.
#[must_use]
pub fn add(server: Server, knowledge: &Knowledge) -> Server {
    let api = Api(knowledge.clone());
    server
        .add(ArticlesServiceServer::new(api.clone()).max_decoding_message_size(LARGEST_REQUEST))
        .add(ArticleCommentsServiceServer::new(api.clone()))
        .add(AnnouncementsServiceServer::new(api.clone()))
        .add(SearchServiceServer::new(api))
}

/// A request's context and message.
fn open<T>(request: Request<T>) -> Result<(Context, T), Status> {
    let context = context(&request)?;
    Ok((context, request.into_inner()))
}

/// The version in an etag; `None` for an empty one.
fn etag(text: &str) -> Result<Option<i64>, Error> {
    match text {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| Error::version_conflict()),
    }
}
