//! What a rolling restart or change of version must have left: tickets, files, answers and bells, each once.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::{Instant, sleep};

use super::listeners::Rung;
use super::rolling::Filed;
use crate::client::Client;
use crate::invariants::all_items;
use crate::load::Crowd;
use crate::wait;

/// A bell is heard within this time after its answer was acknowledged.
const BELLS: Duration = Duration::from_secs(30);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(500);
/// So many tickets are looked at side by side.
const AT_ONCE: usize = 8;

/// Waits until each of these answers rang at its customer's listener; what was not heard after [`BELLS`].
pub(super) async fn rang(crowd: &Crowd, answered: &[((usize, usize), String)], rung: &Rung) -> Vec<String> {
    let end = Instant::now() + BELLS;
    loop {
        let mut unheard = Vec::new();
        for (camp, people) in crowd.camps.iter().enumerate() {
            for (customer, client) in people.customers.iter().enumerate() {
                let items = all_items(client, "notifications?").await;
                let heard = |number: &str| {
                    let mut own = items.iter().filter(|item| item["ticket"] == number && item["kind"] == "ticket_update");
                    own.any(|item| item["id"].as_str().is_some_and(|id| rung.has(id)))
                };
                let missing = answered.iter().filter(|(place, number)| *place == (camp, customer) && !heard(number));
                unheard.extend(missing.map(|(place, number)| format!("no bell of {number} was heard by {place:?}")));
            }
        }
        if unheard.is_empty() || Instant::now() >= end {
            return unheard;
        }
        sleep(PAUSE).await;
    }
}

/// Each acknowledged ticket is there once, with its file and the agent's answer, each once.
pub(super) async fn are_there_once(id: &str, crowd: &Crowd, filed: &[Filed]) {
    let mut found: BTreeMap<((usize, usize), String), usize> = BTreeMap::new();
    for (place, camp) in crowd.camps.iter().enumerate() {
        for (customer, client) in camp.customers.iter().enumerate() {
            for item in all_items(client, "tickets?").await {
                *found.entry(((place, customer), item["subject"].as_str().unwrap_or_default().to_owned())).or_default() += 1;
            }
        }
    }
    for one in filed {
        let times = found.get(&(one.place, one.subject.clone())).copied().unwrap_or(0);
        assert_eq!(times, 1, "{} is there {times} times ({id})", one.subject);
    }
    let more = filed.iter().filter(|one| one.file.is_some() || one.said.is_some());
    let looks = more.map(|one| has_all(id, &crowd.camps[one.place.0].customers[one.place.1], one));
    stream::iter(looks).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
}

async fn has_all(id: &str, client: &Client, filed: &Filed) {
    let timeline = all_items(client, &format!("tickets/{}/timeline?", filed.number)).await;
    if let Some(said) = &filed.said {
        let times = timeline.iter().filter(|item| item["body"] == said.as_str()).count();
        assert_eq!(times, 1, "the answer to {} is there {times} times ({id})", filed.number);
    }
    let Some(content) = &filed.file else { return };
    let files: Vec<&str> = timeline
        .iter()
        .flat_map(|item| item["attachments"].as_array().into_iter().flatten())
        .filter_map(|file| file["id"].as_str())
        .collect();
    assert_eq!(files.len(), 1, "{} has one file ({id})", filed.number);
    wait::within(BELLS, &format!("the file of {} may be read", filed.number), async || {
        let answer = client.get(&format!("attachments/{}", files[0])).await;
        assert!(matches!(answer.status, 200 | 409), "{}: {} ({id})", answer.asked, answer.status);
        assert!(answer.status == 409 || answer.bytes == content.as_bytes(), "{} has another file ({id})", filed.number);
        (answer.status == 200).then_some(())
    })
    .await;
}
