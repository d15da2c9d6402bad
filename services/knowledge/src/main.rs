//! Starts the knowledge service.

fn main() {}
