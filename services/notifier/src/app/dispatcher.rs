//! Leases due mails, gets their words, and gives each to the actor of its domain.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use portico_chassis::error::Error;
use portico_chassis::run::Phase;
use portico_chassis::telemetry;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

use super::App;
use super::compose::{self, Letter, Outgoing};
use super::content::Content;
use super::guarded::guarded;
use super::mailer::{Mail, Mailer};
use super::prepare::{OURSELVES, Prepared};
use super::wake;
use crate::domain::delivery::{Channel, Due};
use crate::store::delivery::{self, Leased, Wish};
use crate::store::reply_address::{self, ReplyAddress};

/// Mails leased at once.
pub const BATCH: usize = 32;
/// Mails that are rendered at once.
const RENDERING: usize = 8;
/// How long a leased mail may wait for its words and its turn; the actor lengthens it before it sends. A dead replica's mails come free
/// after this time.
const LEASE: Duration = Duration::from_secs(40);
/// Actors alive at once: each may hold two connections.
const DOMAINS: usize = 128;
/// How long the events of an owner that is away are left alone.
const OWNER_RESTS: Duration = Duration::from_secs(2);
/// A mail whose domain can't take it now is looked at again after this time.
const DOMAIN_BUSY: Duration = Duration::from_secs(1);

/// Starts the dispatcher; it ends with the intake.
pub fn start(app: &App) {
    let dispatcher = Dispatcher { app: app.clone(), mailers: Mutex::default(), away: Mutex::default() };
    app.tasks.spawn_vital(Phase::Intake, "dispatcher", move |stop| async move { Arc::new(dispatcher).run(stop).await });
}

struct Dispatcher {
    app: App,
    mailers: Mutex<HashMap<String, Mailer>>,
    away: Mutex<HashMap<String, Instant>>,
}

impl Dispatcher {
    async fn run(self: Arc<Self>, stop: CancellationToken) {
        while wake::wait(&self.app.wakes.mail, &stop).await {
            while !stop.is_cancelled() {
                match self.round().await {
                    Ok(leased) if leased == BATCH => {}
                    Ok(_) => break,
                    Err(error) => {
                        tracing::warn!(%error, "due mails could not be leased");
                        break;
                    }
                }
            }
        }
    }

    /// Leases and hands out one batch; returns its size.
    async fn round(&self) -> Result<usize, Error> {
        let (domains, producers) = (self.busy_domains(), self.absent_producers());
        let now = self.app.clock.now();
        let wish = Wish {
            channel: Channel::Mail,
            blocked_domains: &domains,
            blocked_producers: &producers,
            until: now + LEASE,
            lease: self.app.random.uuid(now),
            limit: BATCH as i64,
        };
        let mut conn = self.app.db.system().acquire().await?;
        let batch = delivery::lease(&mut conn, &wish, now).await?;
        drop(conn);
        let size = batch.len();
        futures_util::stream::iter(batch)
            .for_each_concurrent(RENDERING, |leased| {
                let span =
                    tracing::info_span!("deliver mail", portico.delivery.id = %leased.due.id, portico.delivery.kind = %leased.due.kind);
                telemetry::follow_trace(&span, &leased.due.traceparent, self.app.clock.since(leased.due.event_at));
                self.guarded_dispatch(leased).instrument(span)
            })
            .await;
        Ok(size)
    }

    async fn guarded_dispatch(&self, leased: Leased) {
        let due = leased.due.clone();
        if guarded("a mail", self.dispatch(leased)).await.is_none() {
            self.app.try_later(&due, "defect").await;
        }
    }

    async fn dispatch(&self, leased: Leased) {
        let due = leased.due;
        if self.app.unmarked.contains(due.id) {
            return self.app.release(&due, DOMAIN_BUSY, false, None, "left already").await;
        }
        if !leased.wanted && is_optional(&due) {
            return self.app.cancel(&due, "not_wanted").await;
        }
        // An owner that went away during this batch is not asked for each of its mails.
        if self.absent_producers().contains(&due.producer) {
            return self.app.release(&due, OWNER_RESTS, false, None, "waits for its owner").await;
        }
        match self.app.prepare(&due).await {
            Prepared::Ready(content) => self.send(due, &content).await,
            Prepared::Cancel(reason) => self.app.cancel(&due, reason).await,
            Prepared::Later(delay) => {
                self.rest_producer(&due.producer);
                self.app.release(&due, delay, false, None, "waits for its owner").await;
            }
            Prepared::Failed(reason) => self.app.try_later(&due, &reason).await,
        }
    }

    async fn send(&self, due: Due, content: &Content) {
        let outgoing = match self.compose(&due, content).await {
            Ok(outgoing) => outgoing,
            Err(Refused::Wait) => return self.app.release(&due, OWNER_RESTS, false, None, "waits for its portal's settings").await,
            Err(Refused::Never(error)) => return self.app.fail(&due, &error.to_string()).await,
        };
        if let Err(error) = self.store_reply_address(&due, content, &outgoing).await {
            tracing::warn!(delivery = %due.id, %error, "a reply address could not be stored");
            return self.app.release(&due, DOMAIN_BUSY, false, None, "waits for the database").await;
        }
        let domain = outgoing.domain.clone();
        let Some(mailer) = self.mailer(&domain) else {
            return self.app.release(&due, DOMAIN_BUSY, false, Some(&domain), "waits for its destination").await;
        };
        if let Err(mail) = mailer.offer(Box::new(Mail { due, outgoing, span: Span::current() })) {
            self.app.release(&mail.due, DOMAIN_BUSY, false, Some(&domain), "waits for its destination").await;
        }
    }

    async fn compose(&self, due: &Due, content: &Content) -> Result<Outgoing, Refused> {
        let portal = self.app.portal(&due.portal).await.map_err(|_| Refused::Wait)?;
        let letter = Letter {
            id: due.id,
            portal: &due.portal,
            kind: due.kind,
            optional: is_optional(due),
            reader: (due.aggregate_kind == "ticket").then_some(due.recipient.as_str()),
            inbound_address: &portal.inbound_address,
            content,
            now: self.app.clock.now(),
        };
        compose::compose(&self.app.frame, &letter).map_err(Refused::Never)
    }

    /// The address must be known before anybody can answer to it.
    async fn store_reply_address(&self, due: &Due, content: &Content, outgoing: &Outgoing) -> Result<(), Error> {
        let Some(token) = &outgoing.reply_token else { return Ok(()) };
        let address = ReplyAddress { ticket_id: content.thread_root.clone(), person_id: due.recipient.clone() };
        let mut conn = self.app.db.system().acquire().await?;
        reply_address::insert(&mut conn, token, &due.portal, &address, self.app.clock.now()).await
    }

    /// The actor of a domain, started when there is none; `None` when too many are alive.
    fn mailer(&self, domain: &str) -> Option<Mailer> {
        let mut mailers = self.mailers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mailer) = mailers.get(domain).filter(|mailer| !mailer.has_ended()) {
            return Some(mailer.clone());
        }
        mailers.retain(|_, mailer| !mailer.has_ended());
        if mailers.len() >= DOMAINS {
            return None;
        }
        let mailer = Mailer::start(&self.app, domain.to_owned());
        mailers.insert(domain.to_owned(), mailer.clone());
        Some(mailer)
    }

    fn busy_domains(&self) -> Vec<String> {
        let mailers = self.mailers.lock().unwrap_or_else(PoisonError::into_inner);
        mailers.iter().filter(|(_, mailer)| !mailer.has_ended() && !mailer.is_ready()).map(|(domain, _)| domain.clone()).collect()
    }

    fn rest_producer(&self, producer: &str) {
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        away.insert(producer.to_owned(), Instant::now() + OWNER_RESTS);
    }

    fn absent_producers(&self) -> Vec<String> {
        let now = Instant::now();
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        away.retain(|_, until| *until > now);
        away.keys().cloned().collect()
    }
}

/// Whether its reader may switch such a mail off. Not what the notifier itself says: that somebody's own words went nowhere (LC-17).
fn is_optional(due: &Due) -> bool {
    due.kind.mail_is_optional() && due.producer != OURSELVES
}

enum Refused {
    /// The portal's settings have not arrived.
    Wait,
    Never(compose::ComposeError),
}
