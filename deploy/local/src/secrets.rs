//! Keys and secrets of a stack: made once, kept with mode 0600, never printed.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::TryRngCore;
use rand::rngs::OsRng;

use crate::layout::{Layout, write_atomically};

/// The secrets' files of one stack.
#[derive(Debug, Clone)]
pub struct Secrets {
    folder: PathBuf,
}

impl Secrets {
    /// Opens the folder of keys, made with mode 0700.
    pub fn open(layout: &Layout) -> Result<Self> {
        let folder = layout.keys();
        private_folder(&folder)?;
        Ok(Self { folder })
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The text of a secret, made of 32 random bytes when it is asked for the first time.
    pub fn text(&self, name: &str) -> Result<String> {
        let path = self.path(name);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(text.trim().to_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let text = random_text()?;
                write_atomically(&path, text.as_bytes(), 0o600)?;
                Ok(text)
            }
            Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
        }
    }

    /// The file of a secret, which exists afterwards.
    pub fn file(&self, name: &str) -> Result<PathBuf> {
        self.text(name)?;
        Ok(self.path(name))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.secret"))
    }
}

/// Makes a folder that only its owner can enter.
pub fn private_folder(folder: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(|| format!("{} cannot be made", folder.display()))
}

fn random_text() -> Result<String> {
    let mut bytes = [0_u8; 32];
    OsRng.try_fill_bytes(&mut bytes).context("the system gives no randomness")?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::locate(Some(folder.path().to_path_buf()), None).unwrap();
        let secrets = Secrets::open(&layout).unwrap();
        let first = secrets.text("operator").unwrap();
        assert_eq!(first, Secrets::open(&layout).unwrap().text("operator").unwrap());
        assert_ne!(first, secrets.text("other").unwrap());
        let mode = std::fs::metadata(secrets.file("operator").unwrap()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
