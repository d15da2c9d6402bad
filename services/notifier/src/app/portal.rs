//! The part of a portal's settings that mail needs.

use portico_chassis::error::{Error, FieldError};
use portico_chassis::ids::PortalId;
use portico_chassis::settings::{Check, FromDocument};
use serde_json::Value;

use super::App;
use crate::domain::sender::is_plain_address;

/// `inbound` of the settings document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailSettings {
    address: Option<String>,
    trusted: Option<String>,
}

impl FromDocument for MailSettings {
    fn from_document(document: &Value) -> Self {
        let text =
            |key: &str| document.pointer(&format!("/inbound/{key}")).and_then(Value::as_str).map(|text| text.trim().to_ascii_lowercase());
        Self {
            address: text("address").filter(|address| is_plain_address(address)),
            trusted: text("trusted_authserv_id").filter(|host| !host.is_empty()),
        }
    }

    fn problems(document: &Value) -> Vec<FieldError> {
        let address = |text: &str| is_plain_address(&text.trim().to_ascii_lowercase());
        let check = Check::of(document).text("inbound.address", "a mail address that mails can come from", address);
        check.text("inbound.trusted_authserv_id", "a host name", |host| !host.trim().is_empty()).done()
    }
}

/// A portal as mail sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailPortal {
    /// Its title.
    pub title: String,
    /// Where requests go, lower case; the From of its mails.
    pub inbound_address: String,
    /// Whose `Authentication-Results` are believed.
    pub trusted_authserv_id: String,
}

impl App {
    /// The portal's mail settings. `NotFound` when there is no such portal, `Unavailable` while they have not arrived.
    pub async fn portal(&self, portal: &PortalId) -> Result<MailPortal, Error> {
        let settings = self.settings.get(portal).await?;
        Ok(MailPortal {
            title: settings.title.clone(),
            inbound_address: settings.part.address.clone().unwrap_or_else(|| format!("support@{portal}.portico.test")),
            trusted_authserv_id: settings.part.trusted.clone().unwrap_or_else(|| "mx.portico.test".to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inbound_part_is_read_and_nonsense_is_left_to_the_defaults() {
        let read = |text: &str| MailSettings::from_document(&serde_json::from_str(text).unwrap());
        let full = read(r#"{"inbound": {"address": "Help@ACME.test", "trusted_authserv_id": "mx.acme.test"}}"#);
        assert_eq!(full, MailSettings { address: Some("help@acme.test".into()), trusted: Some("mx.acme.test".into()) });
        for other in ["{}", "null", r#"{"inbound": {"address": "x\r\ny@z.test", "trusted_authserv_id": ""}}"#, r#"{"inbound": 7}"#] {
            assert_eq!(read(other), MailSettings { address: None, trusted: None }, "{other}");
        }
    }
}
