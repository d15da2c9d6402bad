//! Each method has a permission, and nothing else has one (S01).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests end at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};

use portico_chassis::grpc::Permission;
use portico_knowledge::api::PERMISSIONS;
use prost::Message;

#[test]
fn every_method_names_its_permission() {
    let files = prost_types::FileDescriptorSet::decode(portico_proto::DESCRIPTORS).unwrap();
    let mut methods = BTreeSet::new();
    for file in files.file.iter().filter(|file| file.package() == "portico.knowledge.v1") {
        for service in &file.service {
            for method in &service.method {
                methods.insert(format!("/{}.{}/{}", file.package(), service.name(), method.name()));
            }
        }
    }
    let permitted: BTreeSet<String> = PERMISSIONS.iter().map(|(method, _)| (*method).to_owned()).collect();
    assert_eq!(methods, permitted);
}

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
    let methods = meant.iter().flat_map(|(permission, methods)| methods.split_whitespace().map(|method| (method, *permission)));
    let rows = PERMISSIONS.iter().map(|(method, permission)| (method.rsplit('.').next().unwrap(), *permission));
    assert_eq!(rows.collect::<BTreeMap<_, _>>(), methods.collect::<BTreeMap<_, _>>());
}
