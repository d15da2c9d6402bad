//! A mail comes once. It comes again, under its Message-ID, only where its sender died or could not note that it was sent: so often at most, and
//! no more mails than were on their way (I05).

use std::collections::BTreeMap;

use super::Scene;
use crate::history::Cut;

/// The file of a mail may be this many milliseconds older or younger than the note of the blow that met its sender.
const SLACK: u64 = 250;

/// One arrival of a mail.
#[derive(Debug, Clone, Copy)]
struct Arrival {
    /// Milliseconds since the history began.
    at: u64,
    /// Whether its sender was told.
    acknowledged: bool,
}

/// Arrivals by Message-ID.
type Arrivals = BTreeMap<String, Vec<Arrival>>;

/// Every mail of the stack, to whomever; when work has come to rest.
pub(super) fn only_what_was_cut_comes_again(scene: &Scene<'_>) {
    let mut arrivals = Arrivals::new();
    for mail in scene.world.mailbox().all() {
        assert!(!mail.message_id.is_empty(), "{} to {} has no Message-ID (I05)", mail.name, mail.to);
        let acknowledged = !scene.tolerance.unacknowledged.contains(&mail.name);
        let arrival = Arrival { at: scene.history.moment(mail.arrived), acknowledged };
        arrivals.entry(mail.message_id).or_default().push(arrival);
    }
    arrivals.values_mut().for_each(|times| times.sort_by_key(|arrival| arrival.at));
    if let Err(wrong) = all_are_explained(&arrivals, &scene.history.cuts()) {
        panic!("{wrong} (I05)");
    }
}

/// Each repeat belongs to the first cut after the arrival before it.
fn all_are_explained(arrivals: &Arrivals, cuts: &[Cut]) -> Result<(), String> {
    let mut mails = vec![0; cuts.len()];
    for (id, times) in arrivals {
        let mut used = vec![0; cuts.len()];
        for pair in times.windows(2) {
            let (first, again) = (pair[0], pair[1]);
            if !first.acknowledged {
                continue;
            }
            let met = |cut: &Cut| cut.to.saturating_add(SLACK) >= first.at && cut.from <= again.at + SLACK;
            let Some(place) = (0..cuts.len()).find(|place| met(&cuts[*place]) && used[*place] < cuts[*place].times) else {
                return Err(format!(
                    "mail {id} came at {} ms and again at {} ms, and no sender died that often between",
                    first.at, again.at
                ));
            };
            used[place] += 1;
            mails[place] += 1;
        }
    }
    match cuts.iter().zip(mails).find(|(cut, mails)| *mails > cut.mails) {
        Some((cut, mails)) => Err(format!("{mails} mails came again for {cut:?}")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn came(id: &str, times: &[u64]) -> (String, Vec<Arrival>) {
        (id.to_owned(), times.iter().map(|at| Arrival { at: *at, acknowledged: true }).collect())
    }

    fn kill(at: u64) -> Cut {
        Cut { from: at, to: at + 100, times: 1, mails: 2 }
    }

    #[test]
    fn a_mail_comes_again_once_for_each_kill_that_it_met() {
        let twice = Arrivals::from([came("a", &[1_000, 9_000])]);
        assert!(all_are_explained(&twice, &[kill(1_050)]).is_ok());
        assert!(all_are_explained(&twice, &[]).is_err(), "nobody died");
        assert!(all_are_explained(&twice, &[kill(20_000)]).is_err(), "somebody died when it was over");
        let thrice = Arrivals::from([came("a", &[1_000, 9_000, 17_000])]);
        assert!(all_are_explained(&thrice, &[kill(1_050)]).is_err(), "one died, and it came again twice");
        assert!(all_are_explained(&thrice, &[kill(1_050), kill(9_050)]).is_ok());
        assert!(all_are_explained(&thrice, &[Cut { times: 2, ..kill(1_050) }]).is_err(), "the second time nobody died");
    }

    #[test]
    fn no_more_mails_come_again_than_were_on_their_way() {
        let mails = |count: usize| (0..count).map(|number| came(&number.to_string(), &[1_000, 9_000])).collect::<Arrivals>();
        assert!(all_are_explained(&mails(2), &[kill(1_050)]).is_ok());
        assert!(all_are_explained(&mails(3), &[kill(1_050)]).is_err());
    }

    #[test]
    fn a_mail_without_an_acknowledgement_comes_once_more() {
        let untold = Arrival { at: 1_000, acknowledged: false };
        let told = |at: u64| Arrival { at, acknowledged: true };
        assert!(all_are_explained(&Arrivals::from([("a".to_owned(), vec![untold, told(9_000)])]), &[]).is_ok());
        assert!(all_are_explained(&Arrivals::from([("a".to_owned(), vec![untold, told(9_000), told(9_500)])]), &[]).is_err());
    }
}
