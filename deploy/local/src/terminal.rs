//! What the person at the terminal sees.

use std::io::{IsTerminal, Write};
use std::time::Instant;

/// Prints one line on stdout. A closed stdout is no error.
pub fn say(line: impl std::fmt::Display) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Prints one line on stderr: progress and complaints.
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
        if std::io::stderr().is_terminal() {
            let _ = write!(std::io::stderr().lock(), "  … {what}\r");
        }
        Self { what, begun: Instant::now() }
    }

    /// Says that it is done.
    pub fn done(self) {
        note(format!("  ✓ {} ({:.1} s)", self.what, self.begun.elapsed().as_secs_f64()));
    }
}

/// A bar for a long step; nothing is drawn where stderr is no terminal.
pub fn progress(what: &str, steps: u64, redraws_a_second: u8) -> indicatif::ProgressBar {
    let target = indicatif::ProgressDrawTarget::stderr_with_hz(redraws_a_second);
    let bar = indicatif::ProgressBar::with_draw_target(Some(steps), target);
    if let Ok(style) = indicatif::ProgressStyle::with_template("  {msg} [{bar:40}] {pos}/{len}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_message(what.to_owned());
    bar
}
