//! The bare limits: the same rows and the same queries on the same PostgreSQL, through axum and tonic and nothing else. Each half is a
//! process of its own, as a gateway and a service are.

pub mod back;
pub mod commit;
pub mod front;
pub mod schema;
pub mod search;

use std::process::Stdio;
use std::sync::Arc;

use anyhow::{Context, Result};
use portico_integration_tests::World;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::http::Target;

/// The contract between the halves.
pub mod proto {
    #![allow(missing_docs, clippy::all, clippy::pedantic)]
    tonic::include_proto!("bare");
}

/// Names the database for the second half.
pub const DATABASE: &str = "PORTICO_LOAD_DATABASE";
/// Names the portal whose rows are read.
pub const PORTAL: &str = "PORTICO_LOAD_PORTAL";
/// Names the second half for the first.
pub const BACK: &str = "PORTICO_LOAD_BACK";

/// Two processes; they end when this is dropped.
pub struct Bare {
    /// Where the first half serves.
    pub target: Arc<Target>,
    front: Child,
    back: Child,
}

impl Bare {
    /// Makes the tables and starts both halves.
    ///
    /// # Errors
    /// When one does not start.
    pub async fn start(world: &World, portal: &str) -> Result<Self> {
        let dsn = database(world)?;
        schema::make(&dsn).await?;
        let (back, address) = half("bare-back", &[(DATABASE, dsn.as_str()), (PORTAL, portal)]).await?;
        let (front, public) = half("bare-front", &[(BACK, address.as_str())]).await?;
        Ok(Self { target: Arc::new(Target::read(&public)?), front, back })
    }

    /// Ends both and removes the tables.
    ///
    /// # Errors
    /// When the tables stay.
    pub async fn end(mut self, world: &World) -> Result<()> {
        for child in [&mut self.front, &mut self.back] {
            child.kill().await.context("a half of the bare limits does not end")?;
        }
        schema::remove(&database(world)?).await
    }
}

fn database(world: &World) -> Result<String> {
    Ok(world.status()["postgres"]["tickets"].as_str().context("tickets has no database")?.to_owned())
}

/// Starts this program again as a half; it says on its first line where it serves.
async fn half(order: &str, environment: &[(&str, &str)]) -> Result<(Child, String)> {
    let own = std::env::current_exe().context("this program has no path")?;
    let mut child = Command::new(own)
        .arg(order)
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("{order} cannot be started"))?;
    let out = child.stdout.take().with_context(|| format!("{order} has no output"))?;
    let line = BufReader::new(out).lines().next_line().await?;
    Ok((child, line.with_context(|| format!("{order} ended at once"))?))
}

/// A variable that the parent set.
fn told(name: &str) -> Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set; this half is started by the others"))
}
