//! Starts the tickets service.

fn main() {}
