//! Seconds until a stack on a data folder is ready again: `portico up --detach`, which is what `./run` calls once everything is built.

use std::time::Instant;

use anyhow::{Result, ensure};

use crate::row::Row;
use crate::stage::Stage;
use crate::terminal::{self, Step};

/// Measures it: the stack is stopped and started again where it was. Nothing of the stage's sessions is of use afterwards.
///
/// # Errors
/// When it does not stop.
pub async fn run(stage: &mut Stage<'_>) -> Result<()> {
    if stage.options.stack.is_some() {
        terminal::note("  (ready: left out, the stack belongs to somebody else)");
        return Ok(());
    }
    let step = Step::begin("the stack is stopped and started again");
    let stopped = tokio::task::block_in_place(|| stage.world.portico(&["stop"]));
    ensure!(stopped.status.success(), "the stack does not stop: {}", String::from_utf8_lossy(&stopped.stderr));
    let begun = Instant::now();
    stage.world.start_again().await;
    let seconds = begun.elapsed().as_secs_f64();
    step.done();
    let row = Row::new("ready", "`portico up --detach` on a built tree with a data folder: seconds until everything is ready")
        .figure("seconds", seconds);
    stage.push(row.at_most("seconds", 3.0));
    Ok(())
}
