//! Knowledge as a black box, in one program: through its gRPC clients, with PostgreSQL and NATS.

mod announcement;
mod article;
mod comment;
mod contract;
mod kit;
mod search;
mod topic;
