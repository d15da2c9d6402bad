//! Free ports of 127.0.0.1.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::{Result, bail};

use crate::layout::Layout;

/// Below Linux's range for outgoing connections, so that no stranger's connection takes the port of a child that restarts.
const FIRST: u16 = 20_000;
/// How many ports there are to choose from.
const SPAN: u16 = 12_000;

/// Hands out ports that nobody listens on and that it has not handed out before.
#[derive(Debug)]
pub struct Ports {
    next: u16,
    given: BTreeSet<u16>,
}

impl Ports {
    /// Two checkouts begin at different places, so that they seldom even try the same port.
    pub fn new(layout: &Layout) -> Self {
        let print = layout.fingerprint();
        let start = u64::from_str_radix(&print[..8], 16).unwrap_or_default() % u64::from(SPAN);
        Self { next: u16::try_from(start).unwrap_or_default(), given: BTreeSet::new() }
    }

    /// The next free port.
    pub fn take(&mut self) -> Result<u16> {
        for _ in 0..SPAN {
            let port = FIRST + self.next;
            self.next = (self.next + 1) % SPAN;
            if !self.given.contains(&port) && free(port) {
                self.given.insert(port);
                return Ok(port);
            }
        }
        bail!("no free port between {FIRST} and {}", FIRST + SPAN)
    }

    /// A listener on the next port that can be had: what another program took a moment ago is passed over.
    pub async fn listen(&mut self) -> Result<tokio::net::TcpListener> {
        loop {
            if let Ok(listener) = tokio::net::TcpListener::bind(local(self.take()?)).await {
                return Ok(listener);
            }
        }
    }

    /// The wanted port, or the next free one above it when `strict` is false.
    pub fn take_public(&mut self, wanted: u16, strict: bool) -> Result<u16> {
        if wanted == 0 {
            return self.take();
        }
        if strict && !free(wanted) {
            bail!("port {wanted} is taken; choose another one with --port");
        }
        for port in wanted..=u16::MAX {
            if !self.given.contains(&port) && free(port) {
                self.given.insert(port);
                return Ok(port);
            }
        }
        bail!("no free port from {wanted} on")
    }
}

/// `127.0.0.1:port`.
pub fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

fn free(port: u16) -> bool {
    TcpListener::bind(local(port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_passed_over_unless_it_was_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::locate(Some(folder.path().to_path_buf()), None).unwrap();
        let mut ports = Ports::new(&layout);
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        assert!(ports.take_public(port, true).is_err());
        assert!(ports.take_public(port, false).unwrap() > port);
        assert_ne!(ports.take().unwrap(), ports.take().unwrap());
    }
}
