//! Ports of 127.0.0.1, reserved for as long as a stack lives.
//!
//! The public port is bound at once and the listening socket is kept: nobody else gets it, not even while the gateway is started again. The
//! other ports are bound by the children, some seconds later and again whenever one is restarted; until then a locked file says that they are
//! spoken for, so that two stacks that start at the same moment never choose the same one.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::layout::Layout;

/// Below Linux's range for outgoing connections, so that no stranger's connection takes the port of a child that restarts.
const FIRST: u16 = 20_000;
/// How many ports there are to choose from.
const SPAN: u16 = 12_000;
/// One file a port, shared by all stacks of this machine, whoever started them.
const RESERVATIONS: &str = "/tmp/portico-ports";

/// Hands out ports that nobody listens on and that no living stack has reserved. Dropping it gives the reservations back.
#[derive(Debug)]
pub struct Ports {
    next: u16,
    reservations: PathBuf,
    /// The lock goes with the process, however it ends.
    given: BTreeMap<u16, File>,
}

impl Ports {
    /// Two checkouts begin at different places, so that they seldom even try the same port.
    pub fn new(layout: &Layout) -> Result<Self> {
        let print = layout.fingerprint();
        let start = u64::from_str_radix(&print[..8], 16).unwrap_or_default() % u64::from(SPAN);
        Self::beginning_at(u16::try_from(start).unwrap_or_default(), Path::new(RESERVATIONS))
    }

    fn beginning_at(next: u16, reservations: &Path) -> Result<Self> {
        open_folder(reservations).with_context(|| format!("{} cannot be made", reservations.display()))?;
        Ok(Self { next, reservations: reservations.to_path_buf(), given: BTreeMap::new() })
    }

    /// The next free port.
    pub fn take(&mut self) -> Result<u16> {
        for _ in 0..SPAN {
            let port = FIRST + self.next;
            self.next = (self.next + 1) % SPAN;
            if self.given.contains_key(&port) {
                continue;
            }
            // Reserved first, then looked at: of two stacks that want the same port only one looks.
            if let Some(reservation) = reserve(&self.reservations, port)
                && TcpListener::bind(local(port)).is_ok()
            {
                self.given.insert(port, reservation);
                return Ok(port);
            }
        }
        bail!("no free port between {FIRST} and {}", FIRST + SPAN)
    }

    /// A listener on the next port that can be had: what another program took a moment ago is passed over.
    pub fn listen(&mut self) -> Result<TcpListener> {
        loop {
            if let Ok(listener) = TcpListener::bind(local(self.take()?)) {
                return Ok(listener);
            }
        }
    }

    /// A listener on the wanted port, or on the next free one above it when `strict` is false; 0 means any.
    pub fn listen_public(&mut self, wanted: u16, strict: bool) -> Result<TcpListener> {
        if wanted == 0 {
            return self.listen();
        }
        for port in wanted..=u16::MAX {
            match TcpListener::bind(local(port)) {
                Ok(listener) => return Ok(listener),
                Err(error) if strict => return Err(error).with_context(|| format!("port {port} is taken; choose another one with --port")),
                Err(_) => {}
            }
        }
        bail!("no free port from {wanted} on")
    }
}

/// `127.0.0.1:port`.
pub fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// A folder in which everybody may make files and only their owners may remove them.
fn open_folder(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    match std::fs::create_dir(folder) {
        Ok(()) => std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o1777)),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// The locked file of a port; none when another stack has it. Reading is enough for a lock, also on another user's file.
fn reserve(folder: &Path, port: u16) -> Option<File> {
    let path = folder.join(port.to_string());
    // `create_new` follows no link that a stranger may have put there; another stack may have made the file meanwhile.
    let make = || OpenOptions::new().create_new(true).write(true).open(&path);
    let file = File::open(&path).or_else(|_| make()).or_else(|_| File::open(&path)).ok()?;
    file.try_lock().ok().map(|()| file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_passed_over_unless_it_was_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let mut ports = Ports::beginning_at(7_000, folder.path()).unwrap();
        let taken = TcpListener::bind(local(0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let refused = ports.listen_public(port, true).unwrap_err();
        assert!(refused.to_string().contains("--port"), "{refused}");
        assert!(ports.listen_public(port, false).unwrap().local_addr().unwrap().port() > port);
        assert_ne!(ports.take().unwrap(), ports.take().unwrap());
    }

    #[test]
    fn two_stacks_that_start_at_the_same_moment_share_no_port() {
        let folder = tempfile::tempdir().unwrap();
        // The same beginning is the worst case; nobody listens yet on what the other was given.
        let mut one = Ports::beginning_at(7_100, folder.path()).unwrap();
        let mut two = Ports::beginning_at(7_100, folder.path()).unwrap();
        let (first, second) = (one.take().unwrap(), two.take().unwrap());
        assert_ne!(first, second);
        drop(one);
        let mut three = Ports::beginning_at(7_100, folder.path()).unwrap();
        assert_eq!(three.take().unwrap(), first, "what a stack reserved is free when it is gone");
    }

    #[test]
    fn two_stacks_that_want_the_same_public_port_get_two() {
        let folder = tempfile::tempdir().unwrap();
        let mut ports = Ports::beginning_at(7_200, folder.path()).unwrap();
        let wanted = ports.take().unwrap();
        let (one, two) = (ports.listen_public(wanted, false).unwrap(), ports.listen_public(wanted, false).unwrap());
        assert_ne!(one.local_addr().unwrap(), two.local_addr().unwrap());
    }
}
