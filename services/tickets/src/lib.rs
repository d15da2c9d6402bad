//! Portico's tickets service: the catalogue, tickets and their lifecycle, the conversation, files, collaborators.

pub mod domain;
