//! The services' signing keys.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use portico_chassis::auth::Keys;

/// Makes a key pair for every service that has none yet; returns the folder.
pub fn prepare(folder: &Path, services: &[&str]) -> Result<PathBuf> {
    Keys::write_missing(folder, services).context("the services' keys cannot be written")?;
    Ok(folder.to_path_buf())
}
