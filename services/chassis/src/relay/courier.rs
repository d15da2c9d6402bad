//! What the relay does next, from what database and broker said: pure, so that a simulation can cut it off anywhere.

use std::time::Duration;

/// Rows in one go: the window of unacknowledged messages.
pub const PAGE: i64 = 256;
/// When nobody wakes the relay it looks by itself.
pub const TICK: Duration = Duration::from_millis(100);
/// Pause after the broker refused.
pub const BACKOFF: Duration = Duration::from_millis(500);
/// How long one page may take, with the broker's answers.
pub const PATIENCE: Duration = Duration::from_secs(15);
/// Rows that are published again when the stream was lost: consumers heal the rest themselves.
const REWIND: i64 = 1000;

/// What a pass has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing: everything is handed over.
    Rest,
    /// Find the stream at the broker, or make it; then publish after [`Courier::found`].
    Find,
    /// Publish the rows after the mark.
    Publish,
}

/// What the relay knows of its broker, which may forget everything at any moment.
#[derive(Debug, Default)]
pub struct Courier {
    stream_known: bool,
}

impl Courier {
    /// What to do when the mark is at `published` and the journal's head at `head`.
    pub fn step(&self, published: i64, head: i64) -> Step {
        if published >= head {
            Step::Rest
        } else if self.stream_known {
            Step::Publish
        } else {
            Step::Find
        }
    }

    /// The stream is there; whether it `existed` or was made just now. Returns the position after which to publish: a new stream gets the
    /// last rows again, and the mark goes back first.
    pub fn found(&mut self, existed: bool, published: i64) -> i64 {
        self.stream_known = true;
        if existed { published } else { (published - REWIND).max(0) }
    }

    /// The broker refused or did not answer: the stream may be gone.
    pub fn lost(&mut self) {
        self.stream_known = false;
    }
}

/// A page that is on its way to the broker.
#[derive(Debug)]
pub struct Window {
    last: i64,
    unanswered: usize,
}

impl Window {
    /// Rows in order; `None` without a row.
    pub fn of(positions: impl Iterator<Item = i64>) -> Option<Self> {
        let (mut count, mut last) = (0, None);
        positions.for_each(|position| (count, last) = (count + 1, Some(position)));
        last.map(|last| Self { last, unanswered: count })
    }

    /// The broker has taken one more.
    pub fn taken(&mut self) {
        self.unanswered = self.unanswered.saturating_sub(1);
    }

    /// Where the mark goes; `None` while the broker has not taken all of it.
    pub fn mark(&self) -> Option<i64> {
        (self.unanswered == 0).then_some(self.last)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What happens around one pass.
    #[derive(Debug, Clone)]
    enum Turn {
        /// The journal grows.
        Append(i64),
        /// A pass of which the broker takes so many rows before it falls silent.
        Pass(usize),
        /// The broker loses everything.
        Wipe,
    }

    fn turns() -> impl Strategy<Value = Vec<Turn>> {
        let turn = prop_oneof![
            3 => (1_i64..700).prop_map(Turn::Append),
            4 => prop_oneof![Just(usize::MAX), 0_usize..300].prop_map(Turn::Pass),
            1 => Just(Turn::Wipe),
        ];
        prop::collection::vec(turn, 0..40)
    }

    #[derive(Default)]
    struct World {
        courier: Courier,
        head: i64,
        published: i64,
        /// The newest row that the broker has, if it has the stream; 0 for an empty one.
        stream: Option<i64>,
        /// Every row up to this one was taken at some time.
        ever: i64,
    }

    impl World {
        /// As the relay's pass; true when it went well and there was something.
        fn pass(&mut self, mut taking: usize) -> bool {
            let from = match self.courier.step(self.published, self.head) {
                Step::Rest => return false,
                Step::Find => {
                    let from = self.courier.found(self.stream.is_some(), self.published);
                    self.stream.get_or_insert(0);
                    self.published = from;
                    from
                }
                Step::Publish => self.published,
            };
            let rows = from + 1..=self.head.min(from + PAGE);
            let Some(mut window) = Window::of(rows.clone()) else { return false };
            for row in rows {
                let Some(stream) = self.stream.as_mut().filter(|_| taking > 0) else {
                    self.courier.lost();
                    assert_eq!(window.mark(), None, "what the broker did not take is not marked");
                    return false;
                };
                taking -= 1;
                *stream = row.max(*stream);
                assert!(row <= self.ever + 1, "no row is left out");
                self.ever = row.max(self.ever);
                window.taken();
            }
            self.published = window.mark().unwrap();
            true
        }
    }

    proptest! {
        /// I04: whatever the broker refuses and loses, the mark covers only rows that it took, and in the end it has the last ones.
        #[test]
        fn the_mark_covers_what_was_taken_and_a_lost_stream_is_filled_again(turns in turns()) {
            let mut world = World::default();
            for turn in turns {
                match turn {
                    Turn::Append(rows) => world.head += rows,
                    Turn::Pass(taking) => _ = world.pass(taking),
                    Turn::Wipe => world.stream = None,
                }
                prop_assert!(world.published <= world.ever);
            }
            // The first pass may find that the stream is gone; the later ones fill it.
            world.head += 1;
            let mut passes = 0;
            while world.courier.step(world.published, world.head) != Step::Rest {
                world.pass(usize::MAX);
                passes += 1;
                prop_assert!(passes < 200, "it comes to an end");
            }
            prop_assert_eq!(world.published, world.head);
            prop_assert_eq!(world.stream, Some(world.head), "the newest row is at the broker");
        }
    }

    #[test]
    fn a_new_stream_gets_the_last_thousand_rows_again() {
        let mut courier = Courier::default();
        assert_eq!(courier.step(5000, 5001), Step::Find);
        assert_eq!(courier.found(false, 5000), 4000);
        assert_eq!(courier.step(4000, 5001), Step::Publish);
        courier.lost();
        assert_eq!((courier.found(true, 5000), Courier::default().found(false, 7)), (5000, 0));
        assert_eq!(courier.step(5001, 5001), Step::Rest);
    }
}
