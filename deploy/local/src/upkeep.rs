//! Logs and caught mail have an end: a stack may run for months.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::layout::Layout;
use crate::mail::shelf::Shelf;
use crate::terminal;

/// How often their sizes are looked at.
const LOOK: Duration = Duration::from_secs(30);
/// A log that is larger is put aside.
const LARGEST_LOG: u64 = 10 * 1024 * 1024;
/// So many logs that were put aside are kept of each process: `tickets.log.1` is the newest.
const OLD_LOGS: u32 = 3;
/// So many mails are kept …
const MAILS: usize = 100_000;
/// … with so many bytes in all.
const MAIL_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// Keeps them within their bounds until its task is dropped.
pub async fn tend(layout: Layout, shelf: Shelf) {
    loop {
        let (layout, shelf) = (layout.clone(), shelf.clone());
        let done = tokio::task::spawn_blocking(move || look(&layout, &shelf)).await;
        if let Ok(Err(error)) = done {
            terminal::note(format!("logs and mail were not tidied: {error:#}"));
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn look(layout: &Layout, shelf: &Shelf) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(layout.logs())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            put_aside(&path, LARGEST_LOG)?;
        }
    }
    let own = layout.run_log();
    if own.exists() {
        put_aside(&own, LARGEST_LOG)?;
    }
    shelf.tidy(MAILS, MAIL_BYTES)
}

/// Copies a log that is too large to `.1` and empties it. Its process keeps it open for appending and goes on at the beginning.
fn put_aside(path: &Path, largest: u64) -> std::io::Result<()> {
    if std::fs::metadata(path)?.len() <= largest {
        return Ok(());
    }
    for number in (1..OLD_LOGS).rev() {
        match std::fs::rename(old(path, number), old(path, number + 1)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    std::fs::copy(path, old(path, 1))?;
    std::fs::OpenOptions::new().write(true).open(path)?.set_len(0)
}

fn old(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_large_log_is_put_aside_while_its_process_writes_and_three_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tickets.log");
        let mut process = std::fs::OpenOptions::new().create(true).append(true).open(&path).unwrap();
        for round in 1..=5 {
            writeln!(process, "round {round}").unwrap();
            put_aside(&path, 4).unwrap();
        }
        writeln!(process, "now").unwrap();
        let text = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(text(&path), "now\n", "at most the bound stays");
        assert_eq!(text(&old(&path, 1)), "round 5\n");
        assert_eq!(text(&old(&path, 3)), "round 3\n");
        assert!(!old(&path, 4).exists());
    }
}
