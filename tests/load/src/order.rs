//! Which cells are measured, in which order: first those that read, then those that write, then the large database.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use portico_integration_tests::{World, WorldOptions};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::cells::{create, explain, fair, list, live, other_routes, overload, ready, reply, search, view};
use crate::cli::{Cli, Options, Order};
use crate::row::Row;
use crate::stage::Stage;
use crate::table::Run;
use crate::terminal::{self, Step};
use crate::words::Words;
use crate::{bare, memory, programs};

/// Before idle memory is read: what a start leaves behind has gone by then.
const CALM: Duration = Duration::from_secs(5);

/// Does what was asked. The exit code says whether every target was met.
///
/// # Errors
/// When the stack does not start, or something of the run breaks.
pub async fn run(cli: Cli) -> Result<ExitCode> {
    match cli.order {
        Order::BareFront => bare::front::serve().await?,
        Order::BareBack => bare::back::serve().await?,
        Order::Table { file } => terminal::say(Run::read(&file)?.markdown()),
        order => return measure(&order, &cli.options).await,
    }
    Ok(ExitCode::SUCCESS)
}

async fn measure(order: &Order, options: &Options) -> Result<ExitCode> {
    terminal::note(format!("seed {}, {} s a cell", options.seed, options.seconds));
    programs::many_files();
    let at = OffsetDateTime::now_utc().format(&Rfc3339)?;
    let rows = rows(order, options).await?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let met = rows.iter().all(|row| row.ok);
    let mut run = Run { at, seed: options.seed, cores, seconds: options.seconds, rows, explained: Vec::new() };
    keep(&run, options)?;
    if matches!(order, Order::All | Order::Explain) {
        run.explained = explain::run(options).await?;
        keep(&run, options)?;
    }
    terminal::say(run.markdown());
    Ok(if met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn keep(run: &Run, options: &Options) -> Result<()> {
    match &options.json {
        Some(folder) => run.write(folder),
        None => Ok(()),
    }
}

async fn world(options: &Options) -> Result<World> {
    if let Some(folder) = &options.stack {
        return Ok(World::open(&absolute(folder.clone())?));
    }
    programs::build()?;
    let step = Step::begin("the stack starts");
    let world = World::own(&WorldOptions::default()).await;
    step.done();
    Ok(world)
}

fn absolute(folder: PathBuf) -> Result<PathBuf> {
    std::fs::canonicalize(&folder).with_context(|| format!("no folder {}", folder.display()))
}

/// The rows of a stack, which is stopped afterwards.
async fn rows(order: &Order, options: &Options) -> Result<Vec<Row>> {
    if *order == Order::Explain {
        return Ok(Vec::new());
    }
    let world = world(options).await?;
    let idle = if matches!(order, Order::All | Order::Memory) { Some(idle(&world).await?) } else { None };
    let words = Arc::new(Words::new(options.seed));
    let mut stage = Stage::set(&world, options, words).await?;
    let outcome = cells(order, &mut stage, idle).await;
    // Also what broke leaves no tables behind.
    stage.end_bare().await?;
    outcome?;
    if matches!(order, Order::All | Order::Ready) {
        ready::run(&mut stage).await?;
    }
    Ok(stage.rows)
}

async fn cells(order: &Order, stage: &mut Stage<'_>, idle: Option<f64>) -> Result<()> {
    match order {
        Order::All => all(stage, idle).await,
        Order::Create => create::run(stage).await,
        Order::Reply => reply::run(stage).await,
        Order::List => list::run(stage).await,
        Order::View => view::run(stage).await,
        Order::Search => search::run(stage).await,
        Order::Live => live::run(stage).await,
        Order::OtherRoutes => other_routes::run(stage).await,
        Order::Overload => overload::run(stage).await,
        Order::Fair => fair::run(stage).await,
        Order::Memory => {
            create::run(stage).await?;
            loaded(stage, idle)
        }
        Order::Ready | Order::Explain => Ok(()),
        Order::Table { .. } | Order::BareFront | Order::BareBack => bail!("nothing is measured"),
    }
}

async fn all(stage: &mut Stage<'_>, idle: Option<f64>) -> Result<()> {
    let small = list::small(stage).await?;
    view::run(stage).await?;
    search::run(stage).await?;
    live::run(stage).await?;
    other_routes::run(stage).await?;
    overload::run(stage).await?;
    fair::run(stage).await?;
    create::run(stage).await?;
    reply::run(stage).await?;
    loaded(stage, idle)?;
    list::large(stage, &small).await
}

async fn idle(world: &World) -> Result<f64> {
    let step = Step::begin("idle memory");
    tokio::time::sleep(CALM).await;
    let total = memory::total(world)?;
    step.done();
    Ok(total)
}

/// Memory of the six services before and after.
fn loaded(stage: &mut Stage<'_>, idle: Option<f64>) -> Result<()> {
    let mut row = Row::new("memory", "memory (PSS) of the six services in megabytes, idle and after the load");
    for (service, megabytes) in memory::of_services(stage.world)? {
        row = row.figure(&service, megabytes);
    }
    row = row.figure("after", memory::total(stage.world)?).at_most("after", 300.0);
    if let Some(idle) = idle {
        row = row.figure("idle", idle).at_most("idle", 100.0);
    }
    stage.push(row);
    Ok(())
}
