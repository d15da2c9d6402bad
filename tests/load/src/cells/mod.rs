//! The cells: one kind of load each.

pub mod create;
pub mod explain;
pub mod fair;
pub mod list;
pub mod live;
pub mod other_routes;
pub mod overload;
pub mod ready;
pub mod reply;
pub mod search;
pub mod view;
