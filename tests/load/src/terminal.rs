//! What the person at the terminal sees.

use std::io::Write;
use std::time::Instant;

/// Prints a line on stdout. A closed stdout is no error.
pub fn say(line: impl std::fmt::Display) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Prints a line on stderr: progress and complaints.
pub fn note(line: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// A step that takes a while: announces itself and says how long it took.
#[derive(Debug)]
pub struct Step {
    what: String,
    begun: Instant,
}

impl Step {
    /// Announces a step.
    pub fn begin(what: impl Into<String>) -> Self {
        let what = what.into();
        note(format!("  … {what}"));
        Self { what, begun: Instant::now() }
    }

    /// Says that it is done.
    pub fn done(self) {
        note(format!("  ✓ {} ({:.1} s)", self.what, self.begun.elapsed().as_secs_f64()));
    }
}
