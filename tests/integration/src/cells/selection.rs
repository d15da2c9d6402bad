//! What every `./test` plays of the matrix, on one bench: a few cells that the seed picks.

use rand::seq::IndexedRandom;

use super::{CELLS, Cell};
use crate::plan::Plan;

/// A place of the selection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// The rolling restart.
    Restart,
    /// Killed processes.
    Kill,
    /// A fail-point.
    Point,
    /// A server that is killed.
    Server,
    /// One more of those that are quick.
    More,
}

impl Pick {
    /// In the order of playing. The restart is first: what it shows is judged without the faults of others.
    const ALL: [Self; 5] = [Self::Restart, Self::Kill, Self::Point, Self::Server, Self::More];
}

/// One cell for each place, of those that can be played here.
pub fn selection(plan: Plan) -> Vec<&'static Cell> {
    let mut draw = plan.picks();
    let mut picked = Vec::new();
    for pick in Pick::ALL {
        let fit: Vec<&Cell> = CELLS.iter().filter(|cell| cell.pick == Some(pick) && cell.need.missing().is_none()).collect();
        picked.extend(fit.choose(&mut draw).copied());
    }
    picked
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_seed_always_picks_the_same_and_no_cell_is_forgotten() {
        let names = |seed: u64| selection(Plan { seed }).iter().map(|cell| cell.name).collect::<Vec<_>>();
        assert_eq!(names(7), names(7));
        let ids: Vec<&str> = names(7).iter().filter_map(|name| name.split(' ').next()).collect();
        assert_eq!(ids[..2], ["F04", "F01"], "{ids:?}");
        let ever: BTreeSet<&str> = (0..300).flat_map(names).collect();
        let all = CELLS.iter().filter(|cell| cell.pick.is_some() && cell.need.missing().is_none());
        assert_eq!(ever, all.map(|cell| cell.name).collect::<BTreeSet<_>>());
    }
}
