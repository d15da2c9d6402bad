//! Every RPC names its permission.

use std::collections::BTreeSet;

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
