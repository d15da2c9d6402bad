//! Starts the knowledge service.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    portico_chassis::run::main("knowledge", portico_knowledge::start)
}
