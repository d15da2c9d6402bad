//! The list of promises: every id that is cited has its line, and no line is left over.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests end at the first surprise")]

use std::collections::BTreeSet;
use std::path::Path;

/// Kinds of ids that are written with a dash.
const DASHED: [&str; 11] = ["AN", "CF", "CM", "CO", "CR", "IA", "KB", "LC", "NE", "PP", "VL"];
const LIST: &str = "docs/REQUIREMENTS.md";

/// Whether a word is an id: `LC-10`, `S51`, `S66c`, `I07`, `F31`, `K25`.
fn is_id(word: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.len() < 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some((kind, rest)) = word.split_once('-') {
        return DASHED.contains(&kind) && number(rest);
    }
    let mut letters = word.chars();
    let Some('S' | 'I' | 'F' | 'K') = letters.next() else { return false };
    let rest = letters.as_str().strip_suffix(|last: char| word.starts_with('S') && last.is_ascii_lowercase()).unwrap_or(letters.as_str());
    rest.len() == 2 && number(rest)
}

fn ids(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-');
    words.filter(|word| is_id(word)).map(str::to_owned).collect()
}

fn cited(folder: &Path, list: &Path, found: &mut BTreeSet<String>) {
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !["target", "node_modules", "dist"].contains(&name.as_str()) && !name.starts_with('.') {
                cited(&path, list, found);
            }
        } else if path != list && [".rs", ".js", ".ts", ".py", ".md", ".proto", ".html"].iter().any(|end| name.ends_with(end)) {
            found.extend(ids(&std::fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn every_id_that_is_cited_has_its_line_and_every_line_is_cited() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let list = root.join(LIST);
    let mut found = BTreeSet::new();
    for folder in ["services", "tests", "deploy", "docs", "proto"] {
        cited(&root.join(folder), &list, &mut found);
    }
    let text = std::fs::read_to_string(&list).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    let listed: BTreeSet<String> = rows.filter(|word| is_id(word)).map(str::to_owned).collect();
    let missing: Vec<_> = found.difference(&listed).collect();
    let left: Vec<_> = listed.difference(&found).collect();
    assert!(missing.is_empty() && left.is_empty(), "{LIST}: without a line {missing:?}, not cited any more {left:?}");
}
