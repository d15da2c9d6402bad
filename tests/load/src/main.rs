//! Measures Portico: starts it from its release programs, signs people in, asks it in open and closed loops, and takes the bare limits it
//! is compared with in the same run. `docs/PERFORMANCE.md` says what each row means.

// A generator is no service: its tasks end with it, and its clock is the machine's.
#![allow(clippy::disallowed_methods)]

mod articles;
mod bare;
mod catch_up;
mod cells;
mod cli;
mod closed;
mod fill;
mod http;
mod measure;
mod memory;
mod open;
mod order;
mod people;
mod programs;
mod queues;
mod row;
mod spans;
mod stage;
mod table;
mod terminal;
mod words;

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    portico_chassis::run::install_tls();
    let outcome = tokio::select! {
        outcome = Box::pin(order::run(cli::Cli::parse())) => outcome,
        // The stack is stopped by what is dropped here.
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            terminal::note(format!("portico-load: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
