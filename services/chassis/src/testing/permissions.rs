//! Compares a service's permission table with its contract and with what is meant.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;

use crate::grpc::Permission;

/// What services of different packages serve alike.
const COMMON: &str = "portico.common.v1";

/// S01: who may call what, a second time. `meant` names `Service/Method`s of `package`, and those of `portico.common.v1` that the service
/// serves as well, with spaces between them. Fails, with every difference in words, unless each method of the package is meant for somebody,
/// has one row, and that row says the same: who loosens a row, or tightens it, changes both, and so means it.
pub fn check_permissions(package: &str, table: &[(&str, Permission)], meant: &[(Permission, &str)]) {
    let faults = faults(package, table, meant);
    assert!(faults.is_empty(), "the permissions of {package}:\n{}", faults.join("\n"));
}

fn faults(package: &str, table: &[(&str, Permission)], meant: &[(Permission, &str)]) -> Vec<String> {
    let (own, common) = (methods(package), methods(COMMON));
    let mut faults = Vec::new();
    let mut wanted = BTreeMap::new();
    for (permission, name) in meant.iter().flat_map(|(permission, names)| names.split_whitespace().map(move |name| (*permission, name))) {
        let paths = [format!("/{package}.{name}"), format!("/{COMMON}.{name}")];
        let Some(path) = paths.into_iter().find(|path| own.contains(path) || common.contains(path)) else {
            faults.push(format!("{name} is meant for {permission:?}, but no contract has it"));
            continue;
        };
        if let Some(other) = wanted.insert(path, permission) {
            faults.push(format!("{name} is meant for {other:?} and for {permission:?}"));
        }
    }
    faults.extend(own.iter().filter(|path| !wanted.contains_key(*path)).map(|path| format!("{path} is meant for nobody")));
    let mut rows = BTreeMap::new();
    for (path, permission) in table {
        if let Some(other) = rows.insert(*path, *permission) {
            faults.push(format!("{path} has two rows: {other:?} and {permission:?}"));
        }
        if !own.contains(*path) && !wanted.contains_key(*path) {
            faults.push(format!("{path} has a row, but is no method of {package} and is meant for nobody"));
        }
    }
    faults.extend(own.iter().chain(wanted.keys()).collect::<BTreeSet<_>>().into_iter().filter_map(|path| {
        match (rows.get(path.as_str()), wanted.get(path)) {
            (None, _) => Some(format!("{path} has no row and is closed to everybody")),
            (Some(row), Some(meant)) if row != meant => Some(format!("{path} is open to {row:?}, but meant for {meant:?}")),
            _ => None,
        }
    }));
    faults
}

/// The methods of a package's services, as paths.
fn methods(package: &str) -> BTreeSet<String> {
    let files = prost_types::FileDescriptorSet::decode(portico_proto::DESCRIPTORS).unwrap().file;
    let services = files.iter().filter(|file| file.package() == package).flat_map(|file| &file.service);
    let paths = services.flat_map(|service| service.method.iter().map(|method| format!("/{package}.{}/{}", service.name(), method.name())));
    paths.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKAGE: &str = "portico.notifier.v1";

    /// A table that agrees with what is meant: everything is for the operator.
    fn agreed() -> (Vec<(String, Permission)>, String) {
        let methods = methods(PACKAGE);
        let names = methods.iter().filter_map(|path| path.rsplit('.').next()).collect::<Vec<_>>().join(" ");
        (methods.into_iter().map(|path| (path, Permission::Operator)).collect(), names)
    }

    fn told(table: &[(String, Permission)], meant: &[(Permission, &str)]) -> Vec<String> {
        faults(PACKAGE, &table.iter().map(|(path, permission)| (path.as_str(), *permission)).collect::<Vec<_>>(), meant)
    }

    #[test]
    fn a_table_that_says_what_is_meant_has_no_fault() {
        let (mut table, names) = agreed();
        assert!(table.len() > 5 && told(&table, &[(Permission::Operator, &names)]).is_empty());
        table.push(("/portico.common.v1.RenderService/RenderFor".into(), Permission::Public));
        let render = (Permission::Public, "RenderService/RenderFor");
        assert!(told(&table, &[(Permission::Operator, &names), render]).is_empty(), "what all services serve alike may be among them");
    }

    #[test]
    fn every_difference_is_told() {
        let (mut table, names) = agreed();
        let first = table[0].0.clone();
        table[0].1 = Permission::Public;
        assert_eq!(told(&table, &[(Permission::Operator, &names)]), [format!("{first} is open to Public, but meant for Operator")]);
        table[0].1 = Permission::Operator;
        table.push((first.clone(), Permission::Operator));
        assert_eq!(told(&table, &[(Permission::Operator, &names)]), [format!("{first} has two rows: Operator and Operator")]);
        table.retain(|(path, _)| *path != first);
        assert_eq!(told(&table, &[(Permission::Operator, &names)]), [format!("{first} has no row and is closed to everybody")]);
        let render = "/portico.common.v1.RenderService/RenderFor";
        table.extend([(first.clone(), Permission::Operator), (render.into(), Permission::Public)]);
        let stray = format!("{render} has a row, but is no method of {PACKAGE} and is meant for nobody");
        assert_eq!(told(&table, &[(Permission::Operator, &names)]), [stray]);
        table.pop();
        let (known, others) = names.split_once(' ').unwrap();
        assert_eq!(told(&table, &[(Permission::Operator, others)]), [format!("{first} is meant for nobody")]);
        let twice = [(Permission::Operator, names.as_str()), (Permission::Operator, known), (Permission::Staff, "NoService/Nothing")];
        let faults = [
            format!("{known} is meant for Operator and for Operator"),
            "NoService/Nothing is meant for Staff, but no contract has it".to_owned(),
        ];
        assert_eq!(told(&table, &twice), faults);
    }
}
