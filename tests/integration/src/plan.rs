//! What the load does, decided by a seed: the same seed makes the same rounds with the same keys and words.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

/// One round of work in one portal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Round {
    /// A customer files a ticket, an agent answers, both read it.
    Ticket {
        /// Whether it has a file.
        file: bool,
        /// What else happens to it.
        turn: Turn,
    },
    /// A topic, a post below it, a comment on an article and a word about its use.
    Talk,
    /// Somebody signs in, looks, loses the session, and tries the old token again.
    SignIn {
        /// How it ends.
        end: End,
    },
    /// Somebody searches and lists.
    Search,
    /// An agent publishes an article; a customer looks for it.
    Article {
        /// Whether it is withdrawn before that.
        withdrawn: bool,
    },
    /// Somebody without rights tries to read.
    Stranger,
}

/// What happens to a ticket besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Nothing.
    None,
    /// The agent writes an internal note, which no customer may hear of.
    Note,
    /// Its customer shares it with another one, and takes that back before the agent answers.
    Share,
    /// Its customer answers at the moment in which a timer would resolve it.
    AnswerBack,
}

/// How a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The person signs out.
    SignOut,
    /// An administrator suspends the person.
    Suspend,
    /// The person sets another password in another session.
    NewPassword,
}

/// The seed's plan.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// The seed.
    pub seed: u64,
}

/// One step of the plan.
#[derive(Debug)]
pub struct Step {
    /// Which one.
    pub number: u64,
    /// Which of the portals, of two.
    pub camp: usize,
    /// Which customer; to be taken modulo their number.
    pub customer: usize,
    /// What is done.
    pub round: Round,
    draw: StdRng,
}

impl Plan {
    /// The seed of `PORTICO_TEST_SEED`, or a random one.
    pub fn from_env() -> Self {
        let given = std::env::var("PORTICO_TEST_SEED").ok();
        let seed = given.map(|text| text.parse().expect("PORTICO_TEST_SEED is a number"));
        Self { seed: seed.unwrap_or_else(|| u64::from(rand::random::<u32>())) }
    }

    /// What round a number has.
    pub fn step(&self, number: u64) -> Step {
        let mut draw = StdRng::seed_from_u64(self.seed ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let (camp, customer) = (draw.random_range(0..2), draw.random_range(0..1000));
        let round = match draw.random_range(0..21) {
            0..10 => Round::Ticket { file: draw.random_range(0..3) == 0, turn: turn(&mut draw) },
            10..13 => Round::Talk,
            13..15 => Round::SignIn { end: end(&mut draw) },
            15..19 => Round::Search,
            19 => Round::Article { withdrawn: draw.random_range(0..2) == 0 },
            _ => Round::Stranger,
        };
        Step { number, camp, customer, round, draw }
    }

    /// A generator for what a fault decides, apart from the load's.
    pub fn faults(&self) -> StdRng {
        StdRng::seed_from_u64(!self.seed)
    }

    /// A generator for which faults there are, apart from both.
    pub fn picks(&self) -> StdRng {
        StdRng::seed_from_u64(self.seed.rotate_left(32))
    }
}

fn turn(draw: &mut StdRng) -> Turn {
    match draw.random_range(0..8) {
        0 => Turn::Note,
        1 => Turn::Share,
        2 | 3 => Turn::AnswerBack,
        _ => Turn::None,
    }
}

fn end(draw: &mut StdRng) -> End {
    match draw.random_range(0..3) {
        0 => End::SignOut,
        1 => End::Suspend,
        _ => End::NewPassword,
    }
}

impl Step {
    /// The next idempotency key.
    pub fn key(&mut self) -> String {
        Uuid::from_u128(self.draw.random()).to_string()
    }

    /// Milliseconds from 0 to before `below`.
    pub fn millis(&mut self, below: u64) -> Duration {
        Duration::from_millis(self.draw.random_range(0..below))
    }

    /// Words that occur nowhere else in the run; they hold the portal's slug, which must be seen in no other portal.
    pub fn words(&self, what: &str, slug: &str) -> String {
        format!("{what} {} of {slug}", self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_plan_and_every_round_occurs() {
        let keys = |seed: u64| (0..200).map(|number| Plan { seed }.step(number).key()).collect::<Vec<_>>();
        assert_eq!(keys(7), keys(7));
        assert_ne!(keys(7), keys(8));
        let rounds: Vec<Round> = (0..800).map(|number| Plan { seed: 7 }.step(number).round).collect();
        let tickets = [Turn::None, Turn::Note, Turn::Share, Turn::AnswerBack].into_iter();
        let mut all: Vec<Round> = tickets.flat_map(|turn| [true, false].map(|file| Round::Ticket { file, turn })).collect();
        all.extend([End::SignOut, End::Suspend, End::NewPassword].map(|end| Round::SignIn { end }));
        all.extend([true, false].map(|withdrawn| Round::Article { withdrawn }));
        all.extend([Round::Talk, Round::Search, Round::Stranger]);
        for wanted in all {
            assert!(rounds.contains(&wanted), "{wanted:?}");
        }
    }
}
