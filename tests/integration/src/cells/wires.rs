//! One direction between two parts is lost, pair by pair: whoever is configured to call somebody, everybody and the broker, each service and its
//! database (F26).

use std::collections::BTreeMap;
use std::time::Duration;

use rand::seq::SliceRandom;
use tokio::time::sleep;

use super::bench::{Bench, SERVICES};
use crate::cluster::{address_of, at};
use crate::proxy::{Flow, Proxy};

/// How long each lost direction lasts.
const EACH: Duration = Duration::from_secs(5);
/// So many pairs before everybody signs in again: a token lives for five minutes.
const AT_A_TIME: usize = 6;

/// A caller and what it calls: a service, `nats` or `postgres`.
type Pair = (&'static str, &'static str);

/// Every pair there is: whom services ask is the table in docs/ARCHITECTURE.md, which is compared with the code elsewhere.
fn pairs() -> Vec<Pair> {
    let text = include_str!("../../../../docs/ARCHITECTURE.md");
    let (_, table) = text.split_once("| asks over gRPC |").expect("the table of services");
    let mut pairs = Vec::new();
    for row in table.lines().skip(2).take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.split('|').collect();
        let caller = SERVICES.into_iter().find(|service| cells[1].contains(&format!("[{service}]"))).expect("a service in each row");
        let asked = without_brackets(cells[3]);
        let words: Vec<&str> = asked.split(|letter: char| !letter.is_alphanumeric()).collect();
        let named = |service: &str| words.contains(&service) || words.contains(&"everybody") || service == "identity";
        pairs.extend(SERVICES.into_iter().filter(|one| *one != "gateway" && *one != caller && named(one)).map(|one| (caller, one)));
        pairs.push((caller, "nats"));
        if caller != "gateway" {
            pairs.push((caller, "postgres"));
        }
    }
    pairs
}

fn without_brackets(text: &str) -> String {
    let mut depth = 0_usize;
    let outside = |letter: &char| {
        depth = match letter {
            '(' => depth + 1,
            ')' => depth.saturating_sub(1),
            _ => depth,
        };
        depth == 0
    };
    text.chars().filter(outside).collect()
}

/// Between each pair first what is asked gets lost, then what is answered.
pub(super) async fn one_way(bench: &mut Bench) {
    let mut order = pairs();
    let wires = wire(bench, &order).await;
    order.shuffle(&mut bench.setting.plan.faults());
    for some in order.chunks(AT_A_TIME) {
        let (crowd, rate) = bench.load().await;
        let breaking = async {
            bench.calm().await;
            for pair in some {
                lose(bench, *pair, wires.get(pair).expect("wires of the pair")).await;
            }
        };
        crowd.during(rate, Box::pin(breaking)).await;
    }
    bench.note = format!("{} pairs, both ways", order.len());
    bench.was_felt();
}

async fn lose(bench: &mut Bench, pair: Pair, proxies: &[Proxy]) {
    // Only so does nobody learn of the end of a session.
    let away: &[&str] = if matches!(pair, ("gateway", "identity") | ("identity", "postgres")) { &["identity"] } else { &[] };
    for flow in [Flow::NothingThere, Flow::NothingBack] {
        let name = format!("{} to {}: {flow:?}", pair.0, pair.1);
        bench.begins(&name, away);
        proxies.iter().for_each(|proxy| proxy.set(flow));
        sleep(EACH).await;
        proxies.iter().for_each(|proxy| proxy.set(Flow::Open));
        bench.heals(&name).await;
    }
}

/// Puts proxies between the pairs.
async fn wire(bench: &Bench, all: &[Pair]) -> BTreeMap<Pair, Vec<Proxy>> {
    let world = &bench.world;
    let status = world.status();
    let mut wires = BTreeMap::new();
    for caller in SERVICES {
        let mut variables: Vec<(String, String)> = Vec::new();
        for pair in all.iter().copied().filter(|pair| pair.0 == caller) {
            let mut proxies = Vec::new();
            match pair.1 {
                "nats" => {
                    let url = status["nats"].as_str().expect("the broker's URL").replace("nats://", "@");
                    proxies.push(Proxy::before(address_of(&url)).await);
                    variables.push(("PORTICO_NATS_URL".to_owned(), format!("nats://{}", proxies[0].address)));
                }
                "postgres" => {
                    let dsn = world.dsn(caller);
                    proxies.push(Proxy::before(address_of(&dsn)).await);
                    variables.push(("PORTICO_DATABASE_URL".to_owned(), at(&dsn, proxies[0].address)));
                }
                service => {
                    for process in world.replicas(service) {
                        let address = status["grpc"][process.as_str()].as_str().expect("a gRPC address");
                        proxies.push(Proxy::before(address.parse().expect("an address")).await);
                    }
                    let urls: Vec<String> = proxies.iter().map(|proxy| format!("http://{}", proxy.address)).collect();
                    variables.push((format!("PORTICO_PEERS__{}", service.to_ascii_uppercase()), urls.join(",")));
                }
            }
            wires.insert(pair, proxies);
        }
        if variables.is_empty() {
            continue;
        }
        let variables: Vec<(&str, &str)> = variables.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        for process in world.replicas(caller) {
            world.arm(&process, &variables);
        }
        world.restart(caller).await;
    }
    wires
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_is_in_the_table() {
        let pairs = pairs();
        let calls = pairs.iter().filter(|pair| SERVICES.contains(&pair.1)).count();
        assert_eq!((pairs.len(), calls), (27, 16), "{pairs:?}");
        for pair in
            [("identity", "notifier"), ("knowledge", "community"), ("notifier", "identity"), ("gateway", "notifier"), ("community", "nats")]
        {
            assert!(pairs.contains(&pair), "{pair:?}");
        }
        assert!(!pairs.contains(&("community", "tickets")));
    }
}
