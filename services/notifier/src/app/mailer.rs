//! The actor that sends the mails of one destination domain.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use lettre::AsyncTransport;
use portico_chassis::failpoint::{self, Point};
use portico_chassis::run::Phase;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

use super::App;
use super::compose::Outgoing;
use super::transport::Transport;
use crate::domain::backoff::{self, Failure, Next};
use crate::domain::delivery::Due;
use crate::store::delivery;

/// Mails of one domain on their way at once: enough for a healthy smarthost, little for a slow one.
const AT_ONCE: usize = 2;
/// Mails of one domain that wait in memory: room for a whole batch of the dispatcher while half a batch waits. More wait in the table,
/// where another replica may take them.
const MAILBOX: usize = super::dispatcher::BATCH + super::dispatcher::BATCH / 2;
/// The longest that one mail may take, from connecting to the final answer. Shorter than the lease.
pub const SEND_TIMEOUT: Duration = Duration::from_secs(25);
/// What a lease is extended to before a mail is sent.
const SEND_LEASE: Duration = Duration::from_secs(35);
/// A mailer without work ends after this time.
const IDLE: Duration = Duration::from_secs(30);
/// The longest that a domain rests after it could not be reached.
const LONGEST_REST: Duration = Duration::from_secs(10);

/// A mail and its delivery.
#[derive(Debug)]
pub struct Mail {
    /// The leased delivery.
    pub due: Due,
    /// What goes out.
    pub outgoing: Outgoing,
    /// The delivery in its trace.
    pub span: Span,
}

/// Gives mails to the actor of one domain.
#[derive(Debug, Clone)]
pub struct Mailer {
    mailbox: mpsc::Sender<Box<Mail>>,
    rest: Arc<Mutex<Rest>>,
}

#[derive(Debug, Default)]
struct Rest {
    until: Option<Instant>,
    failures: u32,
}

impl Mailer {
    /// Starts the actor of `domain`.
    pub fn start(app: &App, domain: String) -> Self {
        let (mailbox, mails) = mpsc::channel(MAILBOX);
        let rest = Arc::new(Mutex::new(Rest::default()));
        let actor = Actor { transport: app.smarthost.transport(AT_ONCE as u32), app: app.clone(), domain, rest: rest.clone() };
        app.tasks.spawn(Phase::Intake, "mailer", move |stop| actor.run(mails, stop));
        Self { mailbox, rest }
    }

    /// Whether the actor takes a whole batch now.
    pub fn is_ready(&self) -> bool {
        self.mailbox.capacity() >= super::dispatcher::BATCH && self.resting().is_none()
    }

    /// Whether the actor has ended for want of work.
    pub fn has_ended(&self) -> bool {
        self.mailbox.is_closed()
    }

    /// Gives a mail to the actor, or gives it back.
    pub fn offer(&self, mail: Box<Mail>) -> Result<(), Box<Mail>> {
        self.mailbox.try_send(mail).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(mail) | mpsc::error::TrySendError::Closed(mail) => mail,
        })
    }

    fn resting(&self) -> Option<Duration> {
        remaining(&self.rest)
    }
}

fn remaining(rest: &Mutex<Rest>) -> Option<Duration> {
    let rest = rest.lock().unwrap_or_else(PoisonError::into_inner);
    rest.until.and_then(|until| until.checked_duration_since(Instant::now())).filter(|left| !left.is_zero())
}

struct Actor {
    app: App,
    domain: String,
    transport: Transport,
    rest: Arc<Mutex<Rest>>,
}

impl Actor {
    async fn run(self, mut mails: mpsc::Receiver<Box<Mail>>, stop: CancellationToken) {
        let actor = &self;
        let mut sending = FuturesUnordered::new();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(()) = sending.next(), if !sending.is_empty() => {}
                mail = mails.recv(), if sending.len() < AT_ONCE => match mail {
                    Some(mail) => sending.push(actor.handle(mail)),
                    None => break,
                },
                () = tokio::time::sleep(IDLE), if sending.is_empty() => break,
            }
            // A place became free: the dispatcher may have held back mails of this domain.
            actor.app.wakes.mail.notify_one();
        }
        mails.close();
        while let Some(mail) = mails.recv().await {
            self.give_back(&mail.due, Duration::ZERO).await;
        }
        while sending.next().await.is_some() {}
    }

    async fn handle(&self, mail: Box<Mail>) {
        if let Some(left) = remaining(&self.rest) {
            return self.give_back(&mail.due, left).await;
        }
        if !self.still_ours(&mail.due).await {
            return;
        }
        let span = tracing::info_span!(parent: &mail.span, "send mail", otel.kind = "client", network.protocol.name = "smtp");
        let sending = self.transport.send_raw(&mail.outgoing.envelope, &mail.outgoing.bytes).instrument(span);
        let sent = tokio::time::timeout(SEND_TIMEOUT, sending).await;
        match sent {
            Ok(Ok(_)) => {
                failpoint::reach(Point::AfterSend);
                self.reached();
                self.app.left(&mail.due);
                self.app.mark_sent(mail.due.id).await;
            }
            Ok(Err(error)) => self.refused(&mail.due, classify(&error), reason(&error)).await,
            Err(_) => self.refused(&mail.due, Failure::Silent, "smtp timeout".to_owned()).await,
        }
    }

    /// Fences: a worker that was stopped for longer than its lease sends nothing.
    async fn still_ours(&self, due: &Due) -> bool {
        let until = self.app.clock.now() + SEND_LEASE;
        let extended = async {
            let mut conn = self.app.db.system().acquire().await?;
            delivery::extend(&mut conn, due.id, due.lease, until).await
        };
        extended.await.unwrap_or(false)
    }

    async fn refused(&self, due: &Due, failure: Failure, reason: String) {
        match failure {
            Failure::Temporary | Failure::Permanent => self.reached(),
            Failure::Silent | Failure::Unreachable => self.not_reached(),
        }
        let attempts = due.attempts + 1;
        let age = self.app.clock.now() - due.event_at;
        tracing::info!(delivery = %due.id, domain = self.domain, attempts, reason, "a mail was not taken");
        match backoff::after_failure(failure, attempts, age) {
            Next::GiveUp => self.app.fail(due, &reason).await,
            Next::Wait(delay) => self.app.release(due, self.app.random.jitter(delay), true, Some(&self.domain), &reason).await,
        }
    }

    async fn give_back(&self, due: &Due, delay: Duration) {
        self.app.release(due, delay, false, Some(&self.domain), "waits for its destination").await;
    }

    fn reached(&self) {
        *self.rest.lock().unwrap_or_else(PoisonError::into_inner) = Rest::default();
    }

    /// The next mails of this domain would wait in vain: let it rest, longer each time.
    fn not_reached(&self) {
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        rest.failures = rest.failures.saturating_add(1);
        let length = Duration::from_secs(1 << rest.failures.min(4)).min(LONGEST_REST);
        rest.until = Some(Instant::now() + self.app.random.jitter(length));
    }
}

fn classify(error: &lettre::transport::smtp::Error) -> Failure {
    match error.status().map(|code| code.to_string()) {
        // Our credentials or the smarthost's set-up are wrong, not the mail.
        Some(code) if matches!(code.as_str(), "530" | "534" | "535" | "538") => Failure::Temporary,
        _ if error.is_permanent() => Failure::Permanent,
        _ if error.is_transient() => Failure::Temporary,
        _ if error.is_timeout() => Failure::Silent,
        _ => Failure::Unreachable,
    }
}

/// The code alone: the peer's text may hold the recipient's address.
fn reason(error: &lettre::transport::smtp::Error) -> String {
    match error.status() {
        Some(code) => format!("smtp {code}"),
        None if error.is_timeout() => "smtp timeout".to_owned(),
        None if error.is_tls() => "smtp tls".to_owned(),
        None => "smtp unreachable".to_owned(),
    }
}
