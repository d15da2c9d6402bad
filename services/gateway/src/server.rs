//! The public listener: HTTP/1.1 and HTTP/2 with bounds on headers, streams and patience (S44), ended gracefully.

use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::extract::{ConnectInfo, Request};
use chassis::run::{Boot, Phase, Tasks};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::config::Config;
use crate::drain::Draining;

/// Bytes of all headers of a request.
const HEADER_BYTES: u32 = 16 * 1024;
/// Headers of a request.
const HEADERS: usize = 100;
/// How long a client may take to send its headers.
const HEADER_PATIENCE: Duration = Duration::from_secs(10);
/// Requests that one HTTP/2 connection may have open.
const STREAMS: u32 = 128;
/// How long open requests may take to end at a shutdown.
const DRAIN: Duration = Duration::from_secs(14);

/// The public port: the socket that was handed to this process, or one that it binds itself.
///
/// # Errors
/// Names the key when the address cannot be listened on, or standard input is no listening socket.
pub async fn listener(config: &Config) -> anyhow::Result<TcpListener> {
    if !config.http_listener_on_stdin {
        return TcpListener::bind(config.http_listen).await.context("configuration key `http_listen`");
    }
    let handed = || {
        let socket = std::net::TcpListener::from(std::io::stdin().as_fd().try_clone_to_owned()?);
        socket.local_addr()?;
        socket.set_nonblocking(true)?;
        TcpListener::from_std(socket)
    };
    handed().context("configuration key `http_listener_on_stdin`: standard input is no listening socket")
}

/// Serves until [`Phase::Serve`] ends; returns the address.
///
/// # Errors
/// When the socket has no address.
pub fn serve<C>(boot: &Boot<C>, listener: TcpListener, app: Router) -> anyhow::Result<SocketAddr> {
    let address = listener.local_addr()?;
    let tasks = boot.tasks.clone();
    boot.tasks.spawn_vital(Phase::Serve, "http", move |stop| accept(listener, app, tasks, stop));
    Ok(address)
}

async fn accept(listener: TcpListener, app: Router, tasks: Tasks, stop: CancellationToken) {
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => connection(stream, peer, app.clone(), &graceful, &tasks),
            Err(error) => {
                // Most often: no file descriptor left. Waiting lets some connections end.
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("some connections did not end in time");
    }
}

fn connection(stream: TcpStream, peer: SocketAddr, app: Router, graceful: &GracefulShutdown, tasks: &Tasks) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection kept its delay");
    }
    let drains = tasks.clone();
    let service = app.map_request(move |mut request: Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        let waits = request.headers().contains_key(http::header::EXPECT);
        request.map(|body| Draining::wrap(body, drains.clone(), waits))
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_PATIENCE).max_headers(HEADERS).max_buf_size(HEADER_BYTES as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HEADER_BYTES)
        .max_concurrent_streams(STREAMS)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10));
    let serving = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).into_owned();
    let serving = graceful.watch(serving);
    tasks.spawn(Phase::Serve, "connection", move |_| async move {
        if let Err(error) = serving.await {
            tracing::debug!(%error, "a connection ended early");
        }
    });
}
