//! From a document's text to the terms of the index.

use std::collections::{BTreeSet, HashSet};

use frostem::{Algorithm, Stemmer};
use tantivy::TantivyDocument;
use tantivy::tokenizer::{PreTokenizedString, Token};

use super::schema::Fields;
use crate::domain::search::document::SearchDocument;
use crate::domain::search::stop::is_stop;
use crate::domain::search::token::tokens;

/// Stands between the portal and the word of a term.
pub const SEPARATOR: char = '\u{1}';
/// The facet word that every document of a portal has.
pub const EVERY: &str = "all";

/// The form in which a word is indexed.
#[must_use]
pub fn stem(word: &str, english: bool) -> String {
    if !english {
        return word.to_owned();
    }
    let bare = word.strip_suffix("'s").map_or_else(|| word.replace('\'', ""), str::to_owned);
    Stemmer::new(Algorithm::English).stem(&bare).into_owned()
}

/// A term of a portal.
#[must_use]
pub fn scoped(portal: &str, word: &str) -> String {
    format!("{portal}{SEPARATOR}{word}")
}

/// The key of a document.
#[must_use]
pub fn key(portal: &str, id: &str) -> String {
    format!("{portal}/{id}")
}

/// A stable number for a portal (FNV-1a), for the column that statistics are counted by.
#[must_use]
pub fn portal_number(portal: &str) -> u64 {
    portal.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The facet word of a category.
#[must_use]
pub fn category_word(category: &str) -> String {
    format!("c:{}", category.to_lowercase())
}

/// The facet word of a department.
#[must_use]
pub fn department_word(department: &str) -> String {
    format!("d:{}", department.to_lowercase())
}

/// The tantivy document of a search document.
#[must_use]
pub fn to_tantivy(fields: &Fields, document: &SearchDocument) -> TantivyDocument {
    let mut made = TantivyDocument::new();
    let portal = document.portal.as_str();
    made.add_text(fields.key, key(portal, &document.id));
    made.add_u64(fields.kind, u64::from(document.kind.code()));
    made.add_u64(fields.portal, portal_number(portal));
    made.add_i64(fields.valid_from, document.valid_from);
    made.add_i64(fields.valid_until, document.valid_until);
    let mut words = BTreeSet::new();
    made.add_pre_tokenized_text(fields.title, text(portal, &document.title, document.english, &mut words));
    made.add_pre_tokenized_text(fields.body, text(portal, &document.body, document.english, &mut words));
    made.add_pre_tokenized_text(fields.word, set(portal, words.iter().map(String::as_str)));
    let facets = facets(document);
    made.add_pre_tokenized_text(fields.facet, set(portal, facets.iter().map(String::as_str)));
    made
}

fn facets(document: &SearchDocument) -> HashSet<String> {
    let mut facets: HashSet<String> = document.readers.iter().map(crate::domain::search::document::Reader::word).collect();
    facets.insert(EVERY.to_owned());
    if !document.department.is_empty() {
        facets.insert(department_word(&document.department));
    }
    if !document.category.is_empty() {
        facets.insert(category_word(&document.category));
    }
    facets
}

fn text(portal: &str, text: &str, english: bool, words: &mut BTreeSet<String>) -> PreTokenizedString {
    let mut made = Vec::new();
    let found = tokens(text);
    // "About us" must be found by its name, so a text of nothing but stop words keeps them.
    let telling = found.iter().any(|token| !is_stop(&token.text));
    for token in found {
        if english && telling && is_stop(&token.text) {
            continue;
        }
        made.push(term(scoped(portal, &stem(&token.text, english)), token.position as usize));
        words.insert(token.text);
    }
    PreTokenizedString { text: String::new(), tokens: made }
}

fn set<'a>(portal: &str, words: impl Iterator<Item = &'a str>) -> PreTokenizedString {
    let tokens = words.enumerate().map(|(position, word)| term(scoped(portal, word), position)).collect();
    PreTokenizedString { text: String::new(), tokens }
}

fn term(text: String, position: usize) -> Token {
    Token { offset_from: 0, offset_to: 0, position, text, position_length: 1 }
}
