//! The edge: decode and check, call the app, encode. What a caller may see is decided behind it.

mod attachment;
mod encode;
mod fields;
mod forum;
mod import;
pub mod inbox;
mod paging;
mod post;
mod render;
mod search;
mod topic;
mod writing;

use portico_chassis::error::Error;
use portico_chassis::grpc::{Context, Permission, Server, context};
use portico_chassis::page::Pager;
use portico_proto::common::v1::render_service_server::RenderServiceServer;
use portico_proto::community::v1::attachments_service_server::AttachmentsServiceServer;
use portico_proto::community::v1::forums_service_server::ForumsServiceServer;
use portico_proto::community::v1::import_service_server::ImportServiceServer;
use portico_proto::community::v1::posts_service_server::PostsServiceServer;
use portico_proto::community::v1::search_documents_service_server::SearchDocumentsServiceServer;
use portico_proto::community::v1::topics_service_server::TopicsServiceServer;
use tonic::{Request, Status};

use crate::app::Community;
use crate::app::asker::Asker;

/// Who may call each method at all.
pub const PERMISSIONS: &[(&str, Permission)] = &[
    ("/portico.community.v1.ForumsService/ListForums", Permission::Public),
    ("/portico.community.v1.ForumsService/CreateForum", Permission::Staff),
    ("/portico.community.v1.TopicsService/ListTopics", Permission::Public),
    ("/portico.community.v1.TopicsService/ListDrafts", Permission::SignedIn),
    ("/portico.community.v1.TopicsService/CreateTopic", Permission::SignedIn),
    ("/portico.community.v1.TopicsService/GetTopic", Permission::Public),
    ("/portico.community.v1.TopicsService/UpdateTopic", Permission::SignedIn),
    ("/portico.community.v1.TopicsService/DeleteTopic", Permission::SignedIn),
    ("/portico.community.v1.TopicsService/VoteTopic", Permission::SignedIn),
    ("/portico.community.v1.TopicsService/FollowTopic", Permission::SignedIn),
    ("/portico.community.v1.TopicsService/AcceptPost", Permission::SignedIn),
    ("/portico.community.v1.TopicsService/ReportTopic", Permission::SignedIn),
    ("/portico.community.v1.TopicsService/ListReports", Permission::Staff),
    ("/portico.community.v1.TopicsService/DismissReports", Permission::Staff),
    ("/portico.community.v1.TopicsService/LockTopic", Permission::Staff),
    ("/portico.community.v1.PostsService/ListPosts", Permission::Public),
    ("/portico.community.v1.PostsService/AddPost", Permission::SignedIn),
    ("/portico.community.v1.AttachmentsService/GetAttachment", Permission::Public),
    ("/portico.community.v1.SearchDocumentsService/BatchGetSearchDocuments", Permission::Services(&["knowledge"])),
    ("/portico.community.v1.SearchDocumentsService/CheckVisible", Permission::Public),
    ("/portico.community.v1.SearchDocumentsService/SnapshotTopics", Permission::Services(&["knowledge"])),
    ("/portico.community.v1.ImportService/ImportTopic", Permission::Operator),
    ("/portico.common.v1.RenderService/RenderFor", Permission::Services(&["notifier"])),
];

/// All methods of this service.
#[derive(Clone)]
pub struct Api {
    community: Community,
    pager: Pager,
}

impl Api {
    /// The edge of `community`.
    pub fn new(community: Community, pager: Pager) -> Self {
        Self { community, pager }
    }

    /// A server with all services of the community.
    pub fn server(self) -> Server {
        Server::new(PERMISSIONS)
            .add(ForumsServiceServer::new(self.clone()))
            .add(TopicsServiceServer::new(self.clone()))
            .add(PostsServiceServer::new(self.clone()))
            .add(AttachmentsServiceServer::new(self.clone()))
            .add(SearchDocumentsServiceServer::new(self.clone()))
            .add(ImportServiceServer::new(self.clone()))
            .add(RenderServiceServer::new(self))
    }
}

/// Takes a request apart: who asks in which portal, the context, the message.
fn opened<T>(request: Request<T>, portal: impl Fn(&T) -> &str) -> Result<(Asker, Context, T), Status> {
    let context = context(&request)?;
    let message = request.into_inner();
    let asker = Asker::new(&context, portal(&message))?;
    Ok((asker, context, message))
}

/// Reads the answer that a command stored; what is in the journal's request table was written by [`prost::Message::encode_to_vec`].
fn answer<M: prost::Message + Default>(bytes: &[u8]) -> Result<tonic::Response<M>, Status> {
    let message = M::decode(bytes).map_err(|error| Status::from(Error::internal(error)))?;
    Ok(tonic::Response::new(message))
}
