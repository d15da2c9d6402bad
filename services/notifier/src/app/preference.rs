//! A person's own choice of what to be told.

use std::collections::BTreeMap;

use portico_chassis::error::{Error, FieldError};

use super::App;
use super::notification::Reader;
use crate::domain::preference::Preferences;
use crate::store::preference::{self, Put, Stored};

impl App {
    /// The reader's choice, or the defaults.
    pub async fn preferences(&self, reader: &Reader) -> Result<Stored, Error> {
        let mut conn = self.db.read(&reader.portal, reader.deadline).await?;
        preference::get(&mut conn, &reader.portal, &reader.person).await
    }

    /// Replaces the reader's choice. Every key that is no choice is named.
    pub async fn put_preferences(
        &self,
        reader: &Reader,
        mail: &BTreeMap<String, bool>,
        bell: &BTreeMap<String, bool>,
        expected: Option<i64>,
        request_id: &str,
    ) -> Result<Stored, Error> {
        let preferences = Preferences::choose(mail, bell).map_err(|wrong| {
            Error::Invalid(
                wrong
                    .into_iter()
                    .map(|wrong| {
                        FieldError::new(format!("{}.{}", wrong.channel, bounded(&wrong.kind)), "unknown_field", "This can't be chosen.")
                    })
                    .collect(),
            )
        })?;
        let mut conn = self.db.read(&reader.portal, reader.deadline).await?;
        let put = Put { portal: &reader.portal, person: &reader.person, preferences: &preferences, expected, request_id };
        preference::put(&mut conn, put, self.clock.now()).await
    }
}

/// A wrong key is repeated to its sender, but not at any length.
fn bounded(key: &str) -> String {
    key.chars().take(60).collect()
}
