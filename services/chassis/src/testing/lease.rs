//! What the statements of [`crate::lease`] do to their row, as pure functions: the storage of properties and simulations. `tests/chassis/lease.rs`
//! runs both side by side on PostgreSQL.

use std::time::Duration;

use crate::lease::LIFE;

/// A row of the table `lease`; times are those of the database's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Who has it, or had it last.
    pub holder: String,
    /// Grows each time the holder changes.
    pub term: i64,
    /// Until when.
    pub until: Duration,
}

impl Row {
    /// [`crate::lease::Lease::hold`].
    pub fn hold(row: &mut Option<Self>, holder: &str, now: Duration) -> Option<i64> {
        let term = match row {
            None => 1,
            Some(row) if row.holder == holder && row.until > now => row.term,
            Some(row) if row.holder == holder || row.until < now => row.term + 1,
            Some(_) => return None,
        };
        *row = Some(Self { holder: holder.to_owned(), term, until: now + LIFE });
        Some(term)
    }

    /// [`crate::lease::Lease::release`].
    pub fn release(row: &mut Option<Self>, holder: &str, now: Duration) {
        if let Some(row) = row.as_mut().filter(|row| row.holder == holder) {
            row.until = now;
        }
    }
}
