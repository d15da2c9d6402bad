//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// Measures Portico against its targets and against the bare limits of the same machine and run.
#[derive(Debug, Parser)]
#[command(name = "portico-load", version, about)]
pub struct Cli {
    /// How it is measured.
    #[command(flatten)]
    pub options: Options,
    /// What is measured.
    #[command(subcommand)]
    pub order: Order,
}

/// What is measured.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Order {
    /// Every row of the table.
    All,
    /// Create a ticket, and the consumers' time to catch up.
    Create,
    /// Reply on one hot ticket, and spread over 10,000.
    Reply,
    /// "My requests" as JSON and HTML, with few tickets in the database and with many.
    List,
    /// A ticket with 10 comments, as JSON and HTML.
    View,
    /// Articles by words.
    Search,
    /// From a reply to the bell in other browsers.
    Live,
    /// Other routes while 200 people sign in.
    OtherRoutes,
    /// Memory of the six services, idle and after writes.
    Memory,
    /// Seconds until a stack with data is ready.
    Ready,
    /// Twice and five times the capacity, and a mix of what matters more and less.
    Overload,
    /// One portal at 20 times its share.
    Fair,
    /// Where the time of one request goes: a create, a reply, a list, a view.
    Explain,
    /// Prints a measured file as a table for docs/PERFORMANCE.md.
    Table {
        /// The `load.json` of a run.
        file: PathBuf,
    },
    /// One half of a bare limit: HTTP in front.
    #[command(hide = true)]
    BareFront,
    /// The other half: gRPC and PostgreSQL.
    #[command(hide = true)]
    BareBack,
}

/// How it is measured.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// The data folder of a running stack (default: one of its own, stopped at the end).
    #[arg(long, global = true, value_name = "DIR")]
    pub stack: Option<PathBuf>,
    /// Write DIR/load.json.
    #[arg(long, global = true, value_name = "DIR")]
    pub json: Option<PathBuf>,
    /// Measured seconds of each cell.
    #[arg(long, global = true, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..))]
    pub seconds: u64,
    /// Seconds before them that are not counted.
    #[arg(long, global = true, default_value_t = 2)]
    pub warmup: u64,
    /// How often each closed loop is measured; the median by throughput counts.
    #[arg(long, global = true, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,
    /// Open loop at so many requests a second, in cells that are a closed loop otherwise; they have no targets then.
    #[arg(long, global = true)]
    pub rate: Option<f64>,
    /// Requests at once, in place of the cell's own number.
    #[arg(long, global = true)]
    pub at_once: Option<usize>,
    /// What texts and questions are drawn from.
    #[arg(long, global = true, default_value_t = 42)]
    pub seed: u64,
    /// People who are signed in, at least 200.
    #[arg(long, global = true, default_value_t = 250, value_parser = clap::value_parser!(u32).range(200..=5000))]
    pub people: u32,
    /// Listeners of live updates, at most 16 a person.
    #[arg(long, global = true, default_value_t = 1000)]
    pub listeners: usize,
    /// Tickets of the large database.
    #[arg(long, global = true, default_value_t = 1_000_000)]
    pub tickets: i64,
    /// Articles that are searched.
    #[arg(long, global = true, default_value_t = 50_000)]
    pub articles: u64,
}

impl Options {
    /// The measured time of a cell.
    pub fn measured(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// What comes before it.
    pub fn warming(&self) -> Duration {
        Duration::from_secs(self.warmup)
    }
}
