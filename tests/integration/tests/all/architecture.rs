//! The rooms: which part of a service may know which. Reads the sources; a wrong arrow fails (docs/ARCHITECTURE.md, "The rooms of a service").

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests end at the first surprise")]

mod paths;
mod rooms;

use std::path::{Path, PathBuf};

use portico_integration_tests::BACKENDS;
use rooms::ROOMS;

/// A file longer than this has become two.
const LONGEST_FILE: usize = 400;

/// Inside of statements that name outside what they answer.
const ALL_COLUMNS: [&str; 6] = [
    "FROM (SELECT *, sum(",
    "FROM (SELECT * FROM post",
    "RETURNING d.* ",
    "WITH page AS (SELECT * FROM (",
    "(SELECT t.* FROM ticket t",
    "SELECT c.*, count(*) OVER ()",
];

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
    for service in BACKENDS {
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
    for service in BACKENDS.iter().chain(&["gateway"]) {
        let manifest = std::fs::read_to_string(root.join("services").join(service).join("Cargo.toml")).unwrap();
        for other in BACKENDS.iter().chain(&["gateway"]).filter(|other| other != &service) {
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
            BACKENDS.contains(&module) && module != "identity"
        };
        wrong.extend(named.paths.iter().filter(contract).map(|one| format!("{}: {one}", path.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// K19: a statement that answers whatever columns a table has answers another type as soon as a newer version adds one, and PostgreSQL refuses it
/// on every connection that prepared it before.
#[test]
fn every_statement_names_the_columns_that_it_answers() {
    let root = root();
    let (mut wrong, mut inside) = (Vec::new(), 0);
    for path in sources(&root.join("services")).into_iter().filter(|path| path.iter().any(|part| part == "src")) {
        for (index, line) in std::fs::read_to_string(&path).unwrap().lines().enumerate().filter(|(_, line)| answers_all_columns(line)) {
            if ALL_COLUMNS.iter().any(|known| line.contains(known)) {
                inside += 1;
            } else {
                wrong.push(format!("{}:{}: {line}", path.strip_prefix(&root).unwrap().display(), index + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(inside >= ALL_COLUMNS.len(), "{inside} lines: the search finds what there is");
    assert!(answers_all_columns("SELECT p.*, o.name") && answers_all_columns("SELECT * FROM person") && answers_all_columns("RETURNING *"));
    assert!(!answers_all_columns("SELECT * FROM unnest($1::text[])") && !answers_all_columns("SELECT count(*) FROM person"));
}

/// Whether a line selects or returns all columns of a table; those of values that were handed in are known.
fn answers_all_columns(line: &str) -> bool {
    ["SELECT ", "RETURNING "].iter().any(|word| {
        line.match_indices(word).any(|(at, _)| {
            let rest = line[at + word.len()..].to_lowercase();
            let column = rest.split([',', ' ', '"']).next().unwrap_or_default();
            (column == "*" || column.ends_with(".*")) && !rest.contains("from unnest(") && !rest.contains("from jsonb_to_recordset(")
        })
    })
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
