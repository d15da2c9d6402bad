//! Articles to be searched: brought in as an operator does, and given to the bare limit as they are.

use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use portico_integration_tests::World;
use serde_json::json;

use crate::words::{Words, mix};

/// Words of a title.
const TITLE: u64 = 6;
/// Words of a body at least, and how many more there may be.
const BODY: (u64, u64) = (80, 120);
/// Words of a sentence.
const SENTENCE: u64 = 14;

/// An article.
#[derive(Debug, Clone)]
pub struct Article {
    /// One line.
    pub title: String,
    /// Paragraphs.
    pub body: String,
}

/// The article of a number.
pub fn article(words: &Words, seed: u64, number: u64) -> Article {
    let length = BODY.0 + mix(seed, number, 11) % BODY.1;
    let sentences = (0..length / SENTENCE).map(|line| format!("{}.", words.text(number, 1 + line, SENTENCE)));
    Article { title: words.text(number, 0, TITLE), body: sentences.collect::<Vec<_>>().join("\n\n") }
}

/// Imports so many articles by the operator's command; it returns when all can be found.
///
/// # Errors
/// When the import refuses something.
pub fn import(world: &World, portal: &str, words: &Words, seed: u64, count: u64) -> Result<()> {
    let folder = tempfile::tempdir().context("no folder for the articles")?;
    let file = folder.path().join("articles.jsonl");
    write(&file, words, seed, count)?;
    let Some(file) = file.to_str() else { bail!("{} cannot be named", file.display()) };
    let output = tokio::task::block_in_place(|| world.portico(&["import", "knowledge", "--portal", portal, file]));
    if !output.status.success() {
        bail!("the articles were not imported: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

fn write(file: &Path, words: &Words, seed: u64, count: u64) -> Result<()> {
    let mut out = BufWriter::new(std::fs::File::create(file)?);
    for number in 0..count {
        let Article { title, body } = article(words, seed, number);
        let category = format!("Category {}", number % 40);
        writeln!(out, "{}", json!({"id": format!("load-{number}"), "title": title, "body": body, "category": category}))?;
    }
    out.flush().context("the articles cannot be written")
}
