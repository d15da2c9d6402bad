//! What the person at the terminal sees.

use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

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

/// Without a terminal a long step says how far it is, but not more often than this …
const SPARSE: Duration = Duration::from_secs(2);
/// … and in not more lines than this.
const SPARSE_LINES: u64 = 10;

/// How far a long step is: a bar on a terminal, now and then a line elsewhere.
#[derive(Debug)]
pub struct Progress {
    what: String,
    steps: u64,
    bar: Option<indicatif::ProgressBar>,
    sparse: Mutex<Sparse>,
}

#[derive(Debug)]
struct Sparse {
    done: u64,
    told: u64,
    at: Instant,
}

/// Begins a long step.
pub fn progress(what: &str, steps: u64, redraws_a_second: u8) -> Progress {
    let bar = std::io::stderr().is_terminal().then(|| {
        let target = indicatif::ProgressDrawTarget::stderr_with_hz(redraws_a_second);
        let bar = indicatif::ProgressBar::with_draw_target(Some(steps), target);
        if let Ok(style) = indicatif::ProgressStyle::with_template("  {msg} [{bar:40}] {pos}/{len} {eta}") {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(what.to_owned());
        bar
    });
    Progress { what: what.to_owned(), steps, bar, sparse: Mutex::new(Sparse { done: 0, told: 0, at: Instant::now() }) }
}

impl Progress {
    /// So many more are done.
    pub fn inc(&self, more: u64) {
        if let Some(bar) = &self.bar {
            return bar.inc(more);
        }
        let mut sparse = self.sparse.lock().unwrap_or_else(PoisonError::into_inner);
        sparse.done += more;
        let far = (sparse.done - sparse.told) * SPARSE_LINES >= self.steps;
        if far && sparse.at.elapsed() >= SPARSE && sparse.done < self.steps {
            note(format_args!("  {}: {} of {}", self.what, sparse.done, self.steps));
            (sparse.told, sparse.at) = (sparse.done, Instant::now());
        }
    }

    /// What is done now.
    pub fn say(&self, what: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(what.to_owned()),
            None => note(format_args!("  {what}")),
        }
    }

    /// It is over: the bar goes away.
    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
