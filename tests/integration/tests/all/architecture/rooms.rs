//! The rooms of a service and what each may name: everything else is a wrong arrow (docs/ARCHITECTURE.md, "The rooms of a service").

use super::paths::Named;

/// What a room may name. A path is allowed when it is one of these or lies below one.
pub struct Room {
    /// Its folder.
    pub name: &'static str,
    /// Rooms of its own crate, itself among them.
    pub rooms: &'static [&'static str],
    /// Modules of the chassis; `*`: all.
    pub chassis: &'static [&'static str],
    /// Other crates and modules of them.
    pub crates: &'static [&'static str],
    /// What some of its files may name beside that.
    pub more: &'static [(&'static str, &'static [&'static str])],
}

/// What rules are written with: values, formats, hashes. Nothing that waits, asks or stores.
const VALUES: [&str; 11] =
    ["serde", "serde_json", "time", "uuid", "thiserror", "hex", "base64", "sha2", "hmac", "subtle", "unicode_normalization"];

pub const ROOMS: [Room; 4] = [
    Room { name: "domain", rooms: &["domain"], chassis: &["ids", "typed_id", "uuid", "auth::role"], crates: &[], more: &[] },
    Room {
        name: "store",
        rooms: &["domain", "store"],
        chassis: &["clock", "db", "error", "ids", "journal", "page", "typed_id", "uuid"],
        crates: &["sqlx", "async_trait", "anyhow", "tracing", "tantivy", "tantivy_fst", "levenshtein_automata", "frostem"],
        more: &[("events.rs", &["portico_proto", "prost"])],
    },
    Room {
        name: "app",
        rooms: &["domain", "store", "app", "config"],
        chassis: &["*"],
        crates: &[
            // Connections and transactions are passed on to store; a statement is not made here.
            "sqlx::PgConnection",
            "sqlx::PgPool",
            "sqlx::types::Json",
            "tokio",
            "tokio_util",
            "futures_util",
            "async_trait",
            "anyhow",
            "tracing",
            "bytes",
            "url",
            "argon2",
            "askama",
            "captcha",
            "lettre",
            "mail_parser",
            "opentelemetry",
        ],
        more: &[
            ("clients.rs", &["portico_proto", "tonic", "prost_types"]),
            // Threads of its own, and their priority.
            ("hasher.rs", &["crossbeam_channel", "rustix::process"]),
        ],
    },
    Room {
        name: "api",
        rooms: &["domain", "app", "api"],
        chassis: &["*"],
        crates: &["portico_proto", "tonic", "prost", "prost_types", "tokio", "tokio_stream", "async_trait", "anyhow", "tracing", "bytes"],
        more: &[],
    },
];

/// In the domain, time and randomness are arguments and nothing outside the process is reached.
const NEVER_IN_DOMAIN: [&str; 13] = [
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "std::time::SystemTime",
    "std::time::Instant",
    "SystemTime::now",
    "Instant::now",
    "OffsetDateTime::now_utc",
    "OffsetDateTime::now_local",
    "Uuid::new_v4",
    "Uuid::now_v7",
];
/// How a statement begins.
const STATEMENTS: [&str; 6] = ["SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ", "WITH ", "CREATE "];

impl Room {
    /// The wrong arrows of one file. `crates` are the crates that its own crate depends on, as they are written in paths.
    pub fn wrong(&self, file: &str, named: &Named, crates: &[String]) -> Vec<String> {
        let more = self.more.iter().filter(|(name, _)| *name == file).flat_map(|(_, more)| *more).copied();
        let allowed: Vec<&str> = self.crates.iter().copied().chain(VALUES).chain(more).collect();
        let mut wrong: Vec<String> = named.paths.iter().filter(|path| !self.allows(path, &allowed, crates)).cloned().collect();
        if self.name != "store" {
            let text = |text: &String| text.trim_start_matches(['r', '#', '"', ' ', '\n', '\\']).to_owned();
            let statement = |text: &String| STATEMENTS.iter().any(|start| text.starts_with(start));
            wrong.extend(named.texts.iter().map(text).filter(statement).map(|text| format!("SQL: {text}")));
        }
        wrong
    }

    fn allows(&self, path: &str, allowed: &[&str], crates: &[String]) -> bool {
        if self.name == "domain" && NEVER_IN_DOMAIN.iter().any(|never| below(path, never)) {
            return false;
        }
        let (first, rest) = path.split_once("::").unwrap_or((path, ""));
        match first {
            "std" | "core" | "alloc" => true,
            "crate" => self.rooms.iter().any(|room| below(rest, room)),
            "portico_chassis" | "chassis" => self.chassis.iter().any(|module| *module == "*" || below(rest, module)),
            _ if crates.iter().any(|name| name == first) => allowed.iter().any(|one| below(path, one)),
            // A type or a module that was brought in by a path of its own.
            _ => true,
        }
    }
}

/// Whether a path is this one or begins with it.
fn below(path: &str, start: &str) -> bool {
    path.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::paths;

    fn wrong(room: &str, file: &str, source: &str) -> Vec<String> {
        let crates = ["sqlx", "tonic", "tokio", "rand", "reqwest", "portico_proto", "time", "serde_json"].map(str::to_owned);
        let room = ROOMS.iter().find(|one| one.name == room).unwrap();
        let stem = file.trim_end_matches(".rs");
        room.wrong(file, &paths::read(source, &[room.name, stem]), &crates)
    }

    #[test]
    fn wrong_arrows_are_found_however_they_are_written() {
        for (room, source, found) in [
            ("domain", "use crate::{store, domain::ids};", "crate::store"),
            ("domain", "use super::super::app::asker;", "crate::app::asker"),
            ("domain", "use crate::*;", "crate::*"),
            ("domain", "fn f() -> u64 { rand::random() }", "rand::random"),
            ("domain", "use portico_chassis::{\n    ids::PortalId,\n    journal::Entry,\n};", "portico_chassis::journal::Entry"),
            ("domain", "fn f() { let now = time::OffsetDateTime::now_utc(); OffsetDateTime::now_utc() }", "OffsetDateTime::now_utc"),
            ("domain", "use std::{fmt, fs};", "std::fs"),
            ("store", "use crate::{domain::ids, api};", "crate::api"),
            ("store", "use portico_proto::tickets::v1 as wire;", "portico_proto::tickets::v1"),
            ("app", "fn f() { sqlx::query(\"x\") }", "sqlx::query"),
            ("app", "const ALL: &str = \"SELECT id FROM ticket\";", "SQL: SELECT id FROM ticket\""),
            ("app", "fn f() -> Result<(), tonic::Status> { Ok(()) }", "tonic::Status"),
            ("api", "fn f() { tracing::info!(\"{}\", crate::store::count()) }", "crate::store::count"),
            ("api", "use sqlx::PgPool;", "sqlx::PgPool"),
        ] {
            assert!(
                wrong(room, "ticket.rs", source).contains(&found.to_owned()),
                "{room}: {source}: {:?}",
                wrong(room, "ticket.rs", source)
            );
        }
    }

    #[test]
    fn right_arrows_are_left_alone() {
        for (room, file, source) in [
            ("domain", "ticket.rs", "use super::ids::TicketId; use time::OffsetDateTime; use std::fmt;"),
            ("store", "events.rs", "use portico_proto::events; use crate::domain::event::Event;"),
            ("app", "clients.rs", "use tonic::Request; use portico_proto::identity::v1; use portico_chassis::peers;"),
            ("app", "ticket.rs", "use crate::{domain, store}; use sqlx::PgConnection; fn f() { store::ticket::read() }"),
            ("api", "ticket.rs", "use crate::app::asker; use tonic::{Request, Response, Status};"),
        ] {
            assert_eq!(wrong(room, file, source), Vec::<String>::new(), "{room}: {source}");
        }
    }
}
