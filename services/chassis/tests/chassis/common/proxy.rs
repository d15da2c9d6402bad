//! Stands between a service and PostgreSQL, and goes silent or hangs up at the worst moment.

use std::net::SocketAddr;
use std::sync::Arc;

use portico_chassis::config::Secret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How sqlx says COMMIT.
const COMMIT: &[u8] = b"COMMIT\0";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Forward,
    /// Nothing comes through in either direction, and nobody hangs up.
    Silent,
    /// The next COMMIT does not arrive, and the connection ends.
    CutBeforeCommit,
    /// The next COMMIT arrives, its answer does not, and the connection ends.
    CutAfterCommit,
}

#[derive(Clone)]
pub struct Proxy {
    pub address: SocketAddr,
    mode: Arc<watch::Sender<Mode>>,
}

impl Proxy {
    /// Listens in front of the database that `url` names; returns the URL to be used instead.
    #[allow(clippy::disallowed_methods, reason = "it lives as long as its test")]
    pub async fn before(url: &Secret) -> (Self, Secret) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (head, rest) = url.expose().split_once('@').unwrap();
        let (database, path) = rest.split_once('/').unwrap();
        let proxied = Secret::new(format!("{head}@{address}/{path}"));
        let proxy = Self { address, mode: Arc::new(watch::channel(Mode::Forward).0) };
        let (own, database) = (proxy.clone(), database.to_owned());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (own, database) = (own.clone(), database.clone());
                tokio::spawn(async move {
                    let server = TcpStream::connect(&database).await.unwrap();
                    own.pump(client, server).await;
                });
            }
        });
        (proxy, proxied)
    }

    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    async fn pump(&self, mut client: TcpStream, mut server: TcpStream) {
        let (mut up, mut down) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
        loop {
            tokio::select! {
                read = client.read(&mut up) => {
                    let Ok(n @ 1..) = read else { return };
                    self.open().await;
                    let mode = *self.mode.borrow();
                    let commits = up[..n].windows(COMMIT.len()).any(|window| window == COMMIT);
                    if commits && mode == Mode::CutBeforeCommit {
                        self.set(Mode::Forward);
                        return;
                    }
                    if server.write_all(&up[..n]).await.is_err() { return }
                    if commits && mode == Mode::CutAfterCommit {
                        // The answer is read, so the commit is over, and is not passed on.
                        let _ = server.read(&mut down).await;
                        self.set(Mode::Forward);
                        return;
                    }
                }
                read = server.read(&mut down) => {
                    let Ok(n @ 1..) = read else { return };
                    self.open().await;
                    if client.write_all(&down[..n]).await.is_err() { return }
                }
            }
        }
    }

    /// Waits for the end of a silence.
    async fn open(&self) {
        let _ = self.mode.subscribe().wait_for(|mode| *mode != Mode::Silent).await;
    }
}
