//! Moments between two steps that belong together, at which a test may have the process end as `kill -9` ends it (F02).
//!
//! Without the feature `failpoints` a point is nothing. With it a point is armed by `PORTICO_TEST_FAILPOINT=name` or `name:nth`: the process
//! aborts when it reaches the point for the nth time (from 1). `docs/adr/0015-fail-points.md` says who builds it in.

/// A moment between two steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// The journal's rows are written, COMMIT is not sent.
    BeforeCommit,
    /// COMMIT was answered; nobody knows of it yet.
    AfterCommit,
    /// The broker has taken a page of events; it is not marked as published.
    AfterPublish,
    /// The mail server said 250; the delivery is not marked as sent.
    AfterSend,
    /// A file's object is where it belongs; its row is not written.
    AfterPut,
    /// All is committed and told to relay and timers; the caller is not answered.
    BeforeReply,
}

impl Point {
    /// Every point.
    pub const ALL: [Self; 6] =
        [Self::BeforeCommit, Self::AfterCommit, Self::AfterPublish, Self::AfterSend, Self::AfterPut, Self::BeforeReply];

    /// What it is armed by.
    pub fn name(self) -> &'static str {
        match self {
            Self::BeforeCommit => "before_commit",
            Self::AfterCommit => "after_commit",
            Self::AfterPublish => "after_publish",
            Self::AfterSend => "after_send",
            Self::AfterPut => "after_put",
            Self::BeforeReply => "before_reply",
        }
    }
}

/// The process is at a point; ends it when a test asked for that.
#[inline]
pub fn reach(point: Point) {
    #[cfg(feature = "failpoints")]
    let _: Option<()> = fail::eval(point.name(), |_| ());
    #[cfg(not(feature = "failpoints"))]
    let _ = point;
}

/// Arms the point that the environment names, if one is named.
pub fn arm() {
    #[cfg(feature = "failpoints")]
    if let Ok(wish) = std::env::var("PORTICO_TEST_FAILPOINT") {
        armed::arm(&wish);
    }
}

#[cfg(feature = "failpoints")]
mod armed {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::Point;

    pub(super) fn arm(wish: &str) {
        let Some((point, nth)) = read(wish) else {
            tracing::error!(wish, "no such fail-point");
            return;
        };
        let times = AtomicU64::new(0);
        let ending = move || {
            if times.fetch_add(1, Ordering::Relaxed) + 1 == nth {
                std::process::abort();
            }
        };
        match fail::cfg_callback(point.name(), ending) {
            Ok(()) => tracing::warn!(point = point.name(), nth, "a fail-point is armed"),
            Err(error) => tracing::error!(error, "a fail-point can't be armed"),
        }
    }

    /// `name` or `name:nth`.
    fn read(wish: &str) -> Option<(Point, u64)> {
        let (name, nth) = match wish.split_once(':') {
            Some((name, nth)) => (name, nth.parse().ok()?),
            None => (wish, 1),
        };
        let point = Point::ALL.into_iter().find(|point| point.name() == name)?;
        (nth > 0).then_some((point, nth))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_wish_names_a_point_and_which_time() {
            assert_eq!(read("after_commit"), Some((Point::AfterCommit, 1)));
            assert_eq!(read("before_reply:7"), Some((Point::BeforeReply, 7)));
            for wrong in ["", "nowhere", "after_put:", "after_put:0", "after_put:x"] {
                assert_eq!(read(wrong), None, "{wrong}");
            }
        }
    }
}
