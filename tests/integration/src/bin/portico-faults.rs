//! Plays the fault matrix and prints what came of it as a Markdown table; `./test --faults` builds everything and starts it.
//!
//! `portico-faults [--list] [CELL…]`: all cells, or those whose names begin with one of these. `PORTICO_TEST_SEED` repeats a run,
//! `PORTICO_FAULT_OUTAGE` is how long servers stay away (60 s, at most 90). The exit code is 1 when an
//! invariant did not hold; a cell that can't be played here says so in the table, and nothing more.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints a table")]

use std::process::ExitCode;
use std::time::Instant;

use portico_integration_tests::cells::{CELLS, Cell, Outcome, Setting};
use portico_integration_tests::plan::Plan;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--list") {
        CELLS.iter().for_each(|cell| println!("{:<20} {}", cell.name, cell.about));
        return ExitCode::SUCCESS;
    }
    let picked: Vec<&Cell> = CELLS.iter().filter(|cell| words.is_empty() || words.iter().any(|word| cell.name.starts_with(word))).collect();
    if picked.is_empty() {
        eprintln!("no cell is called {}; --list tells their names", words.join(" or "));
        return ExitCode::FAILURE;
    }
    let seed = Plan::from_env().seed;
    let mut rows = Vec::new();
    let mut held = true;
    for cell in picked {
        eprintln!("{}: {} (PORTICO_TEST_SEED={seed})", cell.name, cell.about);
        let begun = Instant::now();
        let verdict = play(cell, Plan { seed });
        held &= !matches!(verdict, Err(Trouble::Broken(_)));
        let row = row(cell, seed, &verdict);
        eprintln!("{row} {} s", begun.elapsed().as_secs());
        rows.push(row);
    }
    println!("| cell | what breaks | seed | operations | ok | fail | unknown | recovery s | verdict | measured |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    rows.iter().for_each(|row| println!("{row}"));
    if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What kept a cell from being a success.
enum Trouble {
    /// It could not be played here.
    NotPlayed(&'static str),
    /// An invariant did not hold.
    Broken(String),
}

/// Each cell has a thread and a runtime of its own: what it leaves behind ends with it.
fn play(cell: &Cell, plan: Plan) -> Result<Outcome, Trouble> {
    if let Some(missing) = cell.need.missing() {
        return Err(Trouble::NotPlayed(missing));
    }
    let cell = *cell;
    let played = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        Ok::<_, std::io::Error>(runtime.block_on(cell.play(Setting::full(plan))))
    });
    match played.join() {
        Ok(Ok(outcome)) => Ok(outcome),
        Ok(Err(error)) => Err(Trouble::Broken(error.to_string())),
        Err(panic) => {
            let said = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
            Err(Trouble::Broken(said.unwrap_or("it panicked").to_owned()))
        }
    }
}

fn row(cell: &Cell, seed: u64, verdict: &Result<Outcome, Trouble>) -> String {
    let (counts, recovery, said, note) = match verdict {
        Ok(outcome) => {
            let counts = outcome.counts;
            let recovery = outcome.recovery.map_or_else(|| "–".to_owned(), |time| format!("{:.1}", time.as_secs_f64()));
            let counts = format!("{} | {} | {} | {}", counts.all(), counts.ok, counts.fail, counts.unknown);
            (counts, recovery, "holds".to_owned(), outcome.note.clone())
        }
        Err(Trouble::NotPlayed(why)) => (dashes(), "–".to_owned(), format!("not played: {why}"), String::new()),
        Err(Trouble::Broken(why)) => (dashes(), "–".to_owned(), "**BROKEN**".to_owned(), one_line(why)),
    };
    format!("| {} | {} | {seed} | {counts} | {recovery} | {said} | {note} |", cell.name, cell.about)
}

fn dashes() -> String {
    ["–"; 4].join(" | ")
}

/// As much of a message as a table's cell takes.
fn one_line(text: &str) -> String {
    let flat: String = text.chars().map(|letter| if letter == '\n' || letter == '|' { ' ' } else { letter }).take(300).collect();
    flat.trim().to_owned()
}
