//! Every RPC names its permission.

use portico_chassis::grpc::Permission;
use portico_chassis::testing::check_permissions;
use portico_community::api::PERMISSIONS;

/// S01: who may call what, a second time. A row that is loosened, or tightened, must be changed here too, and so be meant.
#[test]
fn every_method_is_open_to_whom_it_is_meant_for() {
    let meant = [
        (
            Permission::Public,
            "ForumsService/ListForums TopicsService/ListTopics TopicsService/GetTopic PostsService/ListPosts \
             AttachmentsService/GetAttachment SearchDocumentsService/CheckVisible",
        ),
        (
            Permission::SignedIn,
            "TopicsService/ListDrafts TopicsService/CreateTopic TopicsService/UpdateTopic TopicsService/DeleteTopic \
             TopicsService/VoteTopic TopicsService/FollowTopic TopicsService/AcceptPost TopicsService/ReportTopic \
             PostsService/AddPost",
        ),
        (Permission::Staff, "ForumsService/CreateForum TopicsService/ListReports TopicsService/DismissReports TopicsService/LockTopic"),
        (Permission::Operator, "ImportService/ImportTopic"),
        (Permission::Services(&["knowledge"]), "SearchDocumentsService/BatchGetSearchDocuments SearchDocumentsService/SnapshotTopics"),
        (Permission::Services(&["notifier"]), "RenderService/RenderFor"),
    ];
    check_permissions("portico.community.v1", PERMISSIONS, &meant);
}
