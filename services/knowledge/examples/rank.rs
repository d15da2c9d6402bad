//! Measures the ranking against judged queries, without a portal.
//!
//! `cargo run -p portico-knowledge --example rank -- FOLDER…` prints nDCG@10 for the plain, typo and prefix queries of each
//! folder (corpus.jsonl, dev.queries[.typo|.prefix].jsonl, dev.qrels.tsv). `RANK_TUNING` may hold a JSON object with
//! other numbers than the default ones, `RANK_TYPING=1` asks as suggestions do, `RANK_COPIES` indexes everything that many times over. Times are processor time of the
//! searching thread. All folders share one index, each as a portal of its own.
#![allow(clippy::print_stdout)]

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use portico_knowledge::domain::search::document::{Reader, SearchDocument, SearchKind};
use portico_knowledge::domain::search::tuning::Tuning;
use portico_knowledge::store::index::{IndexReading, IndexWriting, Wanted};

fn main() -> anyhow::Result<()> {
    let folders: Vec<PathBuf> = std::env::args().skip(1).map(PathBuf::from).collect();
    let half = std::env::var("RANK_SET").unwrap_or_else(|_| "dev".to_owned());
    let copies: usize = std::env::var("RANK_COPIES").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let tuning: Tuning = serde_json::from_str(&std::env::var("RANK_TUNING").unwrap_or_else(|_| "{}".to_owned()))?;
    let mut index = IndexWriting::in_memory(tuning)?;
    let begin = Instant::now();
    let mut documents = 0;
    for folder in &folders {
        documents += load(&mut index, folder, copies)?;
    }
    index.commit(1)?;
    println!("{documents} documents indexed in {} ms", begin.elapsed().as_millis());
    for folder in &folders {
        for variant in ["plain", "typo", "prefix"] {
            measure(&index.reading(), folder, &half, variant)?;
        }
    }
    Ok(())
}

fn portal(folder: &Path) -> String {
    folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn lines(path: &Path) -> anyhow::Result<Vec<serde_json::Value>> {
    std::fs::read_to_string(path)?.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

fn text(line: &serde_json::Value, name: &str) -> String {
    line.get(name).and_then(|value| value.as_str()).unwrap_or_default().to_owned()
}

fn load(index: &mut IndexWriting, folder: &Path, copies: usize) -> anyhow::Result<usize> {
    let corpus = lines(&folder.join("corpus.jsonl"))?;
    for copy in 0..copies {
        for line in &corpus {
            index.put(&SearchDocument {
                portal: portal(folder),
                kind: SearchKind::Article,
                id: format!("{}#{copy}", text(line, "id").replace('/', "\u{2}")),
                title: text(line, "title"),
                body: text(line, "body"),
                readers: vec![Reader::Anybody],
                department: String::new(),
                category: String::new(),
                english: true,
                valid_from: 0,
                valid_until: i64::MAX,
            })?;
        }
    }
    Ok(corpus.len() * copies)
}

fn measure(index: &IndexReading, folder: &Path, half: &str, variant: &str) -> anyhow::Result<()> {
    let suffix = if variant == "plain" { String::new() } else { format!(".{variant}") };
    let queries = lines(&folder.join(format!("{half}.queries{suffix}.jsonl")))?;
    let mut relevant: HashMap<String, HashSet<String>> = HashMap::new();
    for line in std::fs::read_to_string(folder.join(format!("{half}.qrels.tsv")))?.lines() {
        let mut parts = line.split_whitespace();
        if let (Some(query), Some(document)) = (parts.next(), parts.next()) {
            relevant.entry(query.to_owned()).or_default().insert(document.to_owned());
        }
    }
    let (mut total, mut counted, mut took) = (0.0, 0_u32, Vec::new());
    for query in &queries {
        let Some(relevant) = relevant.get(&text(query, "id")) else { continue };
        let begin = worked();
        let asked = text(query, "text");
        let portal = portal(folder);
        let found = index.search(&Wanted {
            portal: &portal,
            text: &asked,
            kinds: &[SearchKind::Article],
            readers: &[Reader::Anybody],
            department: None,
            category: None,
            english: true,
            now: 1,
            limit: 10,
            typing: std::env::var("RANK_TYPING").is_ok(),
        })?;
        took.push(worked().saturating_sub(begin) / 1000);
        let ids: Vec<String> = found
            .kinds
            .iter()
            .flat_map(|kind| &kind.hits)
            .map(|hit| hit.id.split('#').next().unwrap_or_default().replace('\u{2}', "/"))
            .collect();
        let score = ndcg(&ids, relevant);
        if std::env::var("RANK_EACH").is_ok() {
            println!("  {variant} {score:.2} {asked}");
        }
        total += score;
        counted += 1;
    }
    took.sort_unstable();
    let at = |share: usize| took.get(took.len() * share / 100).copied().unwrap_or_default();
    println!(
        "{:9} {variant:6} nDCG@10 {:.3}  ({counted} queries, p50 {} µs, p95 {} µs)",
        portal(folder),
        total / f64::from(counted.max(1)),
        at(50),
        at(95)
    );
    Ok(())
}

/// Nanoseconds that this thread has worked: on a busy machine the clock on the wall measures the neighbours.
fn worked() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or_default()
}

fn ndcg(ranked: &[String], relevant: &HashSet<String>) -> f64 {
    let gain = |rank: usize| 1.0 / (f64::from(u32::try_from(rank).unwrap_or(u32::MAX)) + 2.0).log2();
    let reached: f64 = ranked.iter().take(10).enumerate().filter(|(_, id)| relevant.contains(*id)).map(|(rank, _)| gain(rank)).sum();
    let ideal: f64 = (0..relevant.len().min(10)).map(gain).sum();
    if ideal > 0.0 { reached / ideal } else { 0.0 }
}
