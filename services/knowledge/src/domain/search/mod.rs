//! Search without an engine: what a text's words are, what a query means, how a hit is scored and shown.

pub mod document;
pub mod query;
pub mod snippet;
pub mod spelling;
pub mod stop;
pub mod synonyms;
pub mod token;
pub mod tuning;
