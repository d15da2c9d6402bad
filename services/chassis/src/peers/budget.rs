//! How many calls of a channel may be sent again: a share of those that are sent. When a whole service is away it is not asked several times
//! as much as usual. Pure.

/// What sending a call again costs.
const REPEAT: u32 = 100;
/// What each call earns with its first sending: seven repeats for a hundred calls.
const EARNED: u32 = 7;
/// The most that is kept: thirty repeats, for what is in work at a process that goes away. A thousand calls are sent at most 1,100 times.
const RESERVE: u32 = 30 * REPEAT;

/// What is left to be spent.
#[derive(Debug)]
pub(super) struct Budget(u32);

impl Default for Budget {
    fn default() -> Self {
        Self(RESERVE)
    }
}

impl Budget {
    /// A call is sent for the first time.
    pub fn earn(&mut self) {
        self.0 = (self.0 + EARNED).min(RESERVE);
    }

    /// Whether a call may be sent again; if so, it is paid for.
    pub fn pay(&mut self) -> bool {
        let left = self.0.checked_sub(REPEAT);
        self.0 = left.unwrap_or(self.0);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What becomes of calls, each of which wants to be repeated so often: for each, how often it was.
    fn play(calls: &[u8]) -> Vec<u32> {
        let mut budget = Budget::default();
        let call = |wanted: &u8| {
            budget.earn();
            (0..*wanted).map(|_| u32::from(budget.pay())).sum::<u32>()
        };
        calls.iter().map(call).collect()
    }

    proptest! {
        /// Section 3.4: in whatever stretch of its life one looks at a channel, it repeats at most seven of a hundred calls, and thirty more.
        #[test]
        fn repeats_are_a_share_of_the_calls(calls in prop::collection::vec(0_u8..4, 1..600), from in 0_usize..600) {
            let repeats = play(&calls);
            let from = from.min(calls.len());
            let (sent, again) = ((calls.len() - from) as u32, repeats[from..].iter().sum::<u32>());
            prop_assert!(again * REPEAT <= RESERVE + sent * EARNED, "{again} of {sent}");
        }

        /// A call is refused its repeat only by an empty purse, and a purse fills again.
        #[test]
        fn few_repeats_are_always_allowed(pauses in prop::collection::vec(15_u8..40, 1..200)) {
            let mut budget = Budget::default();
            for pause in pauses {
                (0..pause).for_each(|_| budget.earn());
                prop_assert!(budget.pay(), "one in fifteen calls may be repeated for ever");
            }
        }
    }

    #[test]
    fn when_nobody_answers_a_thousand_calls_are_sent_1100_times() {
        assert_eq!(play(&[2; 1000]).iter().sum::<u32>(), 99);
        assert_eq!(play(&[1; 30]), [1; 30], "all that is in work at one process that goes away");
    }
}
