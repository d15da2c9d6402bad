//! Where one checkout keeps what its stack needs.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// The folders and files of one stack. Everything below `data` belongs to it alone, so two checkouts never meet.
#[derive(Debug, Clone)]
pub struct Layout {
    checkout: PathBuf,
    data: PathBuf,
}

impl Layout {
    /// The layout of a checkout; `data` is its `.portico` folder unless another one is given.
    pub fn locate(checkout: Option<PathBuf>, data: Option<PathBuf>) -> Result<Self> {
        let checkout = match checkout {
            Some(path) => path,
            None => std::env::current_dir().context("the current folder cannot be read")?,
        };
        let checkout = std::fs::canonicalize(&checkout).with_context(|| format!("no folder {}", checkout.display()))?;
        let data = data.unwrap_or_else(|| checkout.join(".portico"));
        std::fs::create_dir_all(&data).with_context(|| format!("{} cannot be made", data.display()))?;
        let data = std::fs::canonicalize(&data).with_context(|| format!("{} cannot be opened", data.display()))?;
        Ok(Self { checkout, data })
    }

    /// The folder that holds all data of this stack.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// What the checkout's scripts installed (a Python environment with nats-server); survives `--fresh`.
    pub fn tools(&self) -> PathBuf {
        self.checkout.join(".portico/tools")
    }

    /// Held exclusively by the one running `portico up`.
    pub fn lock(&self) -> PathBuf {
        self.data.join("lock")
    }

    /// What `--status --json` prints.
    pub fn status(&self) -> PathBuf {
        self.data.join("status.json")
    }

    /// Every process that was started, with its start time: the way to find orphans.
    pub fn processes(&self) -> PathBuf {
        self.data.join("processes.json")
    }

    /// Keys and secrets, readable by the owner alone.
    pub fn keys(&self) -> PathBuf {
        self.data.join("keys")
    }

    /// Output of one process.
    pub fn log(&self, name: &str) -> PathBuf {
        self.data.join("log").join(format!("{name}.log"))
    }

    /// The folder of the output of all processes.
    pub fn logs(&self) -> PathBuf {
        self.data.join("log")
    }

    /// Output of a supervisor in the background.
    pub fn run_log(&self) -> PathBuf {
        self.data.join("run.log")
    }

    /// Caught mail: one `.eml` file each.
    pub fn mail(&self) -> PathBuf {
        self.data.join("mail")
    }

    /// JetStream's store; may be deleted at any time.
    pub fn nats(&self) -> PathBuf {
        self.data.join("nats")
    }

    /// The object store's folder.
    pub fn blobs(&self) -> PathBuf {
        self.data.join("blobs")
    }

    /// The cluster's folder, or a link to it.
    pub fn postgres(&self) -> PathBuf {
        self.data.join("postgres")
    }

    /// What handles single processes (see `handles.rs`).
    pub fn handles(&self) -> PathBuf {
        self.data.join("handles")
    }

    /// The search index of one replica of knowledge.
    pub fn index(&self, process: &str) -> PathBuf {
        self.data.join("index").join(process)
    }

    /// Twelve hexadecimal digits that stand for this data folder.
    pub fn fingerprint(&self) -> String {
        let digest = Sha256::digest(self.data.as_os_str().as_encoded_bytes());
        hex::encode(&digest[..6])
    }

    /// Makes the folders that every start needs.
    pub fn prepare(&self) -> Result<()> {
        for folder in [self.logs(), self.mail(), self.blobs(), self.nats(), self.handles()] {
            std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        }
        Ok(())
    }

    /// Forgets all data but keeps the installed tools and the lock that the caller holds.
    pub fn forget(&self) -> Result<()> {
        for entry in std::fs::read_dir(&self.data)? {
            let path = entry?.path();
            let keep = path == self.lock() || path == self.tools() || path.file_name().is_some_and(|name| name == "run.log");
            if keep {
                continue;
            }
            forget_one(&path).with_context(|| format!("{} cannot be removed", path.display()))?;
        }
        Ok(())
    }
}

/// Removes a file, a folder, or a link together with the folder that it points at.
fn forget_one(path: &Path) -> std::io::Result<()> {
    let kind = std::fs::symlink_metadata(path)?.file_type();
    if kind.is_symlink() {
        if let Ok(target) = std::fs::canonicalize(path)
            && target.starts_with(ELSEWHERE)
        {
            std::fs::remove_dir_all(target)?;
        }
        return std::fs::remove_file(path);
    }
    if kind.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }
}

/// Where a cluster lives when its user cannot reach the checkout.
pub const ELSEWHERE: &str = "/var/lib/portico";

/// Writes a file whole or not at all, with the given mode.
pub fn write_atomically(path: &Path, bytes: &[u8], mode: u32) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".part");
    let part = path.with_file_name(name);
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&part)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&part, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgetting_keeps_the_lock_and_the_tools() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::locate(Some(folder.path().to_path_buf()), None).unwrap();
        layout.prepare().unwrap();
        std::fs::create_dir_all(layout.tools()).unwrap();
        std::fs::write(layout.lock(), "").unwrap();
        std::fs::write(layout.mail().join("1.eml"), "x").unwrap();
        layout.forget().unwrap();
        assert!(layout.tools().exists() && layout.lock().exists());
        assert!(!layout.mail().exists());
    }

    #[test]
    fn two_checkouts_have_two_fingerprints() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let print = |folder: &tempfile::TempDir| Layout::locate(Some(folder.path().to_path_buf()), None).unwrap().fingerprint();
        assert_ne!(print(&one), print(&two));
    }
}
