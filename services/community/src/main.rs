//! Starts the community service.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    portico_chassis::run::main(portico_community::NAME, portico_community::start)
}
