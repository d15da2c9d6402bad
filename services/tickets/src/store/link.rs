//! The tickets that a ticket is linked with, as they come along with it.

use portico_chassis::error::Error;
use serde::Deserialize;
use sqlx::types::Json;
use uuid::Uuid;

use super::collaborator::ShareRow;
use crate::domain::case::{Link, Links};
use crate::domain::ids::{OrganizationId, PersonId, TicketId};

/// Columns of [`LinksRow`]; `t` is the ticket, and a query `reader` names who looks.
pub(super) fn columns() -> String {
    let link = "jsonb_build_object('id', l.id, 'number', l.number, 'requester', l.requester_id, 'guest', l.guest_email, \
                'organization', l.organization_id, 'share', (SELECT to_jsonb(x) - 'portal' - 'ticket_id' FROM collaborator x, reader \
                WHERE x.ticket_id = l.id AND x.person_id = reader.id))";
    format!(
        "(SELECT {link} FROM ticket l WHERE l.portal = t.portal AND l.id = t.follow_up_of) AS parent_link, \
         coalesce((SELECT jsonb_agg({link} ORDER BY l.seq) FROM ticket l WHERE l.portal = t.portal AND l.follow_up_of = t.id), '[]') \
           AS follow_up_links"
    )
}

/// The links of one ticket.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct LinksRow {
    parent_link: Option<Json<LinkRow>>,
    follow_up_links: Json<Vec<LinkRow>>,
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
            follow_ups: self.follow_up_links.0.into_iter().map(LinkRow::into_link).collect::<Result<_, _>>()?,
        })
    }
}
