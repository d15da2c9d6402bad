//! Reads what is left of a request body that a handler refused.
//!
//! A client that is still sending 30 MB when the answer comes would see its connection reset instead of the 413. So the rest is read and thrown
//! away, up to a bound.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use chassis::run::{Phase, Tasks};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};

/// Bytes that are thrown away for one request; a client that sends more is cut off.
const MOST: usize = 64 * 1024 * 1024;
/// How long that may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A request body whose unread rest is drained when it is dropped.
pub struct Draining {
    inner: Option<Incoming>,
    tasks: Tasks,
}

impl Draining {
    /// Wraps a body. `waits` says that the client sends it only when asked (`Expect: 100-continue`): then there is nothing to drain.
    pub fn wrap(body: Incoming, tasks: Tasks, waits: bool) -> axum::body::Body {
        if waits || body.is_end_stream() {
            return axum::body::Body::new(body);
        }
        axum::body::Body::new(Self { inner: Some(body), tasks })
    }
}

impl Body for Draining {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.inner.as_mut() {
            Some(inner) => Pin::new(inner).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

impl Drop for Draining {
    fn drop(&mut self) {
        let Some(body) = self.inner.take().filter(|body| !body.is_end_stream()) else { return };
        self.tasks.spawn(Phase::Serve, "drain", move |stop| async move {
            tokio::select! {
                _ = tokio::time::timeout(PATIENCE, discard(body)) => {}
                () = stop.cancelled() => {}
            }
        });
    }
}

async fn discard(mut body: Incoming) {
    let mut read = 0;
    while let Some(Ok(frame)) = body.frame().await {
        read += frame.data_ref().map_or(0, Bytes::len);
        if read > MOST {
            return;
        }
    }
}
