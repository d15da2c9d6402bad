//! Where the time of one request goes: one customer, one request after the other, every one of them traced, and the medians of what the spans say.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use http::{HeaderValue, Request};
use portico_integration_tests::{World, WorldOptions};
use serde_json::json;
use uuid::Uuid;

use crate::cli::Options;
use crate::http::{self as client, Body, Connection};
use crate::measure::rounded;
use crate::programs;
use crate::spans::{Receiver, StepTime, median, steps};
use crate::stage::Stage;
use crate::table::Explained;
use crate::terminal::{self, Step};
use crate::words::Words;

/// Requests of each kind that count, and those before them.
const REQUESTS: usize = 200;
const WARMUP: usize = 20;
/// Comments on the ticket that is viewed.
const COMMENTS: u64 = 10;
/// The span that the requests come from.
const CALLER: u64 = 0x00f0_67aa_0ba9_02b7;

/// What was asked of one kind.
struct Asked {
    what: &'static str,
    traces: Vec<Vec<u8>>,
    took: Vec<Duration>,
}

/// Measures it in a stack of its own, whose services send every span here.
///
/// # Errors
/// When something is refused, or a request left no span.
pub async fn run(options: &Options) -> Result<Vec<Explained>> {
    if options.stack.is_some() {
        terminal::note("  (explain: left out, it needs a stack of its own)");
        return Ok(Vec::new());
    }
    programs::build()?;
    let receiver = Receiver::start()?;
    let step = Step::begin("a stack starts whose requests are traced");
    let environment = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint.as_str()),
        ("OTEL_BSP_SCHEDULE_DELAY", "200"),
        ("OTEL_TRACES_SAMPLER", "always_on"),
    ];
    let world = World::own_in(&WorldOptions::default(), &environment).await;
    step.done();
    let options = Options { people: 1, ..options.clone() };
    let stage = Stage::set(&world, &options, Arc::new(Words::new(options.seed))).await?;
    let asked = ask(&stage).await?;
    stage.settle().await?;
    let spans = receiver.all().await?;
    asked.iter().map(|asked| Ok(explained(asked, steps(&spans, &asked.traces, &CALLER.to_be_bytes())?))).collect()
}

/// Creates, replies, lists and views, one after the other.
async fn ask(stage: &Stage<'_>) -> Result<Vec<Asked>> {
    let [viewed, answered] = tickets(stage).await?;
    let people = &stage.people;
    let customer = people.customers.first().context("nobody is there")?;
    let bodies: Vec<_> = (0..REQUESTS + WARMUP).map(|about| stage.ticket(about as u64)).collect();
    let comment = |number: usize| json!({"body": bodies[number]["description"]});
    let (create, reply) = (people.api("tickets"), people.api(&format!("tickets/{answered}/comments")));
    let (list, view) = (people.api("tickets?limit=25"), people.api(&format!("tickets/{viewed}/timeline")));
    Ok(vec![
        one_by_one(stage, "create", |number| customer.post(&create, &bodies[number])).await?,
        one_by_one(stage, "reply", |number| customer.post(&reply, &comment(number))).await?,
        one_by_one(stage, "list", |_| customer.get(&list)).await?,
        one_by_one(stage, "view", |_| customer.get(&view)).await?,
    ])
}

/// A ticket with ten comments to be viewed, and one to be answered.
async fn tickets(stage: &Stage<'_>) -> Result<[String; 2]> {
    let (people, viewed) = (&stage.people, stage.own.first().context("nobody has a ticket")?.clone());
    let customer = people.customers.first().context("nobody is there")?;
    let path = people.api(&format!("tickets/{viewed}/comments"));
    for round in 0..COMMENTS {
        let who = if round.is_multiple_of(2) { &people.agent } else { customer };
        client::all(&stage.target, 1, vec![who.post(&path, &json!({"body": stage.words.text(round, 3, 40)}))]).await?;
    }
    let filed = client::all(&stage.target, 1, vec![customer.post(&people.api("tickets"), &stage.ticket(0))]).await?;
    let answer = filed.first().context("no answer")?.json()?;
    Ok([viewed, answer["number"].as_str().context("a ticket without a number")?.to_owned()])
}

async fn one_by_one(stage: &Stage<'_>, what: &'static str, ask: impl Fn(usize) -> Request<Body>) -> Result<Asked> {
    let step = Step::begin(format!("{what}: {REQUESTS} requests, one after the other"));
    let mut connection = Connection::new(&stage.target);
    let mut asked = Asked { what, traces: Vec::new(), took: Vec::new() };
    for number in 0..WARMUP + REQUESTS {
        let (mut request, trace) = (ask(number), Uuid::new_v4());
        let parent = format!("00-{:032x}-{CALLER:016x}-01", trace.as_u128());
        request.headers_mut().insert("traceparent", HeaderValue::from_str(&parent)?);
        let begun = Instant::now();
        let reply = connection.send(request).await;
        let took = begun.elapsed();
        ensure!(reply.is_ok(), "{what} was answered {}", reply.status);
        if number >= WARMUP {
            asked.traces.push(trace.as_bytes().to_vec());
            asked.took.push(took);
        }
    }
    step.done();
    Ok(asked)
}

fn explained(asked: &Asked, steps: Vec<StepTime>) -> Explained {
    let took = asked.took.iter().map(|took| took.as_secs_f64() * 1000.0).collect();
    Explained { request: asked.what.to_owned(), requests: asked.traces.len(), took_ms: rounded(median(took)), steps }
}
