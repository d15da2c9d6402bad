//! The fields of the index.

use tantivy::schema::{FAST, Field, INDEXED, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions};

/// Raised when an index of an older make must be built anew.
pub const MAKE: u32 = 1;

/// Handles of the fields.
#[derive(Debug, Clone, Copy)]
pub struct Fields {
    /// `portal/id`: what a document is replaced and deleted by.
    pub key: Field,
    /// Stems of the title, with positions.
    pub title: Field,
    /// Stems of the body, with positions.
    pub body: Field,
    /// Words as written, of title and body: for corrections and completions.
    pub word: Field,
    /// Readers, department, category, and one word for all of a portal.
    pub facet: Field,
    /// Code of the kind.
    pub kind: Field,
    /// Hash of the portal's slug.
    pub portal: Field,
    /// Seconds since 1970.
    pub valid_from: Field,
    /// Seconds since 1970.
    pub valid_until: Field,
}

/// Makes the schema.
pub fn schema() -> (Schema, Fields) {
    let mut builder = Schema::builder();
    let text =
        |option| TextOptions::default().set_indexing_options(TextFieldIndexing::default().set_tokenizer("raw").set_index_option(option));
    let plain = TextOptions::default().set_indexing_options(
        TextFieldIndexing::default().set_tokenizer("raw").set_index_option(IndexRecordOption::Basic).set_fieldnorms(false),
    );
    let fields = Fields {
        key: builder.add_text_field("key", STRING | STORED),
        title: builder.add_text_field("title", text(IndexRecordOption::WithFreqsAndPositions)),
        body: builder.add_text_field("body", text(IndexRecordOption::WithFreqsAndPositions)),
        word: builder.add_text_field("word", plain.clone()),
        facet: builder.add_text_field("facet", plain),
        kind: builder.add_u64_field("kind", FAST),
        portal: builder.add_u64_field("portal", FAST | INDEXED),
        valid_from: builder.add_i64_field("valid_from", FAST),
        valid_until: builder.add_i64_field("valid_until", FAST),
    };
    (builder.build(), fields)
}
