//! The rooms: which part of a service may know which. Reads the sources; a wrong arrow fails (docs/ARCHITECTURE.md, "The rooms of a service").

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests end at the first surprise")]

mod paths;
mod rooms;

use std::path::{Path, PathBuf};

use rooms::ROOMS;

const SERVICES: [&str; 5] = ["identity", "tickets", "knowledge", "community", "notifier"];
/// A file longer than this has become two.
const LONGEST_FILE: usize = 400;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_path_buf()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return found };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if path.is_dir() && !["target", "node_modules", "dist"].contains(&name.as_str()) && !name.starts_with('.') {
            found.extend(sources(&path));
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn imports_point_one_way() {
    let root = root();
    let mut wrong = Vec::new();
    for service in SERVICES {
        let source = root.join("services").join(service).join("src");
        let crates = dependencies(&root.join("services").join(service).join("Cargo.toml"));
        for room in &ROOMS {
            let files: Vec<PathBuf> = sources(&source.join(room.name)).into_iter().filter(|path| !is_test(path)).collect();
            assert!(!files.is_empty(), "{service} has no {}", room.name);
            for path in files {
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                let named = paths::read(&std::fs::read_to_string(&path).unwrap(), &place(&source, &path));
                let place = path.strip_prefix(&root).unwrap().display().to_string();
                wrong.extend(room.wrong(name, &named, &crates).into_iter().map(|one| format!("{place}: {} may not name {one}", room.name)));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong arrows:\n{}", wrong.len(), wrong.join("\n"));
}

/// Where a source is in its crate: `app/ticket.rs` and `app/ticket/mod.rs` are `app::ticket`.
fn place<'p>(source: &Path, path: &'p Path) -> Vec<&'p str> {
    let inside = path.strip_prefix(source).unwrap();
    inside.iter().filter_map(|part| part.to_str()).map(|part| part.trim_end_matches(".rs")).filter(|part| *part != "mod").collect()
}

/// A file that a test module was moved to.
fn is_test(path: &Path) -> bool {
    path.file_stem().and_then(|stem| stem.to_str()).is_some_and(|stem| stem == "tests" || stem.ends_with("_test"))
}

/// The crates that a manifest names, as paths write them.
fn dependencies(manifest: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(manifest).unwrap();
    let lines = text.lines().skip_while(|line| *line != "[dependencies]");
    lines.filter_map(|line| line.split_once(['.', ' '])).map(|(name, _)| name.replace('-', "_")).collect()
}

#[test]
fn no_service_depends_on_another_services_crate() {
    let root = root();
    for service in SERVICES.iter().chain(&["gateway"]) {
        let manifest = std::fs::read_to_string(root.join("services").join(service).join("Cargo.toml")).unwrap();
        for other in SERVICES.iter().chain(&["gateway"]).filter(|other| other != &service) {
            assert!(
                !manifest.contains(&format!("portico-{other}.")) && !manifest.contains(&format!("portico-{other} ")),
                "{service} depends on {other}"
            );
        }
    }
}

#[test]
fn the_chassis_names_no_contract_but_the_common_one_and_identitys() {
    let root = root();
    let source = root.join("services/chassis/src");
    let mut wrong = Vec::new();
    for path in sources(&source) {
        let named = paths::read(&std::fs::read_to_string(&path).unwrap(), &place(&source, &path));
        // Settings and revocations come from identity; everything else that the chassis speaks is everybody's.
        let contract = |one: &&String| {
            let module = one.strip_prefix("portico_proto::").and_then(|rest| rest.split("::").next()).unwrap_or_default();
            SERVICES.contains(&module) && module != "identity"
        };
        wrong.extend(named.paths.iter().filter(contract).map(|one| format!("{}: {one}", path.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_file_is_longer_than_it_should_be() {
    let root = root();
    let mut long = Vec::new();
    for folder in ["services", "deploy", "tests", "proto"] {
        for path in sources(&root.join(folder)) {
            let lines = std::fs::read_to_string(&path).unwrap().lines().count();
            if lines > LONGEST_FILE {
                long.push(format!("{} has {lines} lines", path.strip_prefix(&root).unwrap().display()));
            }
        }
    }
    assert!(long.is_empty(), "at most {LONGEST_FILE} lines a file:\n{}", long.join("\n"));
}

#[test]
fn nothing_unfinished_is_left_in_the_sources() {
    let root = root();
    let mut left = Vec::new();
    let marks = [concat!("to", "do!("), concat!("unimpl", "emented!("), concat!("#[ig", "nore"), concat!("TO", "DO"), concat!("FIX", "ME")];
    for folder in ["services", "deploy", "tests", "proto"] {
        for path in sources(&root.join(folder)) {
            for (index, line) in std::fs::read_to_string(&path).unwrap().lines().enumerate() {
                if marks.iter().any(|mark| line.contains(mark)) {
                    left.push(format!("{}:{}: {line}", path.strip_prefix(&root).unwrap().display(), index + 1));
                }
            }
        }
    }
    assert!(left.is_empty(), "{}", left.join("\n"));
}
