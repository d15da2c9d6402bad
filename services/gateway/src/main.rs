//! Starts the gateway.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    portico_chassis::run::main("gateway", portico_gateway::start)
}
