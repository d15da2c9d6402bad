//! Decides what a queued message means, and has tickets do it.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use portico_chassis::run::Phase;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::app::clients::{Submission, Submitted};
use crate::app::delivery::{self, Occurrence};
use crate::app::guarded::guarded;
use crate::app::message::{self, Body, Head, Unreadable};
use crate::app::portal::MailPortal;
use crate::app::prepare::OURSELVES;
use crate::app::{App, wake};
use crate::domain::delivery::{Channel, Wanted};
use crate::domain::inbound::{MAX_ATTEMPTS, Outcome, State, is_closed};
use crate::domain::kind::Kind;
use crate::domain::{loops, reply_address, sender};
use crate::store::inbound::{self, Ended, Mail};
use crate::store::reply_address as reply_addresses;

/// Messages leased at once.
const BATCH: usize = 8;
/// Messages worked on at once: each may be 50 MB in memory, twice.
const AT_ONCE: usize = 3;
/// Longer than reading, staging and submitting may take together.
const LEASE: Duration = Duration::from_secs(60);
/// How long a message waits when a service or the blob store is away.
const AWAY: Duration = Duration::from_secs(2);

/// Starts the worker; it ends with the intake.
pub fn start(app: &App) {
    let app = app.clone();
    app.tasks.clone().spawn(Phase::Intake, "inbound mail", move |stop| async move { run(app, stop).await });
}

async fn run(app: App, stop: CancellationToken) {
    while wake::wait(&app.wakes.inbound, &stop).await {
        while !stop.is_cancelled() {
            match round(&app).await {
                Ok(leased) if leased == BATCH => {}
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(%error, "queued messages could not be leased");
                    break;
                }
            }
        }
    }
}

async fn round(app: &App) -> Result<usize, Error> {
    let now = app.clock.now();
    let lease = app.random.uuid(now);
    let mut conn = app.db.system().acquire().await?;
    let batch = inbound::lease(&mut conn, now, now + LEASE, lease, BATCH as i64).await?;
    drop(conn);
    let size = batch.len();
    // A message on which the work panics comes back when its lease ends, and counts: in the end it is set aside.
    futures_util::stream::iter(batch)
        .for_each_concurrent(AT_ONCE, |mail| async move {
            guarded("an inbound message", Box::pin(app.work_on(mail, lease))).await;
        })
        .await;
    Ok(size)
}

/// What reading a message came to.
struct Read {
    portal: PortalId,
    settings: MailPortal,
    head: Head,
    from: String,
    raw: Bytes,
}

impl App {
    async fn work_on(&self, mail: Mail, lease: Uuid) {
        let result = if mail.attempts > MAX_ATTEMPTS {
            Ok(Submitted::unasked(Outcome::quarantined("gave_up")))
        } else {
            self.decide(&mail, lease).await
        };
        let settled = match result {
            Ok(submitted) => self.settle(&mail, lease, &submitted).await,
            Err(error) if error.is_transient() => {
                tracing::debug!(inbound = %mail.id, %error, "a message waits");
                self.give_back(&mail, lease, false).await
            }
            Err(error) if mail.attempts >= MAX_ATTEMPTS => {
                tracing::warn!(inbound = %mail.id, %error, "a message is set aside");
                let outcome = Outcome::quarantined(format!("refused:{}", error.code()));
                self.settle(&mail, lease, &Submitted::unasked(outcome)).await
            }
            Err(error) => {
                tracing::warn!(inbound = %mail.id, attempts = mail.attempts, %error, "a message could not be delivered");
                self.give_back(&mail, lease, true).await
            }
        };
        if let Err(error) = settled {
            tracing::warn!(inbound = %mail.id, %error, "the state of a message could not be recorded");
        }
    }

    async fn decide(&self, mail: &Mail, lease: Uuid) -> Result<Submitted, Error> {
        let read = match self.read(mail, Some(lease)).await? {
            Ok(read) => read,
            Err(outcome) => return Ok(Submitted::unasked(outcome)),
        };
        if self.sends_too_much(mail, &read.from).await? {
            return Ok(Submitted::unasked(Outcome::quarantined("loop_limit")));
        }
        match self.submission(mail, read).await? {
            Ok(submission) => self.clients.submit_mail(submission).await,
            Err(unreadable) => Ok(Submitted::unasked(Outcome::quarantined(unreadable.to_string()))),
        }
    }

    /// Submits a claim again in an agent's name.
    pub(super) async fn submit_claim(&self, mail: &Mail, agent: &str) -> Result<Submitted, Error> {
        let gone = || Error::conflict("message_gone", "The message can't be read any more.");
        let read = self.read(mail, None).await?.map_err(|_| gone())?;
        let mut submission = self.submission(mail, read).await?.map_err(|_| gone())?;
        submission.request_id = format!("inbound-accept-{}", mail.id);
        submission.accepted_by = Some(agent.to_owned());
        self.clients.submit_mail(submission).await
    }

    /// Loads a message and reads its header; the inner error is an outcome without further effect.
    async fn read(&self, mail: &Mail, lease: Option<Uuid>) -> Result<Result<Read, Outcome>, Error> {
        let raw = match self.load(&mail.blob).await {
            Ok(raw) => raw,
            Err(Error::NotFound { .. }) => return Ok(Err(Outcome::quarantined("raw_missing"))),
            Err(error) => return Err(error),
        };
        let head = match message::read_head(&raw, &self.frame.mail_domain) {
            Ok(head) => head,
            Err(unreadable) => return Ok(Err(Outcome::quarantined(unreadable.to_string()))),
        };
        if let Some(lease) = lease {
            let mut conn = self.db.system().acquire().await?;
            let from = head.from_address.as_deref().unwrap_or_default();
            inbound::describe(&mut conn, mail.id, lease, from, &head.subject).await?;
        }
        if let Some(reason) = loops::reason(&head.signs) {
            return Ok(Err(Outcome::ignored(reason)));
        }
        let from = match &head.from_address {
            Ok(from) => from.clone(),
            Err(unreadable) => return Ok(Err(Outcome::quarantined(unreadable.to_string()))),
        };
        let portal: PortalId = mail.portal.parse().map_err(|_| Error::internal("a message of no portal"))?;
        let settings = self.portal(&portal).await?;
        if from == settings.inbound_address {
            return Ok(Err(Outcome::ignored("own_mail")));
        }
        Ok(Ok(Read { portal, settings, head, from, raw }))
    }

    async fn submission(&self, mail: &Mail, read: Read) -> Result<Result<Submission, Unreadable>, Error> {
        let reply = self.reply_of(&read.portal, &read.head).await?;
        let raw = read.raw;
        // A panic of the parser is the message's fault and ends in quarantine.
        let body = tokio::task::spawn_blocking(move || message::read_body(&raw)).await.unwrap_or(Err(Unreadable::Malformed));
        let body: Body = match body {
            Ok(body) => body,
            Err(unreadable) => return Ok(Err(unreadable)),
        };
        let text = body.written(reply.is_some());
        let staged = self.stage(&read.portal, mail.id, body).await?;
        Ok(Ok(Submission {
            proven: sender::is_proven(&read.from, read.head.authentication.as_deref(), &read.settings.trusted_authserv_id),
            cc: message::others(&read.head, &read.settings.inbound_address),
            portal: read.portal,
            request_id: format!("inbound-{}", mail.id),
            message_id: mail.message_id.clone(),
            from_address: read.from,
            from_name: read.head.from_name,
            reply,
            subject: read.head.subject,
            body: with_note(text, staged.left_out),
            uploads: staged.uploads,
            accepted_by: None,
        }))
    }

    /// Ticket and reader of the first recipient whose token is one that we made (S59).
    async fn reply_of(&self, portal: &PortalId, head: &Head) -> Result<Option<(String, String)>, Error> {
        let mut conn = self.db.system().acquire().await?;
        for token in head.recipients.iter().filter_map(|address| reply_address::token_of(address)).take(5) {
            if let Some(found) = reply_addresses::get(&mut conn, portal, &token).await?
                && self.frame.key.is_reply_token(&token, portal, &found.ticket_id, &found.person_id)
            {
                return Ok(Some((found.ticket_id, found.person_id)));
            }
        }
        Ok(None)
    }

    async fn sends_too_much(&self, mail: &Mail, from: &str) -> Result<bool, Error> {
        let mut conn = self.db.system().acquire().await?;
        let since = self.clock.now() - time::Duration::HOUR;
        Ok(inbound::from_sender_since(&mut conn, &mail.portal, from, since).await? >= self.inbound_hourly)
    }

    async fn load(&self, blob: &str) -> Result<Bytes, Error> {
        let chunks: Vec<Bytes> = self.blobs.get(blob).await?.try_collect().await?;
        Ok(Bytes::from(chunks.concat()))
    }

    /// Records the outcome, and in the same transaction whom it concerns: who wrote to a closed ticket gets an answer that says so, who
    /// decides about a claim a bell mark.
    async fn settle(&self, mail: &Mail, lease: Uuid, submitted: &Submitted) -> Result<(), Error> {
        let now = self.clock.now();
        let ended = Ended { outcome: &submitted.outcome, person: submitted.person_id.as_deref(), excerpt: &submitted.excerpt };
        let mut tx = self.db.system().begin().await?;
        if !inbound::settle(&mut tx, mail.id, lease, ended, now).await? {
            return Ok(());
        }
        let told = closed_answer(submitted).into_iter().chain(claim_marks(submitted)).collect();
        delivery::store(&mut tx, &[occurrence(mail, told, now)?], now).await?;
        tx.commit().await?;
        self.measures.settled(submitted.outcome.state);
        tracing::info!(inbound = %mail.id, state = %submitted.outcome.state, reason = submitted.outcome.reason, "a message was settled");
        self.wakes.deliveries();
        Ok(())
    }

    async fn give_back(&self, mail: &Mail, lease: Uuid, counted: bool) -> Result<(), Error> {
        let delay = self.random.jitter(AWAY);
        let mut conn = self.db.system().acquire().await?;
        inbound::release(&mut conn, mail.id, lease, self.clock.now() + delay, counted).await
    }
}

fn closed_answer(submitted: &Submitted) -> Option<Wanted> {
    let closed = is_closed(submitted.outcome.state, &submitted.outcome.reason);
    let recipient = submitted.person_id.clone().filter(|_| closed)?;
    Some(Wanted { recipient, is_person: true, kind: Kind::TicketUpdate, channel: Channel::Mail })
}

fn claim_marks(submitted: &Submitted) -> impl Iterator<Item = Wanted> {
    let deciders = submitted.deciders.iter().filter(move |_| submitted.outcome.state == State::Claimed);
    deciders.map(|agent| Wanted { recipient: agent.clone(), is_person: true, kind: Kind::TicketUpdate, channel: Channel::Bell })
}

/// What the notifier itself tells about a message; `own_content` in `app/prepare.rs` has the words.
fn occurrence(mail: &Mail, wanted: Vec<Wanted>, now: time::OffsetDateTime) -> Result<Occurrence, Error> {
    Ok(Occurrence {
        event_id: mail.id,
        portal: mail.portal.parse().map_err(|_| Error::internal("a message of no portal"))?,
        producer: OURSELVES.to_owned(),
        aggregate_kind: "inbound_mail".to_owned(),
        aggregate_id: mail.id.to_string(),
        actor: OURSELVES.to_owned(),
        at: now,
        traceparent: String::new(),
        wanted,
    })
}

fn with_note(text: String, left_out: usize) -> String {
    match left_out {
        0 => text,
        1 => format!("{text}\n\n[One attachment was left out: empty, too large, or one too many.]"),
        count => format!("{text}\n\n[{count} attachments were left out: empty, too large, or too many.]"),
    }
}
