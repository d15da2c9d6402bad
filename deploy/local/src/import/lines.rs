//! Reading the files of an import: every line that cannot be used is named, the others are kept.

use std::collections::HashMap;
use std::fmt;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use portico_proto::knowledge::v1::ImportedArticle;
use prost_types::Timestamp;
use serde::{Deserialize, Deserializer};
use time::format_description::well_known::{Iso8601, Rfc3339};
use time::{Date, OffsetDateTime};

/// Where a line stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    file: PathBuf,
    number: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}", self.file.display(), self.number)
    }
}

/// Something that is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Failure {
    /// Where.
    pub place: Place,
    /// What.
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// An article and where it stands.
#[derive(Debug, Clone)]
pub struct Line {
    /// Where.
    pub place: Place,
    /// What it says.
    pub article: ImportedArticle,
}

/// What was read.
#[derive(Debug, Default)]
pub struct Reading {
    /// Lines that can be sent.
    pub lines: Vec<Line>,
    /// What is wrong with the others.
    pub failures: Vec<Failure>,
    /// Where each id stands.
    ids: HashMap<String, Place>,
}

#[derive(Debug, Deserialize)]
struct Written {
    id: Id,
    title: String,
    body: String,
    #[serde(default)]
    category: Option<String>,
    #[serde(default)]
    tags: Option<Vec<String>>,
    #[serde(default, deserialize_with = "time")]
    published_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "time")]
    updated_at: Option<Timestamp>,
}

/// Collections number their articles or name them.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Id {
    Text(String),
    Number(i64),
}

/// An RFC 3339 time, or a day: its midnight in UTC.
fn time<'de, D: Deserializer<'de>>(written: D) -> Result<Option<Timestamp>, D::Error> {
    let Some(text) = Option::<String>::deserialize(written)? else { return Ok(None) };
    let day = || Date::parse(&text, &Iso8601::DATE).map(|day| day.midnight().assume_utc());
    let at = OffsetDateTime::parse(&text, &Rfc3339).or_else(|_| day());
    let at = at.map_err(|_| serde::de::Error::custom(format!("{text} is neither an RFC 3339 time nor a day like 2024-05-31")))?;
    Ok(Some(Timestamp { seconds: at.unix_timestamp(), nanos: 0 }))
}

/// Reads a file, or the `*.jsonl` files of a folder by their names.
pub fn read(source: &Path) -> Result<Reading> {
    let mut reading = Reading::default();
    for file in files(source)? {
        reading.file(&file)?;
    }
    Ok(reading)
}

fn files(source: &Path) -> Result<Vec<PathBuf>> {
    if !source.is_dir() {
        return Ok(vec![source.to_path_buf()]);
    }
    let mut found: Vec<PathBuf> = std::fs::read_dir(source)
        .with_context(|| format!("{} cannot be read", source.display()))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"))
        .collect();
    found.sort();
    Ok(found)
}

impl Reading {
    fn file(&mut self, file: &Path) -> Result<()> {
        let mut reader =
            std::io::BufReader::new(std::fs::File::open(file).with_context(|| format!("{} cannot be opened", file.display()))?);
        for number in 1.. {
            let mut bytes = Vec::new();
            if reader.read_until(b'\n', &mut bytes).with_context(|| format!("{} cannot be read", file.display()))? == 0 {
                break;
            }
            let place = Place { file: file.to_path_buf(), number };
            if !bytes.trim_ascii().is_empty() {
                self.line(place, &bytes);
            }
        }
        Ok(())
    }

    fn line(&mut self, place: Place, bytes: &[u8]) {
        let written: Written = match serde_json::from_slice(bytes) {
            Ok(written) => written,
            Err(error) => {
                // The parser counts lines of its own: here there is only one.
                let what = error.to_string();
                let what = what.split(" at line ").next().unwrap_or_default().to_owned();
                return self.failures.push(Failure { place, what: format!("{what} (at column {})", error.column()) });
            }
        };
        let article = imported(written);
        if let Some(first) = self.ids.get(&article.source_id) {
            let what = format!("id: {} stands in {first} already", article.source_id);
            return self.failures.push(Failure { place, what });
        }
        self.ids.insert(article.source_id.clone(), place.clone());
        self.lines.push(Line { place, article });
    }
}

fn imported(written: Written) -> ImportedArticle {
    ImportedArticle {
        source_id: match written.id {
            Id::Text(text) => text,
            Id::Number(number) => number.to_string(),
        },
        title: written.title,
        body: written.body,
        category: written.category.unwrap_or_default(),
        tags: written.tags.unwrap_or_default(),
        published_at: written.published_at,
        updated_at: written.updated_at,
        ..ImportedArticle::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(text: &[u8]) -> Reading {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.jsonl"), text).unwrap();
        std::fs::write(folder.path().join("notes.txt"), "no article").unwrap();
        read(folder.path()).unwrap()
    }

    #[test]
    fn bad_lines_are_named_and_the_others_kept() {
        let read = reading(
            b"{\"id\": 7, \"title\": \"t\", \"body\": \"b\"}\n\n{\"id\": \"x\"}\n\
              {\"id\": \"y\", \"title\": \"t\", \"body\": \"\xff\"}\nno json\n\
              {\"id\": \"7\", \"title\": \"t\", \"body\": \"b\"}\n{\"id\": \"z\", \"title\": \"t\", \"body\": \"b\"}",
        );
        assert_eq!(read.lines.iter().map(|line| line.article.source_id.as_str()).collect::<Vec<_>>(), ["7", "z"]);
        assert_eq!(read.failures.len(), 4);
        for (failure, line) in read.failures.iter().zip(["line 3: ", "line 4: ", "line 5: ", "line 6: id: 7 stands in"]) {
            assert!(failure.to_string().contains(line), "{failure}");
        }
    }

    #[test]
    fn dates_are_times_or_days_and_may_be_left_out() {
        let line = |date: &str| format!("{{\"id\": 1, \"title\": \"t\", \"body\": \"b\", \"published_at\": {date}}}");
        let published = |date: &str| reading(line(date).as_bytes()).lines.pop().and_then(|line| line.article.published_at);
        assert_eq!(published("\"2024-05-31\"").unwrap().seconds, 1_717_113_600);
        assert_eq!(published("\"2024-05-31T02:00:00+02:00\"").unwrap().seconds, 1_717_113_600);
        assert_eq!(published("null"), None);
        assert!(reading(line("\"last week\"").as_bytes()).failures[0].to_string().contains("line 1: last week is neither"));
    }
}
