//! What may be put beside a running stack to handle one of its processes: `DATA/handles/NAME.env` has variables that it gets at its next
//! start (`KEY=VALUE` a line, they win), and while `DATA/handles/NAME.hold` exists it is not started. NAME is a key of the status document's
//! `pids`: `tickets`, `tickets-2`, `postgres`. For drills and tests: a clock of its own, a proxy in front of the broker, a database that stays
//! away.

use std::path::PathBuf;

use crate::layout::Layout;

/// The handles of one process.
#[derive(Debug, Clone)]
pub struct Handles {
    folder: PathBuf,
    name: String,
}

impl Handles {
    /// Those of the process of this name.
    pub fn of(layout: &Layout, name: &str) -> Self {
        Self { folder: layout.handles(), name: name.to_owned() }
    }

    /// Whether it must stay away.
    pub fn held(&self) -> bool {
        self.folder.join(format!("{}.hold", self.name)).exists()
    }

    /// Variables for its next start; a line without `=` is passed over.
    pub fn variables(&self) -> Vec<(String, String)> {
        let text = std::fs::read_to_string(self.folder.join(format!("{}.env", self.name))).unwrap_or_default();
        text.lines().filter_map(|line| line.split_once('=')).map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_handles_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::locate(Some(folder.path().to_path_buf()), None).unwrap();
        layout.prepare().unwrap();
        let (tickets, second) = (Handles::of(&layout, "tickets"), Handles::of(&layout, "tickets-2"));
        assert!(!tickets.held() && tickets.variables().is_empty());
        std::fs::write(layout.handles().join("tickets.hold"), "").unwrap();
        std::fs::write(layout.handles().join("tickets.env"), "A=1\nnothing\nB = x=y\n").unwrap();
        let expected = [("A".to_owned(), "1".to_owned()), ("B".to_owned(), "x=y".to_owned())];
        assert!(tickets.held() && tickets.variables() == expected);
        assert!(!second.held() && second.variables().is_empty());
    }
}
