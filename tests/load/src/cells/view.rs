//! A ticket with ten comments: its timeline as JSON, the ticket and its timeline as a program reads both, and its page.

use std::sync::Arc;

use anyhow::{Context, Result};
use http::{HeaderValue, header};
use serde_json::json;

use super::list::with_cookie;
use crate::closed::{Ask, Turn};
use crate::http as client;
use crate::stage::{PREPARING, Stage};
use crate::words::{mix, pick};

/// Callers at once, and the people whose tickets are read.
const AT_ONCE: usize = 16;
/// Tickets of each.
const TICKETS: usize = 8;
/// Comments on each.
const COMMENTS: u64 = 10;

/// Measures all three.
///
/// # Errors
/// When the loop breaks.
pub async fn run(stage: &mut Stage<'_>) -> Result<()> {
    let numbers = Arc::new(prepare(stage).await?);
    stage.settle().await?;
    let asked_bare = bare(stage, &numbers);
    let bare = stage.measure_bare("the same two queries", AT_ONCE, asked_bare).await?;
    let timeline = json_of(stage, &numbers, "/timeline");
    let tally = stage.measure("view as JSON", AT_ONCE, std::slice::from_ref(&timeline)).await?;
    let row = stage.row("view_json", "view a ticket with 10 comments, JSON", AT_ONCE).tally(&tally).note("its timeline, one request");
    stage.push(row.at_least("per_second", 2500.0).compared(&bare, 0.5));
    // Two requests that follow each other are no open loop.
    if stage.options.rate.is_none() {
        let both = stage.measure("view as JSON, ticket and timeline", AT_ONCE, &[json_of(stage, &numbers, ""), timeline]).await?;
        let row = stage.row("view_json_both", "view a ticket with 10 comments, JSON, the ticket and then its timeline", AT_ONCE);
        stage.push(row.tally(&both).note("two requests a view"));
    }
    let page = stage.measure("view as a page", AT_ONCE, &[page(stage, &numbers).await?]).await?;
    let row = stage.row("view_html", "view a ticket with 10 comments, HTML", AT_ONCE).tally(&page);
    stage.push(row.at_least("per_second", 2000.0).compared(&bare, 0.5));
    Ok(())
}

/// Numbers by person: each has tickets on which they and an agent took turns.
async fn prepare(stage: &Stage<'_>) -> Result<Vec<Vec<String>>> {
    let path = stage.people.api("tickets");
    let people = &stage.people.customers[..AT_ONCE];
    let asks =
        people.iter().flat_map(|person| (0..TICKETS as u64).map(|about| person.post(&path, &stage.ticket(about))).collect::<Vec<_>>());
    let made = client::all(&stage.target, PREPARING, asks.collect()).await?;
    let numbers: Vec<String> = made
        .iter()
        .map(|reply| Ok(reply.json()?["number"].as_str().context("a ticket without a number")?.to_owned()))
        .collect::<Result<_>>()?;
    // One comment on every ticket, then the next on every ticket: nobody waits for anybody.
    for round in 0..COMMENTS {
        let comment = |(index, number): (usize, &String)| {
            let who = if round.is_multiple_of(2) { &stage.people.agent } else { &people[index / TICKETS] };
            who.post(&stage.people.api(&format!("tickets/{number}/comments")), &json!({"body": stage.words.text(round, 3, 40)}))
        };
        client::all(&stage.target, PREPARING, numbers.iter().enumerate().map(comment).collect()).await?;
    }
    Ok(numbers.chunks(TICKETS).map(<[String]>::to_vec).collect())
}

/// Which of a worker's tickets.
fn chosen(numbers: &[Vec<String>], seed: u64, turn: Turn) -> (usize, &str) {
    let person = pick(turn.worker, numbers.len());
    (person, numbers[person][pick(mix(seed, turn.worker, turn.count), TICKETS)].as_str())
}

fn json_of(stage: &Stage<'_>, numbers: &Arc<Vec<Vec<String>>>, rest: &'static str) -> Ask {
    let (people, seed, numbers) = (stage.people.clone(), stage.options.seed, Arc::clone(numbers));
    Arc::new(move |turn: Turn| {
        let (person, number) = chosen(&numbers, seed, turn);
        people.customers[person].get(&people.api(&format!("tickets/{number}{rest}")))
    })
}

async fn page(stage: &Stage<'_>, numbers: &Arc<Vec<Vec<String>>>) -> Result<Ask> {
    let (people, seed, numbers) = (stage.people.clone(), stage.options.seed, Arc::clone(numbers));
    let path = move |turn: Turn| people.page(&format!("requests/{}", chosen(&numbers, seed, turn).1));
    Ok(with_cookie(stage.cookies(AT_ONCE).await?, path))
}

fn bare(stage: &Stage<'_>, numbers: &Arc<Vec<Vec<String>>>) -> Ask {
    let (people, seed, numbers) = (stage.people.clone(), stage.options.seed, Arc::clone(numbers));
    Arc::new(move |turn: Turn| {
        let (person, number) = chosen(&numbers, seed, turn);
        let path = format!("/ticket?person={}&number={number}", people.customers[person].id);
        client::get(&path, header::USER_AGENT, HeaderValue::from_static("load"))
    })
}
