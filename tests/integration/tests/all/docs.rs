//! What the documents point at is there: linked files, named sources and folders, and what is said to be in a source.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests end at the first surprise")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Ends of names that are sources of this repository; other files that a document names may be an operator's own.
const SOURCES: [&str; 4] = [".rs", ".js", ".mjs", ".proto"];
/// Folders at the root: a path that begins so is meant from there. A service has tests of its own.
const TOP: [&str; 4] = ["services/", "deploy/", "docs/", "proto/"];
const TESTS: &str = "tests/";
/// What joins a name to the source that it is in.
const JOINTS: [&str; 4] = [" in ", ", in ", " (", " of "];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_path_buf()
}

/// All files and folders below one, from it; what is built or installed is left out.
fn below(folder: &Path, from: &str, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let place = format!("{from}{name}");
        if entry.file_type().unwrap().is_dir() {
            if !["target", "node_modules", "dist", "results"].contains(&name.as_str()) && !name.starts_with('.') {
                below(&entry.path(), &format!("{place}/"), found);
                found.insert(place);
            }
        } else {
            found.insert(place);
        }
    }
}

/// The pieces between single backticks, each with the text before it; blocks of code are left out.
fn quoted(text: &str) -> Vec<(&str, &str)> {
    let mut pieces = Vec::new();
    for (number, prose) in text.split("```").enumerate() {
        if number % 2 == 0 {
            let parts: Vec<&str> = prose.split('`').collect();
            pieces.extend(parts.chunks_exact(2).map(|pair| (pair[0], pair[1])));
        }
    }
    pieces
}

fn is_path(word: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "_./-".contains(letter);
    let has_stem = |end: &&str| word.strip_suffix(*end).is_some_and(|stem| !stem.is_empty());
    word.chars().all(plain) && (SOURCES.iter().any(has_stem) || TOP.iter().chain([&TESTS]).any(|top| word.starts_with(top)))
}

/// The files and folders that a document may mean: from the root, or the end of a path.
fn meant<'f>(files: &'f BTreeSet<String>, word: &str) -> Vec<&'f String> {
    let word = word.trim_end_matches('/');
    let end = format!("/{word}");
    let from_top = TOP.iter().any(|top| word.starts_with(top));
    files.iter().filter(|file| *file == word || (!from_top && file.ends_with(&end))).collect()
}

fn broken_links(root: &Path, document: &str, text: &str) -> Vec<String> {
    let folder = root.join(document).parent().unwrap().to_path_buf();
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#', ' ']).next());
    let own = targets.filter(|target| !target.is_empty() && !target.contains(':'));
    own.filter(|target| !folder.join(target).exists()).map(|target| format!("{document}: no {target}")).collect()
}

/// Sources that are not there, and names that are not in the source that is named with them.
fn wrong_names(root: &Path, files: &BTreeSet<String>, document: &str, text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut last = "";
    for (before, word) in quoted(text) {
        if is_path(word) {
            let meant = meant(files, word);
            if meant.is_empty() {
                wrong.push(format!("{document}: no {word}"));
            }
            let joint = before.split_whitespace().collect::<Vec<_>>().join(" ");
            let named = JOINTS.iter().any(|one| one.trim() == joint)
                && last.chars().all(|letter| letter.is_alphanumeric() || "_:".contains(letter));
            let name = last.rsplit(':').next().unwrap_or_default();
            let sources: Vec<PathBuf> = meant.iter().map(|file| root.join(file)).filter(|path| path.is_file()).collect();
            let has = |path: &PathBuf| std::fs::read_to_string(path).is_ok_and(|source| source.contains(name));
            if named && !sources.is_empty() && !sources.iter().any(has) {
                wrong.push(format!("{document}: no {last} in {word}"));
            }
        }
        last = word;
    }
    wrong
}

#[test]
fn what_the_documents_name_is_there() {
    let root = root();
    let mut files = BTreeSet::new();
    below(&root, "", &mut files);
    let documents: Vec<&String> = files.iter().filter(|file| file.ends_with(".md")).collect();
    assert!(documents.iter().any(|file| *file == "docs/ARCHITECTURE.md"), "{documents:?}");
    let mut wrong = Vec::new();
    for document in documents {
        let text = std::fs::read_to_string(root.join(document)).unwrap();
        wrong.extend(broken_links(&root, document, &text));
        wrong.extend(wrong_names(&root, &files, document, &text));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_name_that_moved_is_found_out() {
    let root = root();
    let files = BTreeSet::from(["tests/integration/tests/all/docs.rs".to_owned()]);
    let wrong = |text: &str| wrong_names(&root, &files, "a.md", text);
    assert_eq!(wrong("`is_path` in `all/docs.rs` and `quoted` (`docs.rs`)"), Vec::<String>::new());
    let gone = ["went_", "away"].concat();
    assert_eq!(wrong(&format!("`{gone}` in `docs.rs`")), [format!("a.md: no {gone} in docs.rs")]);
    assert_eq!(wrong("see `moved.rs`"), ["a.md: no moved.rs"]);
    assert_eq!(wrong("see `tests/all/docs.rs`"), Vec::<String>::new());
    assert_eq!(wrong("see `services/tests/all/docs.rs`"), ["a.md: no services/tests/all/docs.rs"]);
}
