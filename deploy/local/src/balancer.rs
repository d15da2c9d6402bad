//! A balancer before two gateways: connections go to the ready replica with the fewest of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::ports::local;
use crate::terminal;

/// How often each replica is asked whether it may serve.
const ASK: Duration = Duration::from_millis(200);
/// A replica that does not answer within this time (a stopped process, for one) serves nobody.
const ANSWER: Duration = Duration::from_secs(1);
/// How long a connection to a replica may take.
const CONNECT: Duration = Duration::from_secs(1);
/// More than two gateways can serve; beyond it new connections wait in the kernel's queue.
const CONNECTIONS: usize = 8192;

/// One replica behind the balancer.
#[derive(Debug)]
struct Backend {
    port: u16,
    readyz: String,
    ready: AtomicBool,
    open: AtomicUsize,
    /// Goes up each time the replica stops answering at all, which cuts its connections.
    lost: watch::Sender<u64>,
}

/// The balancer; it serves until its task is dropped.
#[derive(Debug, Clone)]
pub struct Balancer {
    backends: Arc<Vec<Backend>>,
}

impl Balancer {
    /// Replicas by the port that they serve on and the URL that tells whether they are ready.
    pub fn new(replicas: impl IntoIterator<Item = (u16, String)>) -> Self {
        let backends = replicas
            .into_iter()
            .map(|(port, readyz)| Backend {
                port,
                readyz,
                ready: AtomicBool::new(false),
                open: AtomicUsize::new(0),
                lost: watch::Sender::new(0),
            })
            .collect();
        Self { backends: Arc::new(backends) }
    }

    /// Accepts connections and passes them on.
    pub async fn serve(self, listener: TcpListener) {
        let mut tasks = JoinSet::new();
        for index in 0..self.backends.len() {
            let balancer = self.clone();
            tasks.spawn(async move { balancer.ask(index).await });
        }
        loop {
            while tasks.try_join_next().is_some() {}
            if tasks.len() >= CONNECTIONS {
                let _ = tasks.join_next().await;
            }
            match listener.accept().await {
                Ok((stream, _)) => {
                    let balancer = self.clone();
                    tasks.spawn(async move { balancer.pass_on(stream).await });
                }
                Err(error) => {
                    terminal::note(format!("balancer: {error}"));
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn ask(&self, index: usize) {
        let Some(backend) = self.backends.get(index) else { return };
        let Ok(client) = reqwest::Client::builder().no_proxy().timeout(ANSWER).build() else { return };
        loop {
            let answer = client.get(&backend.readyz).send().await;
            let silent = answer.as_ref().is_err_and(reqwest::Error::is_timeout);
            let ready = answer.is_ok_and(|answer| answer.status().is_success());
            backend.ready.store(ready, Ordering::Relaxed);
            if silent {
                backend.lost.send_modify(|times| *times += 1);
            }
            tokio::time::sleep(ASK).await;
        }
    }

    async fn pass_on(&self, mut client: TcpStream) {
        let mut tried = Vec::new();
        while let Some((index, backend)) = self.choose(&tried) {
            tried.push(index);
            let Ok(Ok(mut server)) = timeout(CONNECT, TcpStream::connect(local(backend.port))).await else { continue };
            let _ = client.set_nodelay(true);
            let _ = server.set_nodelay(true);
            let mut lost = backend.lost.subscribe();
            backend.open.fetch_add(1, Ordering::Relaxed);
            tokio::select! {
                _ = copy_bidirectional(&mut client, &mut server) => {}
                _ = lost.changed() => {}
            }
            backend.open.fetch_sub(1, Ordering::Relaxed);
            return;
        }
    }

    /// The ready replica with the fewest connections that was not tried yet; when none is ready, any that was not tried.
    fn choose(&self, tried: &[usize]) -> Option<(usize, &Backend)> {
        let open = |backend: &Backend| backend.open.load(Ordering::Relaxed);
        let untried = || self.backends.iter().enumerate().filter(|(index, _)| !tried.contains(index));
        untried()
            .filter(|(_, backend)| backend.ready.load(Ordering::Relaxed))
            .min_by_key(|(_, backend)| open(backend))
            .or_else(|| untried().min_by_key(|(_, backend)| open(backend)))
    }
}
