//! Helpers for rows: batches as columns, closed sets as numbers.

use portico_chassis::error::Error;

/// One column of a batch, for UNNEST.
pub fn column<'a, R, T>(rows: &'a [R], pick: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(pick).collect()
}

/// The value of a stored code; a code that this build does not know is a defect or a newer build's row.
pub fn known<T>(value: Option<T>, what: &str) -> Result<T, Error> {
    value.ok_or_else(|| Error::internal(format_args!("a stored {what} is not known to this build")))
}
