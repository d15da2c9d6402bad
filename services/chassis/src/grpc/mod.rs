//! gRPC servers: who asks, whether this method lets them, until when; health and reflection.

mod context;
mod guard;
mod server;

pub use context::{Context, context};
pub use guard::Permission;
pub(crate) use guard::grpc_code;
pub use server::Server;

/// Metadata: the token of the service that calls.
pub const SERVICE_TOKEN: &str = "x-portico-service";
/// Metadata: the operator's token.
pub const OPERATOR_TOKEN: &str = "x-portico-operator";
/// Metadata: the portal that a request is for, so that portals share a service fairly. It gives nobody any right.
pub const PORTAL: &str = "x-portico-portal";
/// Metadata of a refusal: this service's time, in milliseconds of Unix time, for a caller whose clock is wrong.
pub(crate) const NOW: &str = "x-portico-now";
/// Metadata of an `UNAVAILABLE`: what the process needs is away, so that another process would answer the same. Without it, only this process
/// is: it is not there, ends, or is not ready.
pub(crate) const SAME_ELSEWHERE: &str = "x-portico-same-elsewhere";
/// Metadata: a hash of where a guest comes from, set by the gateway.
pub const SOURCE: &str = "x-portico-source";
