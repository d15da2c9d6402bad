//! Sees to it that the programs under test are those of this source.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::terminal;

/// What `./run` builds.
const PACKAGES: [&str; 7] =
    ["portico", "portico-identity", "portico-tickets", "portico-knowledge", "portico-community", "portico-notifier", "portico-gateway"];

/// Builds the release programs beside this one, as `./run` does. A generator that is no release build measures what is there.
///
/// # Errors
/// When the build fails.
pub fn build() -> Result<()> {
    let own = std::env::current_exe().context("this program has no path")?;
    if !own.parent().is_some_and(|folder| folder.ends_with("release")) {
        terminal::note("this is no release build: its figures mean nothing");
        return Ok(());
    }
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).context("the checkout")?;
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let packages = PACKAGES.iter().flat_map(|package| ["-p", package]);
    let status = Command::new(cargo).args(["build", "--release", "--locked"]).args(packages).current_dir(checkout).status();
    ensure!(status.context("cargo cannot be started")?.success(), "the programs cannot be built");
    Ok(())
}

/// Raises the number of files that this process and those it starts may have open: a thousand streams are a thousand sockets.
pub fn many_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Where it cannot be raised a stream that does not open says so.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
