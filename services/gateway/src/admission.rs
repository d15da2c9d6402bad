//! Who is let in when there is too much to do. All requests together have a bound; before each part of the product stands a gate of its own, so
//! that a service that answers slowly holds up nobody who wants something of another one.

use std::time::{Duration, Instant};

use axum::http::{Method, StatusCode};
use chassis::error::Error;
use chassis::fair::{Share, Shares};

use crate::gate::{self, Gate, Place};
use crate::pace::Pace;

/// Reads begin with so many at once and learn how many are right …
const BEGIN: usize = 16;
/// … but never fewer than this …
const LEAST: usize = 8;
/// … where searches are among them: they cost most and matter less.
const LEAST_SEARCHES: usize = 4;
/// Writes at once: they wait for the disk together, so that many at once cost little more than one, and few at once would.
const WRITES: usize = 64;
/// Sign-ins and what else tries a password or a token, at once: they wait for their turn in identity, which knows what they cost.
const CREDENTIALS: usize = 256;
/// Of a burst so many wait at a gate.
const MOST_WAITING: usize = 256;

/// How much a request matters when there is too much to do: the less, the earlier it is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Suggestions, counters.
    Extra,
    /// Search.
    Search,
    /// Everything that reads.
    Read,
    /// Sign-in and everything that writes.
    Write,
}

impl Weight {
    /// The part of the places, in percent, that this weight may fill.
    fn part(self) -> usize {
        match self {
            Self::Extra => 40,
            Self::Search => 60,
            Self::Read => 85,
            Self::Write => 100,
        }
    }
}

/// The part of the product that a request is mostly about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// Requests for support.
    Tickets,
    /// Articles, search and suggestions.
    Knowledge,
    /// Forums.
    Community,
    /// The account, people, news, settings: everything else.
    Account,
}

impl Area {
    /// By the part of the path behind the portal.
    pub fn of(part: Option<&str>) -> Self {
        match part.unwrap_or_default() {
            "tickets" | "requests" | "drafts" | "catalog" => Self::Tickets,
            "articles" | "article-categories" | "kb" | "search" | "suggest" => Self::Knowledge,
            "topics" | "forums" | "community" | "moderation" => Self::Community,
            _ => Self::Account,
        }
    }
}

/// What a request looks like from outside, as far as letting it in is concerned.
#[derive(Debug, Clone, Copy)]
pub struct Knock<'a> {
    /// Whose places it takes; empty: of what belongs to no portal.
    pub portal: &'a str,
    /// Where it goes.
    pub area: Area,
    /// How much it matters.
    pub weight: Weight,
    /// Carries a file: how long it takes is up to somebody's line. It passes no gate.
    pub file: bool,
}

/// All the gates, and the bound on everything.
#[derive(Debug)]
pub struct Admission {
    all: Shares,
    most: usize,
    gates: [(&'static str, Gate); 8],
}

/// A request that is let in; dropping it makes room for the next.
#[derive(Debug)]
pub struct Admitted {
    _all: Share,
    place: Option<Place>,
}

impl Admission {
    /// At most `most` requests in work or waiting, files among them.
    pub fn new(most: usize) -> Self {
        let (most, now) = (most.max(1), Instant::now());
        let reads = |least| Gate::new(Pace::new(BEGIN, least, most, now), MOST_WAITING);
        let fixed = |at_once| Gate::new(Pace::new(at_once, at_once, at_once, now), MOST_WAITING);
        let gates = [
            ("tickets", reads(LEAST)),
            ("tickets_write", fixed(WRITES)),
            ("knowledge", reads(LEAST_SEARCHES)),
            ("knowledge_write", fixed(WRITES)),
            ("community", reads(LEAST)),
            ("community_write", fixed(WRITES)),
            ("account", reads(LEAST)),
            ("account_write", fixed(CREDENTIALS)),
        ];
        Self { all: Shares::new(most), most, gates }
    }

    /// Lets a request in, perhaps after a short wait.
    ///
    /// # Errors
    /// 503 when this weight's part of the places, or the portal's, is taken.
    pub async fn enter(&self, knock: Knock<'_>) -> Result<Admitted, Error> {
        let part = knock.weight.part();
        let within = (self.most * part / 100).max(1);
        let all = self.all.take_within(knock.portal, within).ok_or_else(gate::overloaded)?;
        let place = if knock.file { None } else { Some(self.gate(knock).enter(knock.portal, part).await?) };
        Ok(Admitted { _all: all, place })
    }

    /// Requests in work or waiting.
    pub fn now(&self) -> usize {
        self.all.now()
    }

    /// Each gate by its name.
    pub fn gates(&self) -> impl Iterator<Item = &(&'static str, Gate)> {
        self.gates.iter()
    }

    fn gate(&self, knock: Knock<'_>) -> &Gate {
        &self.gates[knock.area as usize * 2 + usize::from(knock.weight == Weight::Write)].1
    }
}

impl Admitted {
    /// It was answered: a success of a route, by its pattern, tells the gate how fast the answers are now.
    pub fn answered(self, route: Option<&str>, status: StatusCode) {
        if let (Some(place), Some(route), true) = (self.place, route, status.is_success()) {
            place.answered(route);
        }
    }

    /// It takes long, so it waits for something else than a processor: it counts as being worked on, but holds up nobody at the gate any more.
    pub fn is_slow(&mut self, route: Option<&str>) {
        if let (Some(place), Some(route)) = (self.place.take(), route) {
            place.answered(route);
        }
    }
}

/// After how long a request [is slow](Admitted::is_slow).
pub const SLOW: Duration = Duration::from_millis(250);

/// What a request of this method weighs, by the part of its path behind the portal.
pub fn weight(method: &Method, part: Option<&str>) -> Weight {
    match part {
        Some("suggest") => Weight::Extra,
        Some("search") => Weight::Search,
        _ if crate::csrf::is_write(method) => Weight::Write,
        _ => Weight::Read,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knock(portal: &str, area: Area, weight: Weight) -> Knock<'_> {
        Knock { portal, area, weight, file: false }
    }

    /// Whether a request is let in at once.
    async fn tries(admission: &Admission, knock: Knock<'_>) -> Option<Admitted> {
        tokio::time::timeout(Duration::from_millis(10), admission.enter(knock)).await.ok()?.ok()
    }

    #[tokio::test(start_paused = true)]
    async fn under_pressure_suggestions_go_first_and_writes_last() {
        let admission = Admission::new(10);
        let file = Knock { file: true, ..knock("demo", Area::Account, Weight::Write) };
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(admission.enter(file).await.unwrap());
        }
        assert!(tries(&admission, knock("demo", Area::Knowledge, Weight::Extra)).await.is_none());
        for _ in 0..4 {
            held.push(admission.enter(knock("demo", Area::Tickets, Weight::Read)).await.unwrap());
        }
        assert!(tries(&admission, knock("demo", Area::Knowledge, Weight::Search)).await.is_none());
        assert!(tries(&admission, knock("demo", Area::Tickets, Weight::Read)).await.is_none());
        assert!(tries(&admission, knock("demo", Area::Tickets, Weight::Write)).await.is_some());
        drop(held);
        assert_eq!(admission.now(), 0);
    }

    /// S66i: one portal that asks for everything is turned away before the others are.
    #[tokio::test(start_paused = true)]
    async fn a_portal_that_floods_leaves_room_for_the_others_s66i() {
        let admission = Admission::new(90);
        let mut flood = Vec::new();
        while let Some(one) = tries(&admission, knock("hog", Area::Account, Weight::Write)).await {
            flood.push(one);
        }
        assert!(flood.len() < 90);
        let refused = admission.enter(knock("hog", Area::Account, Weight::Write)).await.unwrap_err();
        assert_eq!((refused.http_status(), refused.retry_after()), (503, Some(Duration::from_secs(1))));
        assert!(tries(&admission, knock("demo", Area::Account, Weight::Write)).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_slow_holds_up_neither_its_own_part_nor_another() {
        let admission = Admission::new(1000);
        let read = |area| knock("demo", area, Weight::Read);
        let mut hung = Vec::new();
        while let Some(one) = tries(&admission, read(Area::Tickets)).await {
            hung.push(one);
        }
        assert_eq!(hung.len(), BEGIN);
        assert!(tries(&admission, read(Area::Community)).await.is_some());
        assert!(tries(&admission, knock("demo", Area::Tickets, Weight::Write)).await.is_some());
        hung.iter_mut().for_each(|one| one.is_slow(Some("list")));
        assert!(tries(&admission, read(Area::Tickets)).await.is_some());
        assert_eq!(admission.now(), BEGIN);
    }

    #[test]
    fn each_part_of_the_product_has_its_gates() {
        let admission = Admission::new(100);
        for (area, name) in
            [(Area::Tickets, "tickets"), (Area::Knowledge, "knowledge"), (Area::Community, "community"), (Area::Account, "account")]
        {
            let named = |weight| {
                let gate = admission.gate(knock("demo", area, weight));
                admission.gates().find(|(_, other)| std::ptr::eq(gate, other)).unwrap().0
            };
            assert_eq!((named(Weight::Read), named(Weight::Write)), (name, format!("{name}_write").as_str()));
        }
        assert_eq!(
            [Some("kb"), Some("requests"), Some("forums"), None].map(Area::of),
            [Area::Knowledge, Area::Tickets, Area::Community, Area::Account]
        );
    }
}
