//! The rules of tickets, pure and synchronous: time, ids and policies are arguments.

pub mod access;
pub mod actions;
pub mod case;
pub mod catalog;
pub mod change;
pub mod collaborator;
pub mod command;
pub mod create;
pub mod decide;
pub mod event;
pub mod evolve;
pub mod file;
pub mod filter;
pub mod hit;
pub mod ids;
pub mod import;
pub mod kinds;
pub mod lifecycle;
pub mod notice;
pub mod person;
pub mod policy;
pub mod priority;
pub mod refusal;
pub mod reply;
pub mod satisfaction;
pub mod status;
pub mod ticket;
pub mod timer;
pub mod words;

#[cfg(test)]
mod import_test;
#[cfg(test)]
mod properties_test;
#[cfg(test)]
mod rules_test;
#[cfg(test)]
mod transitions_test;
