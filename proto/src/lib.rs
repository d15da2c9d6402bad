//! The contracts between Portico's services: one module a package, generated from the `.proto` files beside this crate.
//!
//! The comments in the `.proto` files are the manual. To add an RPC follow `docs/guides/add-an-rpc.md`.
#![allow(missing_docs, clippy::all, clippy::pedantic)]

/// Messages that more than one service speaks.
pub mod common {
    pub mod v1 {
        tonic::include_proto!("portico.common.v1");
    }
}

/// Domain events and the service that fills a consumer's holes. An envelope's body stays encoded (see `build.rs`); the chassis' `events::body` reads it.
pub mod events {
    pub mod v1 {
        tonic::include_proto!("portico.events.v1");
    }
}

/// Portals, people, sessions.
pub mod identity {
    pub mod v1 {
        tonic::include_proto!("portico.identity.v1");
    }
}

/// The catalogue and the tickets.
pub mod tickets {
    pub mod v1 {
        tonic::include_proto!("portico.tickets.v1");
    }
}

/// Articles, announcements, search.
pub mod knowledge {
    pub mod v1 {
        tonic::include_proto!("portico.knowledge.v1");
    }
}

/// Forums and topics.
pub mod community {
    pub mod v1 {
        tonic::include_proto!("portico.community.v1");
    }
}

/// Mail, bell, inbound mail.
pub mod notifier {
    pub mod v1 {
        tonic::include_proto!("portico.notifier.v1");
    }
}

/// The descriptors of all packages, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
