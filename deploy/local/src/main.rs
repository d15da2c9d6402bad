//! The operator's command: Portico on one machine.

mod balancer;
mod command;
mod deliveries;
mod demo;
mod detach;
mod handles;
mod health;
mod import;
mod inboxes;
mod keys;
mod layout;
mod leftovers;
mod mail;
mod nats;
mod operator;
mod portal;
mod ports;
mod postgres;
mod process;
mod secrets;
mod services;
mod status;
mod supervisor;
mod terminal;
mod up;
mod upkeep;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    portico_chassis::run::install_tls();
    match command::Cli::parse().run().await {
        Ok(code) => code,
        Err(error) => {
            terminal::note(format!("portico: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
