//! Until when an answer is of use: so many seconds after the last byte of the request came, because a client on a slow line is still there.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body as AxumBody;
use bytes::Bytes;
use chassis::deadline::{DEFAULT, Deadline};
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

/// A body of which nothing comes for this long has broken off.
const IDLE: Duration = Duration::from_secs(30);
/// Slower than this, once `IDLE` has passed, nobody sends who wants an answer (bytes a second).
const SLOWEST: u64 = 1024;

/// The time that the services get for one request; it begins anew with each part of the body. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Term {
    time: Duration,
    ends: Arc<Mutex<Deadline>>,
}

impl Default for Term {
    fn default() -> Self {
        Self::within(DEFAULT)
    }
}

impl Term {
    /// So much time.
    pub fn within(time: Duration) -> Self {
        Self { time, ends: Arc::new(Mutex::new(Deadline::within(time))) }
    }

    /// When it ends, as things are.
    pub fn deadline(&self) -> Deadline {
        *self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins anew.
    pub fn begin(&self) {
        *self.ends.lock().unwrap_or_else(PoisonError::into_inner) = Deadline::within(self.time);
    }

    /// A body that begins the term anew with each part that comes.
    pub fn after(&self, body: AxumBody) -> AxumBody {
        if body.is_end_stream() {
            return body;
        }
        AxumBody::new(Arriving {
            body,
            term: self.clone(),
            idle: Box::pin(tokio::time::sleep(IDLE)),
            waiting: false,
            begun: Instant::now(),
            came: 0,
        })
    }
}

struct Arriving {
    body: AxumBody,
    term: Term,
    idle: Pin<Box<Sleep>>,
    /// Somebody reads and nothing is there: only then the time without a part counts.
    waiting: bool,
    begun: Instant,
    came: u64,
}

impl Arriving {
    /// Whether so little came that a slot is only held.
    fn drips(&mut self, part: &Bytes) -> bool {
        self.came += part.len() as u64;
        let past = self.begun.elapsed();
        past > IDLE && self.came < SLOWEST * past.as_secs()
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Pending => {
                if !std::mem::replace(&mut self.waiting, true) {
                    self.idle.as_mut().reset(Instant::now() + IDLE);
                }
                self.idle.as_mut().poll(cx).map(|()| Some(Err(axum::Error::new("the body stopped coming"))))
            }
            Poll::Ready(Some(Ok(frame))) if frame.data_ref().is_some_and(|part| self.drips(part)) => {
                Poll::Ready(Some(Err(axum::Error::new("the body comes too slowly"))))
            }
            ready => {
                self.term.begin();
                self.waiting = false;
                ready
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream::{self, StreamExt};
    use http_body_util::BodyExt;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stops_coming_breaks_off() {
        let parts = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"half"))]).chain(stream::pending());
        let mut body = Term::default().after(AxumBody::from_stream(parts));
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "half");
        assert!(body.frame().await.unwrap().is_err());
    }

    /// Whoever sends a byte now and then would hold a place for the ten minutes that a large file may take.
    #[tokio::test(start_paused = true)]
    async fn a_body_that_only_drips_breaks_off() {
        let drops = stream::unfold((), async |()| {
            tokio::time::sleep(Duration::from_secs(20)).await;
            Some((Ok::<_, std::io::Error>(Bytes::from_static(b"x")), ()))
        });
        let mut body = Term::default().after(AxumBody::from_stream(drops.boxed()));
        assert!(body.frame().await.unwrap().is_ok());
        assert!(body.frame().await.unwrap().is_err());
    }

    #[tokio::test]
    async fn the_term_begins_when_the_body_is_there() {
        let term = Term::within(Duration::from_millis(40));
        let slow = stream::unfold(0, async |at| {
            tokio::time::sleep(Duration::from_millis(20)).await;
            (at < 4).then(|| (Ok::<_, std::io::Error>(Bytes::from_static(b"x")), at + 1))
        });
        let begun = std::time::Instant::now();
        let body = term.after(AxumBody::from_stream(slow.boxed())).collect().await.unwrap().to_bytes();
        assert_eq!(body, "xxxx");
        assert!(begun.elapsed() > Duration::from_millis(80) && !term.deadline().is_over());
    }
}
