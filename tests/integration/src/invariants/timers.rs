//! A timer takes effect once, never early, and soon after an outage (I07); when it meets a person, one of them wins and the order shows (I08).

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{AT_ONCE, PARITY, Scene, Ticket, all_items};
use crate::client::Client;
use crate::history::{History, Kind};
use crate::load::AUTO_RESOLVE;
use crate::wait;

/// A timer is at most this late while nothing is broken.
const LATE: Duration = Duration::from_secs(10);
/// A timer is at most this late after the fault that it met.
const LATE_AFTER_FAULT: Duration = Duration::from_secs(30);

/// Milliseconds that no history lasts.
const FOREVER: u64 = 1 << 40;

/// Timelines by portal and number.
pub(super) type Timelines = BTreeMap<(String, String), Vec<Value>>;

/// Reads the timeline of each acknowledged ticket, once its timer has had its time.
pub(super) async fn timelines(scene: &Scene<'_>) -> Timelines {
    let (tickets, replies) = (scene.tickets(), scene.replies());
    let waits = |ticket: &Ticket<'_>| {
        let answered = replies.contains_key(&(ticket.camp.slug.as_str(), ticket.number.as_str()));
        // Whoever answers in time stops the timer.
        answered && scene.about("answer_back", ticket).all(|back| back.outcome == Kind::Fail)
    };
    let each: Vec<_> = tickets.iter().map(|ticket| timeline(ticket, waits(ticket))).collect();
    stream::iter(each).buffer_unordered(AT_ONCE).collect().await
}

/// The timeline of a ticket; of one that waits for its customer, after its timer.
async fn timeline(ticket: &Ticket<'_>, waits: bool) -> ((String, String), Vec<Value>) {
    let what = format!("the timer resolves {} (I07)", ticket.number);
    let items = wait::within(PARITY, &what, async || {
        let items = read(ticket.who(), &ticket.number).await;
        // An answer without acknowledgement may have been taken all the same.
        (!waits || items.iter().any(resolved_by_timer)).then_some(items)
    })
    .await;
    ((ticket.camp.slug.clone(), ticket.number.clone()), items)
}

/// A ticket's timeline as somebody sees it, oldest first.
pub(super) async fn read(who: &Client, number: &str) -> Vec<Value> {
    all_items(who, &format!("tickets/{number}/timeline?")).await
}

pub(super) fn resolved_by_timer(item: &Value) -> bool {
    item["actor"]["role"] == "system" && item["to"] == "resolved"
}

fn at(item: &Value) -> OffsetDateTime {
    OffsetDateTime::parse(item["at"].as_str().unwrap_or_default(), &Rfc3339).expect("an item has a time")
}

/// By the database's clock, which is the machine's.
pub(super) fn each_took_effect_once_and_in_time(scene: &Scene<'_>, timelines: &Timelines) {
    for ((_, number), timeline) in timelines {
        let resolved: Vec<&Value> = timeline.iter().filter(|item| resolved_by_timer(item)).collect();
        assert!(resolved.len() <= 1, "{number} was resolved {} times (I07)", resolved.len());
        let Some(resolved) = resolved.first().map(|item| at(item)) else { continue };
        let waiting = timeline.iter().filter(|item| item["to"] == "waiting_customer").map(at).max();
        let waiting = waiting.unwrap_or_else(|| panic!("{number} was resolved without having waited (I07): {timeline:?}"));
        let due = waiting + Duration::from_secs(AUTO_RESOLVE.into());
        // Times are told in whole milliseconds.
        assert!(resolved + Duration::from_millis(1) >= due, "{number} was resolved at {resolved}, before {due} (I07)");
        let latest = latest(&scene.history, due);
        assert!(resolved <= latest, "{number} was due at {due}, resolved at {resolved}, after {latest} (I07)");
    }
}

/// By when a timer must have taken effect: soon, or soon after the faults that it met.
fn latest(history: &History, due: OffsetDateTime) -> OffsetDateTime {
    let mut faults = history.faults();
    faults.sort_unstable();
    let mut latest = due + LATE;
    for (begun, ended) in faults {
        let over = history.at(ended.min(FOREVER)) + LATE_AFTER_FAULT;
        if history.at(begun) <= latest && over >= due {
            latest = latest.max(over);
        }
    }
    latest
}

/// I08: each status follows the one before it, so a timer never resolves what its customer had answered.
pub(super) fn one_wins_and_the_order_shows(timelines: &Timelines) {
    for ((_, number), timeline) in timelines {
        if let Err(wrong) = in_order(timeline) {
            panic!("{number} (I08): {wrong}; {timeline:?}");
        }
    }
}

fn in_order(timeline: &[Value]) -> Result<(), String> {
    let mut now = timeline.iter().find_map(|item| item["from"].as_str()).unwrap_or_default();
    let mut answered = false;
    for item in timeline {
        let (Some(from), Some(to)) = (item["from"].as_str(), item["to"].as_str()) else {
            answered |= now == "waiting_customer" && item["kind"] == "comment" && item["actor"]["role"] == "customer";
            continue;
        };
        if from != now {
            return Err(format!("it went from {from} to {to} and was {now}"));
        }
        if resolved_by_timer(item) && (now != "waiting_customer" || answered) {
            return Err(format!("a timer resolved what was {now}, answered by its customer: {answered}"));
        }
        now = to;
        answered = false;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::history::Operation;

    fn moved(from: &str, to: &str, role: &str) -> Value {
        json!({"kind": "status_change", "from": from, "to": to, "actor": {"role": role}})
    }

    #[test]
    fn a_timer_loses_against_the_customer_who_answered_first() {
        let waits = moved("new", "waiting_customer", "agent");
        let words = json!({"kind": "comment", "actor": {"role": "customer"}});
        let (answers, resolves) =
            (moved("waiting_customer", "pending_support", "customer"), moved("waiting_customer", "resolved", "system"));
        assert!(in_order(&[waits.clone(), words.clone(), answers.clone()]).is_ok());
        assert!(in_order(&[waits.clone(), resolves.clone(), words.clone(), moved("resolved", "pending_support", "customer")]).is_ok());
        assert!(in_order(&[waits.clone(), words.clone(), answers, resolves.clone()]).is_err());
        assert!(in_order(&[waits, words, resolves]).is_err());
    }

    #[test]
    fn a_timer_has_ten_seconds_and_thirty_after_the_faults_that_it_met() {
        let fault = |begun: u64, ended: u64| Operation {
            client: "fault".into(),
            op: "fault".into(),
            key: begun.to_string(),
            portal: String::new(),
            begun,
            ended: Some(ended),
            outcome: Kind::Ok,
            asked: Value::Null,
            told: Value::Null,
        };
        let began_at = OffsetDateTime::UNIX_EPOCH;
        let history = History { began_at, operations: vec![fault(5_000, 20_000), fault(45_000, 60_000), fault(200_000, 201_000)] };
        let after = |seconds: u64| history.at(seconds * 1_000);
        assert_eq!(latest(&history, after(1)), after(90), "it met the first, and the second while it had time");
        assert_eq!(latest(&history, after(95)), after(105), "it met none");
        assert_eq!(latest(&history, after(195)), after(231));
    }
}
