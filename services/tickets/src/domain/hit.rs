//! What a search found, and which of it is best.

use std::cmp::Reverse;
use std::collections::HashSet;

use time::OffsetDateTime;

use super::ids::TicketId;
use super::status::Status;

/// A ticket that was found.
#[derive(Debug, Clone)]
pub struct Hit {
    /// Which.
    pub id: TicketId,
    /// "DEMO-42".
    pub number: String,
    /// One line.
    pub subject: String,
    /// Where it stands.
    pub status: Status,
    /// The party that support waits for.
    pub sub_status: Option<String>,
    /// The question is its number.
    pub named: bool,
    /// The question is its subject.
    pub exact: bool,
    /// How many of the words begin a word of the subject.
    pub in_subject: i32,
    /// When it changed as far as the reader may know.
    pub at: OffsetDateTime,
}

impl Hit {
    /// Comparable within one search; `place` counts from 0.
    pub fn score(&self, place: usize) -> f32 {
        let whole = 1_000 * i32::from(self.named) + 100 * i32::from(self.exact);
        (whole + self.in_subject) as f32 + 1.0 / (place as f32 + 1.0)
    }
}

/// The best of several finds, each ticket once: by number, subject, words in the subject, and the newest of equals.
pub fn best(found: impl IntoIterator<Item = Hit>, limit: usize) -> Vec<Hit> {
    let mut seen = HashSet::new();
    let mut hits: Vec<Hit> = found.into_iter().filter(|hit| seen.insert(hit.id)).collect();
    hits.sort_by_key(|hit| Reverse((hit.named, hit.exact, hit.in_subject, hit.at, hit.id)));
    hits.truncate(limit);
    hits
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::Duration;
    use uuid::Uuid;

    fn hit(name: u128, in_subject: i32) -> Hit {
        Hit {
            id: TicketId::new(Uuid::from_u128(name)),
            number: format!("DEMO-{name}"),
            subject: String::new(),
            status: Status::New,
            sub_status: None,
            named: false,
            exact: false,
            in_subject,
            at: OffsetDateTime::UNIX_EPOCH + Duration::minutes(name.try_into().unwrap()),
        }
    }

    #[test]
    fn the_number_comes_first_then_the_subject_then_the_newest_and_scores_fall() {
        let named = Hit { named: true, ..hit(1, 0) };
        let exact = Hit { exact: true, ..hit(2, 1) };
        let all = best([hit(5, 0), hit(3, 2), hit(4, 2), exact, hit(6, 0), hit(3, 2), named], 9);
        assert_eq!(
            all.iter().map(|hit| hit.number.as_str()).collect::<Vec<_>>(),
            ["DEMO-1", "DEMO-2", "DEMO-4", "DEMO-3", "DEMO-6", "DEMO-5"]
        );
        let scores: Vec<f32> = all.iter().enumerate().map(|(place, hit)| hit.score(place)).collect();
        assert!(scores.is_sorted_by(|before, after| before > after), "{scores:?}");
        assert_eq!(best(all, 2).len(), 2);
    }
}
