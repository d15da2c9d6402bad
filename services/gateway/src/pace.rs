//! How many requests to work on at once, learnt from how long their answers take: more as long as that costs nobody time, fewer as soon as they
//! only wait for each other. The method is that of TCP Vegas; pure, time comes as an argument.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// A look at the answers takes at least so long …
const LOOK: Duration = Duration::from_millis(100);
/// … and at least so many answers; fewer tell nothing.
const ANSWERS: u32 = 20;
/// For so long the fastest answer of a route is what an unhurried one takes; a change of load or of machines is learnt within twice this.
const MEMORY: Duration = Duration::from_secs(15);
/// Of those that are worked on, so many may be waiting for the others: with fewer there is room for one more, with more there are too many.
const WAITING: std::ops::RangeInclusive<f64> = 4.0..=8.0;
/// The step up or down, as a part of the number.
const STEP: f64 = 0.1;

/// The number of requests to work on at once, between two bounds.
#[derive(Debug)]
pub struct Pace {
    at_once: f64,
    least: f64,
    most: f64,
    look: Look,
    fastest: HashMap<Box<str>, Fastest>,
    remembered: Instant,
}

/// What was seen since the last decision.
#[derive(Debug)]
struct Look {
    begun: Instant,
    answers: u32,
    /// Sum of what an unhurried answer takes, divided by what these took.
    unhurried: f64,
    /// Whether all places were taken at some moment: a number that is not used up must not grow.
    full: bool,
}

/// The fastest answer of a route, of this stretch of memory and of the one before.
#[derive(Debug, Clone, Copy)]
struct Fastest {
    now: Duration,
    before: Duration,
}

impl Pace {
    /// Begins at `begin`, and stays between `least` and `most`, one at least.
    pub fn new(begin: usize, least: usize, most: usize, now: Instant) -> Self {
        let (least, most) = (number(least.max(1)), number(most.max(least).max(1)));
        Self { at_once: number(begin).clamp(least, most), least, most, look: Look::new(now), fastest: HashMap::new(), remembered: now }
    }

    /// How many to work on at once.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Between one and `most`.
    pub fn at_once(&self) -> usize {
        self.at_once as usize
    }

    /// All places are taken.
    pub fn full(&mut self) {
        self.look.full = true;
    }

    /// An answer of a route, by its pattern, took so long.
    pub fn answered(&mut self, route: &str, took: Duration, now: Instant) {
        let took = took.max(Duration::from_micros(1));
        let fastest = self.learn(route, took, now);
        self.look.answers += 1;
        self.look.unhurried += fastest.as_secs_f64() / took.as_secs_f64();
        if self.look.answers >= ANSWERS && now.saturating_duration_since(self.look.begun) >= LOOK {
            self.decide();
            self.look = Look::new(now);
        }
    }

    fn decide(&mut self) {
        let waiting = self.at_once * (1.0 - self.look.unhurried / f64::from(self.look.answers));
        let step = (self.at_once * STEP).max(1.0);
        if waiting > *WAITING.end() {
            self.at_once -= step;
        } else if waiting < *WAITING.start() && self.look.full {
            self.at_once += step;
        }
        self.at_once = self.at_once.clamp(self.least, self.most);
    }

    /// Keeps the fastest answer of a route; returns what an unhurried one takes.
    fn learn(&mut self, route: &str, took: Duration, now: Instant) -> Duration {
        if now.saturating_duration_since(self.remembered) >= MEMORY {
            self.remembered = now;
            self.fastest.retain(|_, fastest| fastest.now < Duration::MAX);
            self.fastest.values_mut().for_each(|fastest| *fastest = Fastest { now: Duration::MAX, before: fastest.now });
        }
        let Some(fastest) = self.fastest.get_mut(route) else {
            self.fastest.insert(route.into(), Fastest { now: took, before: took });
            return took;
        };
        fastest.now = fastest.now.min(took);
        fastest.now.min(fastest.before)
    }
}

impl Look {
    fn new(begun: Instant) -> Self {
        Self { begun, answers: 0, unhurried: 0.0, full: false }
    }
}

#[allow(clippy::cast_precision_loss)] // Some thousands.
fn number(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    /// Machines that do one request alone in a millisecond and so many side by side; beyond that each waits for the others.
    struct Machines {
        side_by_side: usize,
        now: Instant,
    }

    impl Machines {
        fn answer(&mut self, pace: &mut Pace, asked_at_once: usize, seconds: u32) {
            let end = self.now + Duration::from_secs(seconds.into());
            while self.now < end {
                let working = pace.at_once().min(asked_at_once);
                if asked_at_once >= pace.at_once() {
                    pace.full();
                }
                let took = MILLISECOND.mul_f64(number(working) / number(self.side_by_side.min(working)));
                self.now += took / u32::try_from(working).unwrap();
                pace.answered("list", took, self.now);
            }
        }
    }

    fn begin() -> (Pace, Instant) {
        let now = Instant::now();
        (Pace::new(16, 8, 512, now), now)
    }

    #[test]
    fn small_machines_get_few_at_once_and_large_ones_many() {
        let reached = |side_by_side| {
            let (mut pace, now) = begin();
            let mut machines = Machines { side_by_side, now };
            machines.answer(&mut pace, 1, 1);
            machines.answer(&mut pace, 1000, 20);
            pace.at_once()
        };
        assert!((8..=12).contains(&reached(2)), "{}", reached(2));
        assert!((60..=80).contains(&reached(64)), "{}", reached(64));
    }

    #[test]
    fn a_number_that_is_not_used_up_stays() {
        let (mut pace, now) = begin();
        Machines { side_by_side: 64, now }.answer(&mut pace, 4, 20);
        assert_eq!(pace.at_once(), 16);
    }

    #[test]
    fn it_never_leaves_its_bounds() {
        let (mut pace, now) = begin();
        pace.answered("list", MILLISECOND, now);
        for step in 1..1000 {
            pace.full();
            pace.answered("list", MILLISECOND * 500, now + MILLISECOND * 10 * step);
        }
        assert_eq!(pace.at_once(), 8);
        let mut machines = Machines { side_by_side: 5000, now: now + MEMORY };
        machines.answer(&mut pace, 5000, 60);
        assert_eq!(pace.at_once(), 512);
    }

    #[test]
    fn a_slow_route_is_measured_by_itself() {
        let (mut pace, now) = begin();
        for step in 1..1000 {
            pace.full();
            let (route, took) = if step % 2 == 0 { ("page", MILLISECOND * 40) } else { ("list", MILLISECOND) };
            pace.answered(route, took, now + MILLISECOND * 10 * step);
        }
        assert!(pace.at_once() > 16, "{}", pace.at_once());
    }

    #[test]
    fn what_takes_longer_for_good_is_learnt() {
        let (mut pace, now) = begin();
        pace.answered("list", MILLISECOND, now);
        let mut machines = Machines { side_by_side: 64, now };
        machines.answer(&mut pace, 1000, 5);
        let before = pace.at_once();
        for step in 1..8_000 {
            pace.full();
            pace.answered("list", MILLISECOND * 3, machines.now + MILLISECOND * 5 * step);
        }
        assert!(pace.at_once() >= before, "{} {before}", pace.at_once());
    }
}
