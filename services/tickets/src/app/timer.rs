//! Due timers become commands to their ticket.

use std::collections::HashMap;

use async_trait::async_trait;
use portico_chassis::deadline::Deadline;
use portico_chassis::entity::Asked;
use portico_chassis::error::Error;
use portico_chassis::timers::{DueTimer, TimerHandler};

use super::Tickets;
use super::entity::{Ask, By, Links, Wants};
use crate::domain::command::Command;
use crate::domain::ids::TicketId;

/// Fires the timers of tickets.
pub struct TicketTimers(pub Tickets);

#[async_trait]
impl TimerHandler for TicketTimers {
    /// The ticket decides by its own list of what is due; the timer's row goes in the same commit, so the effect is there once.
    async fn fire(&self, timer: DueTimer) -> Result<(), Error> {
        let ask = Ask {
            command: Command::Tick,
            wants: Wants::Nothing,
            by: By::System,
            etag: None,
            rules: self.0.rules(&timer.portal).await?,
            agents: Vec::new(),
            names: HashMap::new(),
            links: Links::default(),
            files: Vec::new(),
            claims: Vec::new(),
            not_before: Some(super::micros(timer.due_at)),
            vouched: None,
        };
        let id = TicketId::new(timer.aggregate_id);
        let asked = Asked { portal: timer.portal, id, actor: "system".to_owned(), request: None };
        match self.0.directory.ask(asked, ask, Deadline::background()).await {
            Ok(_) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
