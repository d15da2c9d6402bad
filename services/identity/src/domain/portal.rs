//! A portal: a slug, a title and a settings document.

use time::OffsetDateTime;
use uuid::Uuid;

use super::secrets::Secrets;
use super::settings::Settings;

/// A portal.
#[derive(Debug, Clone, PartialEq)]
pub struct Portal {
    /// Names it in the journal; everybody else uses the slug.
    pub id: Uuid,
    /// The slug.
    pub slug: String,
    /// The title.
    pub title: String,
    /// The whole settings document.
    pub settings: Settings,
    /// From one sequence over all portals.
    pub settings_version: i64,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// The version of the aggregate.
    pub version: i64,
}

/// The secret that signs mail for a portal's inbound door: derived, so that it is in no database.
pub fn inbound_secret(secrets: &Secrets, slug: &str) -> String {
    hex::encode(secrets.derive("inbound", &[slug.as_bytes()]))
}
