//! What must hold when everything has been whole for a while.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::databases::{Inbox, Journal, POISON, Passed};

/// I03: versions and positions have neither gap nor double, table and journal agree, and what was acknowledged is there.
pub fn journal(journal: &Journal, acknowledged: &[Uuid]) -> Result<(), String> {
    let mut reached: BTreeMap<Uuid, i64> = BTreeMap::new();
    let mut before = String::new();
    for (index, row) in journal.rows.iter().enumerate() {
        let version = reached.entry(row.aggregate_id.parse::<Uuid>().map_err(|_| "no aggregate")?).or_default();
        *version += 1;
        let expected = (index as i64 + 1, before.as_str(), *version);
        if (row.position, row.previous_event_id.as_str(), row.version) != expected {
            return Err(format!("row {} of the journal is {row:?}, not {expected:?}", index + 1));
        }
        before.clone_from(&row.event_id);
    }
    if reached != journal.versions {
        return Err("the versions in the table are not those of the journal".to_owned());
    }
    let events: BTreeSet<&str> = journal.rows.iter().map(|row| row.event_id.as_str()).collect();
    if events.len() != journal.rows.len() {
        return Err("an event is in the journal twice".to_owned());
    }
    match acknowledged.iter().find(|event| !events.contains(event.to_string().as_str())) {
        Some(lost) => Err(format!("event {lost} was acknowledged and is not in the journal")),
        None => Ok(()),
    }
}

/// I05: a consumer has each event once and in order; only poison and what follows it on its aggregate is put aside (I18).
pub fn inbox(name: &str, inbox: &Inbox, journal: &Journal) -> Result<(), String> {
    let mut poisoned = BTreeSet::new();
    for (index, row) in journal.rows.iter().enumerate() {
        if row.actor == POISON {
            poisoned.insert(row.aggregate_id.as_str());
        }
        let expected = Passed {
            position: row.position,
            event_id: row.event_id.clone(),
            aggregate_id: row.aggregate_id.clone(),
            parked: poisoned.contains(row.aggregate_id.as_str()),
        };
        match inbox.passed.get(index) {
            Some(passed) if *passed == expected => {}
            other => return Err(format!("{name}: effect {} is {other:?}, not {expected:?}", index + 1)),
        }
    }
    let more = inbox.passed.len() - journal.rows.len();
    if more > 0 {
        return Err(format!("{name}: {more} effects too many"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use portico_proto::events::v1::Envelope;

    use super::*;

    fn journal_of(count: u128) -> Journal {
        let aggregate = Uuid::from_u128(7);
        let id = |number: u128| if number == 0 { String::new() } else { Uuid::from_u128(number).to_string() };
        let row = |number: u128| Envelope {
            event_id: id(number),
            previous_event_id: id(number - 1),
            position: number as i64,
            aggregate_id: aggregate.to_string(),
            version: number as i64,
            ..Envelope::default()
        };
        Journal { rows: (1..=count).map(row).collect(), versions: BTreeMap::from([(aggregate, count as i64)]), ..Journal::default() }
    }

    fn inbox_of(journal: &Journal) -> Inbox {
        let passed = |row: &Envelope| Passed {
            position: row.position,
            event_id: row.event_id.clone(),
            aggregate_id: row.aggregate_id.clone(),
            parked: false,
        };
        Inbox { passed: journal.rows.iter().map(passed).collect(), ..Inbox::default() }
    }

    #[test]
    fn what_is_right_passes_and_each_wrong_is_found() {
        let right = journal_of(4);
        assert_eq!(journal(&right, &[Uuid::from_u128(4)]), Ok(()));
        assert_eq!(inbox("a", &inbox_of(&right), &right), Ok(()));
        assert!(journal(&right, &[Uuid::from_u128(5)]).is_err(), "lost");
        let spoilt: [fn(&mut Journal); 4] = [
            |journal| _ = journal.rows.remove(1),
            |journal| journal.rows[2].version = 2,
            |journal| journal.rows[2].previous_event_id.clear(),
            |journal| journal.versions.clear(),
        ];
        for spoil in spoilt {
            let mut wrong = journal_of(4);
            spoil(&mut wrong);
            assert!(journal(&wrong, &[]).is_err());
        }
        let spoilt: [fn(&mut Inbox); 5] = [
            |inbox| _ = inbox.passed.remove(1),
            |inbox| _ = inbox.passed.pop(),
            |inbox| inbox.passed.swap(0, 1),
            |inbox| inbox.passed.push(inbox.passed[0].clone()),
            |inbox| inbox.passed[3].parked = true,
        ];
        for spoil in spoilt {
            let mut wrong = inbox_of(&right);
            spoil(&mut wrong);
            assert!(inbox("a", &wrong, &right).is_err());
        }
    }
}
