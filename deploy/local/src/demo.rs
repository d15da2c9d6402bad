//! The demo portal that a fresh start seeds.

use anyhow::Result;

use crate::layout::Layout;
use crate::status::Status;

/// The password of all demo people.
pub const PASSWORD: &str = "a-demo-Passphrase-41";

/// One of the demo's people.
#[derive(Debug, Clone, Copy)]
pub struct Person {
    /// The address they sign in with.
    pub email: &'static str,
    /// Who they are, for the list at the terminal.
    pub note: &'static str,
}

/// The people whom a visitor may sign in as.
pub const PEOPLE: [Person; 6] = [
    Person { email: "admin@demo.test", note: "administrator" },
    Person { email: "agent@demo.test", note: "agent" },
    Person { email: "agent2@demo.test", note: "agent" },
    Person { email: "alice@acme.test", note: "customer of ACME, sees her own requests" },
    Person { email: "bob@acme.test", note: "customer of ACME, sees all of ACME's" },
    Person { email: "carol@globex.test", note: "customer of Globex" },
];

/// Fills the demo portal when it is not there yet.
pub async fn seed(_layout: &Layout, _status: &Status) -> Result<()> {
    Ok(())
}
