//! Which of those who wait are in the next batch: pure.

use crate::fair::Turns;

/// Who waits for a commit.
pub(super) trait Waiting {
    /// How many entries it brings, which commit together.
    fn entries(&self) -> usize;
    /// Whose turn it takes.
    fn portal(&self) -> &str;
    /// Whether nobody waits for the answer any more.
    fn is_late(&self) -> bool;
}

/// A batch, and who left before it cost anything.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Filled<G> {
    pub batch: Vec<G>,
    pub late: Vec<G>,
}

/// Takes groups in turns until `most` entries are full. A group that is larger than that goes alone.
pub(super) fn fill<G: Waiting>(waiting: &mut Turns<G>, most: usize) -> Filled<G> {
    let (mut filled, mut size) = (Filled { batch: Vec::new(), late: Vec::new() }, 0);
    while size < most
        && let Some(group) = waiting.pop()
    {
        if group.is_late() {
            filled.late.push(group);
            continue;
        }
        if size > 0 && size + group.entries() > most {
            let portal = group.portal().to_owned();
            waiting.put_back(&portal, group);
            break;
        }
        size += group.entries();
        filled.batch.push(group);
    }
    filled
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone, PartialEq, Eq)]
    struct Group {
        number: usize,
        portal: String,
        entries: usize,
        late: bool,
    }

    impl Waiting for Group {
        fn entries(&self) -> usize {
            self.entries
        }

        fn portal(&self) -> &str {
            &self.portal
        }

        fn is_late(&self) -> bool {
            self.late
        }
    }

    proptest! {
        /// Whoever waits is in a batch once, or leaves because nobody waits for it; no batch is too full,
        /// and each portal's groups keep their order.
        #[test]
        fn everybody_who_waits_is_in_one_batch(groups in prop::collection::vec((0_u8..4, 1_usize..40, prop::bool::weighted(0.1)), 1..80)) {
            const MOST: usize = 32;
            let groups: Vec<Group> = groups
                .into_iter()
                .enumerate()
                .map(|(number, (portal, entries, late))| Group { number, portal: portal.to_string(), entries, late })
                .collect();
            let mut waiting = Turns::default();
            groups.iter().for_each(|group| waiting.push(&group.portal, group.clone()));
            let (mut served, mut left) = (Vec::new(), Vec::new());
            while !waiting.is_empty() {
                let Filled { batch, late } = fill(&mut waiting, MOST);
                prop_assert!(!batch.is_empty() || !late.is_empty(), "each batch is a step forward");
                let size: usize = batch.iter().map(|group| group.entries).sum();
                prop_assert!(size <= MOST || batch.len() == 1);
                prop_assert!(batch.iter().all(|group| !group.late) && late.iter().all(|group| group.late));
                served.extend(batch);
                left.extend(late);
            }
            prop_assert_eq!(served.len() + left.len(), groups.len());
            for portal in 0..4 {
                let portal = portal.to_string();
                let of = |all: &[Group], late| -> Vec<usize> {
                    all.iter().filter(|group| group.portal == portal && group.late == late).map(|group| group.number).collect()
                };
                prop_assert_eq!(of(&served, false), of(&groups, false), "in the order in which they came");
                prop_assert_eq!(of(&left, true), of(&groups, true));
            }
        }

        #[test]
        fn a_quiet_portal_is_in_the_first_batch_however_much_another_wants(hog in 1_usize..400) {
            let mut waiting = Turns::default();
            let group = |number: usize, portal: &str| Group { number, portal: portal.to_owned(), entries: 1, late: false };
            (0..hog).for_each(|number| waiting.push("hog", group(number, "hog")));
            waiting.push("quiet", group(hog, "quiet"));
            prop_assert!(fill(&mut waiting, 32).batch.iter().any(|group| group.portal == "quiet"));
        }
    }
}
