//! Portico's knowledge service: articles, FAQs, announcements and the public search.

pub mod domain;
pub mod store;
