//! Copies: neutral mails to addresses that the writer of a topic names (CM-5, NE-8, S63).

use super::ids::CopyId;
use super::refusal::Refusal;

/// Copies that one person may send in 24 hours.
pub const COPIES_PER_WRITER: usize = 20;
/// Copies that one address gets in 24 hours, over all portals; further ones are left out silently.
pub const COPIES_PER_ADDRESS: usize = 5;
/// How long a copy counts, in seconds.
pub const COPY_WINDOW_SECONDS: i64 = 24 * 60 * 60;

/// One mail that goes out after publishing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// Names it.
    pub id: CopyId,
    /// Where it goes, if a member of the portal has this address.
    pub address: String,
}

/// What a writer has sent and what may be made of it now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// Copies that this person may send within the window.
    pub most: usize,
    /// Copies that this person sent within the window.
    pub sent: usize,
    /// Seconds until the oldest of them stops counting.
    pub retry_after: u64,
    /// Names for the copies, at least as many as there are addresses.
    pub ids: Vec<CopyId>,
}

/// One copy an address, unless the writer has no allowance left.
pub fn make(addresses: &[String], allowance: &Allowance) -> Result<Vec<Copy>, Refusal> {
    if !addresses.is_empty() && allowance.sent + addresses.len() > allowance.most {
        return Err(Refusal::TooManyCopies { retry_after: allowance.retry_after.max(1) });
    }
    Ok(addresses.iter().zip(&allowance.ids).map(|(address, id)| Copy { id: *id, address: address.clone() }).collect())
}
