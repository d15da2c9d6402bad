//! The rooms: which part of a service may know which. Reads the sources; a wrong arrow fails (architecture.md, the house).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests end at the first surprise")]

use std::path::{Path, PathBuf};

const SERVICES: [&str; 5] = ["identity", "tickets", "knowledge", "community", "notifier"];
/// A file longer than this has become two.
const LONGEST_FILE: usize = 400;

/// What a room must not name, and which of its files are exempt.
struct Rule {
    room: &'static str,
    never: &'static [&'static str],
    except: &'static [(&'static str, &'static str)],
}

const RULES: [Rule; 4] = [
    Rule {
        room: "domain",
        never: &[
            "tokio",
            "sqlx",
            "tonic",
            "prost",
            "portico_proto",
            "crate::store",
            "crate::app",
            "crate::api",
            "OffsetDateTime::now_utc",
            "SystemTime::now",
            "Instant::now",
            "Uuid::new_v4",
            "Uuid::now_v7",
            "rand::",
        ],
        except: &[],
    },
    Rule { room: "store", never: &["crate::api", "crate::app", "tonic", "portico_proto"], except: &[("events.rs", "portico_proto")] },
    Rule {
        room: "app",
        never: &["crate::api", "tonic::Status", "tonic::Request", "tonic::Response", "portico_proto"],
        except: &[("clients.rs", "portico_proto"), ("clients.rs", "tonic::Request"), ("clients.rs", "tonic::Status")],
    },
    Rule { room: "api", never: &["crate::store", "sqlx"], except: &[] },
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

/// The lines that are code: no comments, and nothing of a test module at a file's end.
fn code(path: &Path) -> Vec<(usize, String)> {
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim().to_owned()));
    lines.take_while(|(_, line)| line != "#[cfg(test)]").filter(|(_, line)| !line.starts_with("//")).collect()
}

#[test]
fn imports_point_one_way() {
    let root = root();
    let mut wrong = Vec::new();
    for service in SERVICES {
        for rule in &RULES {
            let room = root.join("services").join(service).join("src").join(rule.room);
            for path in sources(&room) {
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                let exempt: Vec<&str> = rule.except.iter().filter(|(file, _)| *file == name).map(|(_, word)| *word).collect();
                for (line, text) in code(&path) {
                    for word in rule.never.iter().filter(|word| !exempt.contains(word)) {
                        if names(&text, word) {
                            wrong.push(format!(
                                "{}:{line}: {} may not know {word}: {text}",
                                path.strip_prefix(&root).unwrap().display(),
                                rule.room
                            ));
                        }
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong arrows:\n{}", wrong.len(), wrong.join("\n"));
}

/// Whether a line names a path, as a whole word.
fn names(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let part_of_a_word = |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
        !part_of_a_word(before)
            && (word.ends_with(':') || !part_of_a_word(after))
            && (after == Some(':') || word.contains("::") || line.starts_with("use "))
    })
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
fn the_chassis_has_no_business_word() {
    let root = root();
    let mut wrong = Vec::new();
    for path in sources(&root.join("services/chassis/src")) {
        for (line, text) in code(&path) {
            for word in [
                "portico_proto::tickets",
                "portico_proto::identity",
                "portico_proto::knowledge",
                "portico_proto::community",
                "portico_proto::notifier",
            ] {
                // The chassis reads settings and revocations from identity, and announces what its own protocol needs.
                if text.contains(word) && word != "portico_proto::identity" {
                    wrong.push(format!("{}:{line}: {text}", path.display()));
                }
            }
        }
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
