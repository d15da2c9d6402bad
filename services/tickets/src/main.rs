//! Starts the tickets service.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    portico_chassis::run::main("tickets", portico_tickets::start)
}
