//! A name that stands for several processes: a headless service of Kubernetes, or a list of addresses in DNS.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};
use tonic::transport::Endpoint;
use url::{Host, Url};

use super::endpoint;
use super::replicas::Replicas;
use crate::run::{Boot, Phase};

/// How often a name is looked up: a process that came or went is known by then.
const LOOK: Duration = Duration::from_secs(2);
/// How long a name server may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The name and port of an address that may stand for several processes. With TLS it stands for itself: the certificate has the name.
pub(super) fn named(address: &str) -> Option<(String, u16)> {
    let url = Url::parse(address).ok().filter(|url| url.scheme() == "http")?;
    let Some(Host::Domain(name)) = url.host() else { return None };
    Some((name.to_owned(), url.port_or_known_default()?))
}

/// Keeps the processes of a service those that its name stands for. Until the first answer of the name server the name itself is the address.
pub(super) fn follow<C>(boot: &Boot<C>, replicas: Replicas, name: String, port: u16) {
    boot.tasks.spawn_vital(Phase::Serve, "addresses", move |stop| async move {
        let mut tick = interval(LOOK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = stop.cancelled() => return,
            }
            tokio::select! {
                () = look(&replicas, &name, port) => {}
                () = stop.cancelled() => return,
            }
        }
    });
}

/// Looks a name up once; what cannot be looked up stays as it was.
async fn look(replicas: &Replicas, name: &str, port: u16) {
    let found = match timeout(PATIENCE, tokio::net::lookup_host((name, port))).await {
        Ok(Ok(found)) => found.collect::<Vec<_>>(),
        Ok(Err(error)) => return tracing::debug!(peer = name, %error, "a peer's name was not found"),
        Err(_) => return tracing::debug!(peer = name, "the name server keeps silent"),
    };
    let endpoints: Vec<Endpoint> = uris(name, port, found).iter().filter_map(|uri| endpoint(uri).ok()).collect();
    replicas.set(&endpoints);
}

/// Where the processes are. One with an address of each family is one process, not two: it keeps its name, and the connection tries both.
fn uris(name: &str, port: u16, found: Vec<SocketAddr>) -> Vec<String> {
    let families = [found.iter().any(SocketAddr::is_ipv4), found.iter().any(SocketAddr::is_ipv6)];
    match of_one_family(found).as_slice() {
        [_] if families == [true, true] => vec![format!("http://{name}:{port}")],
        addresses => addresses.iter().map(|address| format!("http://{address}")).collect(),
    }
}

/// The family with more addresses; on a tie that of the first answer, which the system prefers.
fn of_one_family(found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let preferred = found.first().is_some_and(SocketAddr::is_ipv4);
    let (mut first, mut other): (Vec<_>, Vec<_>) = found.into_iter().partition(|address| address.is_ipv4() == preferred);
    for family in [&mut first, &mut other] {
        family.sort_unstable();
        family.dedup();
    }
    if other.len() > first.len() { other } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_tls_may_stand_for_several_and_an_address_for_one() {
        assert_eq!(named("http://portico-tickets:7000"), Some(("portico-tickets".to_owned(), 7000)));
        assert_eq!(named("http://tickets"), Some(("tickets".to_owned(), 80)));
        for address in ["http://127.0.0.1:7000", "http://[::1]:7000", "https://portico-tickets:7000"] {
            assert_eq!(named(address), None, "{address}");
        }
    }

    #[tokio::test]
    async fn a_name_is_looked_up_and_an_unknown_one_changes_nothing() {
        let replicas = Replicas::new(&[endpoint("http://127.0.0.9:7000").unwrap()]);
        look(&replicas, "no\0body", 7000).await;
        assert_eq!(replicas.uris(), ["http://127.0.0.9:7000/"]);
        look(&replicas, "localhost", 7000).await;
        let found = replicas.uris();
        let known = ["http://localhost:7000/", "http://127.0.0.1:7000/", "http://[::1]:7000/"];
        assert!(found.len() == 1 && known.contains(&found[0].as_str()), "one process, whatever addresses it has: {found:?}");
    }

    #[test]
    fn two_families_are_not_taken_for_two_processes() {
        let uris = |found: &[&str]| uris("tickets", 7000, found.iter().map(|address| address.parse().unwrap()).collect());
        assert_eq!(uris(&[]), Vec::<String>::new());
        assert_eq!(uris(&["10.0.0.1:7000"]), ["http://10.0.0.1:7000"]);
        assert_eq!(uris(&["[::1]:7000", "127.0.0.1:7000"]), ["http://tickets:7000"]);
        assert_eq!(
            uris(&["[fd00::2]:7000", "10.0.0.2:7000", "[fd00::1]:7000", "10.0.0.1:7000"]),
            ["http://[fd00::1]:7000", "http://[fd00::2]:7000"]
        );
        assert_eq!(uris(&["10.0.0.2:7000", "[fd00::2]:7000", "[fd00::1]:7000"]), ["http://[fd00::1]:7000", "http://[fd00::2]:7000"]);
        assert_eq!(
            uris(&["10.0.0.2:7000", "10.0.0.2:7000", "10.0.0.1:7000", "[fd00::1]:7000"]),
            ["http://10.0.0.1:7000", "http://10.0.0.2:7000"]
        );
    }
}
