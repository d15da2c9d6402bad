//! A TCP proxy between two processes: lets all pass, holds one direction back as a partition of one way does, or cuts.
//!
//! What is held back is not lost: it goes on when the partition is healed, as TCP's retransmissions do.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What a trickle lets through at once, in bytes, and how often.
const DROP: usize = 1024;
const DRIP: Duration = Duration::from_millis(50);

/// What the proxy lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Everything.
    Open,
    /// Nothing from the caller to the called; new connections hang.
    NothingThere,
    /// Nothing back: the called hears and its answers get lost.
    NothingBack,
    /// Nothing at all.
    Nothing,
    /// Everything, some twenty kilobytes a second back to the caller: a consumer that is slow.
    Trickle,
}

impl Flow {
    fn there(self) -> bool {
        matches!(self, Self::Open | Self::NothingBack | Self::Trickle)
    }

    fn back(self) -> bool {
        matches!(self, Self::Open | Self::NothingThere | Self::Trickle)
    }
}

/// The proxy; it lives as long as the runtime of its test.
#[derive(Debug, Clone)]
pub struct Proxy {
    /// Where callers connect to.
    pub address: SocketAddr,
    flow: Arc<watch::Sender<Flow>>,
    target: Arc<watch::Sender<SocketAddr>>,
    /// Goes up when all connections are cut.
    cuts: Arc<watch::Sender<u64>>,
}

impl Proxy {
    /// Begins to pass connections on to `target`.
    pub async fn before(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let proxy = Self {
            address: listener.local_addr().expect("an address"),
            flow: Arc::new(watch::Sender::new(Flow::Open)),
            target: Arc::new(watch::Sender::new(target)),
            cuts: Arc::default(),
        };
        let serving = proxy.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let one = serving.clone();
                tokio::spawn(async move { one.pass(client).await });
            }
        });
        proxy
    }

    /// Lets this much through from now on.
    pub fn set(&self, flow: Flow) {
        self.flow.send_replace(flow);
    }

    /// Sends new connections elsewhere and cuts those that are open.
    pub fn retarget(&self, target: SocketAddr) {
        self.target.send_replace(target);
        self.cut();
    }

    /// Cuts every connection.
    pub fn cut(&self) {
        self.cuts.send_modify(|times| *times += 1);
    }

    async fn pass(&self, client: TcpStream) {
        let mut cut = self.cuts.subscribe();
        let work = async {
            let mut flow = self.flow.subscribe();
            // A caller whose packets get lost does not even connect.
            let _ = flow.wait_for(|flow| flow.there()).await;
            let target = *self.target.borrow();
            let Ok(server) = TcpStream::connect(target).await else { return };
            let _ = (client.set_nodelay(true), server.set_nodelay(true));
            let (client_reads, client_writes) = client.into_split();
            let (server_reads, server_writes) = server.into_split();
            tokio::join!(
                carry(client_reads, server_writes, self.flow.subscribe(), Way::There),
                carry(server_reads, client_writes, self.flow.subscribe(), Way::Back),
            );
        };
        tokio::select! {
            () = work => {}
            _ = cut.changed() => {}
        }
    }
}

/// From the caller, or to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    There,
    Back,
}

/// Carries bytes one way for as long as the flow lets it.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut flow: watch::Receiver<Flow>, way: Way) {
    let lets = |flow: &Flow| if way == Way::There { flow.there() } else { flow.back() };
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let slow = way == Way::Back && *flow.borrow() == Flow::Trickle;
        let room = if slow { DROP } else { bytes.len() };
        let Ok(read @ 1..) = from.read(&mut bytes[..room]).await else { break };
        let open = flow.wait_for(lets).await.is_ok();
        if !open || to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
        if slow {
            tokio::time::sleep(DRIP).await;
        }
    }
    let _ = to.shutdown().await;
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut byte = [0];
                    while let Ok(1) = stream.read(&mut byte).await {
                        stream.write_all(&byte).await.unwrap();
                    }
                });
            }
        });
        address
    }

    #[tokio::test]
    async fn what_is_held_back_arrives_when_the_partition_is_healed() {
        let proxy = Proxy::before(echo().await).await;
        let mut stream = TcpStream::connect(proxy.address).await.unwrap();
        let mut byte = [0];
        for flow in [Flow::NothingThere, Flow::NothingBack] {
            proxy.set(flow);
            stream.write_all(b"x").await.unwrap();
            timeout(Duration::from_millis(100), stream.read(&mut byte)).await.unwrap_err();
            proxy.set(Flow::Open);
            assert_eq!(timeout(Duration::from_secs(5), stream.read(&mut byte)).await.unwrap().unwrap(), 1);
        }
        proxy.cut();
        assert_eq!(timeout(Duration::from_secs(5), stream.read(&mut byte)).await.unwrap().unwrap_or(0), 0);
    }
}
