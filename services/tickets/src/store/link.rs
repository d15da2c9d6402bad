//! The tickets that a ticket is linked with, as they come along with it.

use portico_chassis::error::Error;
use serde::Deserialize;
use sqlx::types::Json;
use uuid::Uuid;

use super::collaborator::ShareRow;
use crate::domain::case::{Link, Links};
use crate::domain::ids::{OrganizationId, PersonId, TicketId};

/// A link as JSON; `l` is the linked ticket, and a query `reader` names who looks.
const LINK: &str = "jsonb_build_object('id', l.id, 'number', l.number, 'requester', l.requester_id, 'guest', l.guest_email, \
     'organization', l.organization_id, 'share', (SELECT to_jsonb(x) - 'portal' - 'ticket_id' FROM collaborator x, reader \
     WHERE x.ticket_id = l.id AND x.person_id = reader.id))";

/// Columns of [`LinksRow`]; `t` is the ticket.
pub(super) fn columns() -> String {
    columns_where("true")
}

/// The same for the tickets of a query `page`. Few tickets have follow-ups: which of them do is asked once for all.
pub(super) fn columns_of_page() -> String {
    columns_where(
        "t.id IN (SELECT f.follow_up_of FROM ticket f \
           WHERE f.portal = (SELECT portal FROM reader) AND f.follow_up_of = ANY (ARRAY(SELECT id FROM page)))",
    )
}

fn columns_where(has_follow_ups: &str) -> String {
    format!(
        "CASE WHEN t.follow_up_of IS NOT NULL THEN \
           (SELECT {LINK} FROM ticket l WHERE l.portal = t.portal AND l.id = t.follow_up_of) END AS parent_link, \
         CASE WHEN {has_follow_ups} THEN \
           (SELECT jsonb_agg({LINK} ORDER BY l.seq) FROM ticket l WHERE l.portal = t.portal AND l.follow_up_of = t.id) END AS follow_up_links"
    )
}

/// The links of one ticket.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct LinksRow {
    parent_link: Option<Json<LinkRow>>,
    follow_up_links: Option<Json<Vec<LinkRow>>>,
}

#[derive(Debug, Deserialize)]
struct LinkRow {
    id: Uuid,
    number: String,
    requester: Option<Uuid>,
    guest: Option<String>,
    organization: Option<Uuid>,
    share: Option<ShareRow>,
}

impl LinkRow {
    fn into_link(self) -> Result<Link, Error> {
        Ok(Link {
            id: TicketId::new(self.id),
            number: self.number,
            requester: self.requester.map(PersonId::new),
            guest_email: self.guest,
            organization: self.organization.map(OrganizationId::new),
            share: self.share.map(ShareRow::into_share).transpose()?,
        })
    }
}

impl LinksRow {
    pub(super) fn into_links(self) -> Result<Links, Error> {
        Ok(Links {
            parent: self.parent_link.map(|link| link.0.into_link()).transpose()?,
            follow_ups: self.follow_up_links.into_iter().flat_map(|links| links.0).map(LinkRow::into_link).collect::<Result<_, _>>()?,
        })
    }
}
