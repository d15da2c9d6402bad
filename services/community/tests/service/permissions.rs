//! Every RPC names its permission.

use std::collections::{BTreeMap, BTreeSet};

use portico_chassis::grpc::Permission;
use portico_community::api::PERMISSIONS;
use prost::Message;
use prost_types::FileDescriptorSet;

/// The methods of a package, as paths.
fn methods(set: &FileDescriptorSet, package: &str) -> BTreeSet<String> {
    let files = set.file.iter().filter(|file| file.package() == package);
    let services = files.flat_map(|file| &file.service);
    services
        .flat_map(|service| service.method.iter().map(move |method| format!("/{package}.{}/{}", service.name(), method.name())))
        .collect()
}

#[test]
fn every_method_has_a_row_in_the_permission_table_s01() {
    let set = FileDescriptorSet::decode(portico_proto::DESCRIPTORS).unwrap();
    let mut wanted = methods(&set, "portico.community.v1");
    wanted.insert("/portico.common.v1.RenderService/RenderFor".to_owned());
    let rows: BTreeSet<String> = PERMISSIONS.iter().map(|(method, _)| (*method).to_owned()).collect();
    assert_eq!(rows, wanted);
    assert_eq!(rows.len(), PERMISSIONS.len(), "a method has one row");
}

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
    let methods = meant.iter().flat_map(|(permission, methods)| methods.split_whitespace().map(|method| (method, *permission)));
    let rows = PERMISSIONS.iter().map(|(method, permission)| (method.rsplit('.').next().unwrap(), *permission));
    assert_eq!(rows.collect::<BTreeMap<_, _>>(), methods.collect::<BTreeMap<_, _>>());
}
