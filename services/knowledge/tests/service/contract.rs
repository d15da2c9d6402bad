//! Each method has a permission, and nothing else has one (S01).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests end at the first surprise")]

use std::collections::BTreeSet;

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
