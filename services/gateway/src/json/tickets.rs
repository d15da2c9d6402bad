//! Making, reading and changing a ticket.

use axum::response::{IntoResponse, Response};
use portico_proto::tickets::v1 as proto;
use prost_types::FieldMask;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::proofs::Captcha;
use super::shared::{self, created, resource, tagged};
use super::ticket_view::{Level, Priority, Reason, Status, Ticket, TicketType, UnverifiedTicket};
use crate::call::{Api, Call};
use crate::error::Answer;
use crate::extract::Body;
use crate::input::Patch;
use crate::json_body;
use crate::limits::Kind;
use crate::state::AppState;

json_body! {
    /// A new ticket. Guests add `email`, `name` and `captcha`; agents may name a `requester`.
    pub struct CreateTicket {
        /// One line.
        #[schema(min_length = 1, max_length = 200)]
        pub subject: String,
        /// Markdown.
        #[schema(min_length = 1, max_length = 60000)]
        pub description: String,
        /// Id of a department.
        pub department: Option<String>,
        /// Id of a product.
        pub product: Option<String>,
        /// Id of a category.
        pub category: Option<String>,
        /// `request` when left out.
        pub r#type: Option<TicketType>,
        /// Where the portal lets customers enter it.
        pub impact: Option<Level>,
        /// Where the portal lets customers enter it.
        pub urgency: Option<Level>,
        /// Where the portal lets customers enter it.
        pub priority: Option<Priority>,
        /// On whose behalf.
        #[schema(max_length = 120)]
        pub contact_name: Option<String>,
        /// Mail addresses. A guest's wait until the requester or an agent confirms them.
        #[schema(max_items = 20)]
        pub collaborators: Option<Vec<String>>,
        /// `upload_id`s of `POST uploads`.
        #[schema(max_items = 20)]
        pub uploads: Option<Vec<String>>,
        /// Agents only: id or mail address of a person.
        pub requester: Option<String>,
        /// Agents only.
        #[schema(max_items = 20)]
        pub tags: Option<Vec<String>>,
        /// Agents only: id of an agent.
        pub assignee: Option<String>,
        /// Agents only: id of a group.
        pub group: Option<String>,
        /// Guests only: the mail address.
        #[schema(max_length = 254)]
        pub email: Option<String>,
        /// Guests only.
        #[schema(max_length = 120)]
        pub name: Option<String>,
        /// Guests only: purpose `guest_ticket`.
        pub captcha: Option<Captcha>,
    }
}

json_body! {
    /// A follow-up: what is left out is taken from the parent.
    pub struct CreateFollowUp {
        /// One line.
        #[schema(min_length = 1, max_length = 200)]
        pub subject: Option<String>,
        /// Markdown.
        #[schema(min_length = 1, max_length = 60000)]
        pub description: String,
        /// Id of a department.
        pub department: Option<String>,
        /// Id of a product.
        pub product: Option<String>,
        /// Id of a category.
        pub category: Option<String>,
        /// Kind.
        pub r#type: Option<TicketType>,
        /// Where the portal lets customers enter it.
        pub impact: Option<Level>,
        /// Where the portal lets customers enter it.
        pub urgency: Option<Level>,
        /// Where the portal lets customers enter it.
        pub priority: Option<Priority>,
        /// On whose behalf.
        #[schema(max_length = 120)]
        pub contact_name: Option<String>,
        /// Mail addresses.
        #[schema(max_items = 20)]
        pub collaborators: Option<Vec<String>>,
        /// `upload_id`s of `POST uploads`.
        #[schema(max_items = 20)]
        pub uploads: Option<Vec<String>>,
        /// Agents only: id or mail address of a person; the parent's requester when left out.
        pub requester: Option<String>,
        /// Agents only.
        #[schema(max_items = 20)]
        pub tags: Option<Vec<String>>,
        /// Agents only: id of an agent.
        pub assignee: Option<String>,
        /// Agents only: id of a group.
        pub group: Option<String>,
    }
}

json_body! {
    /// Changes by an agent; what is left out stays, null takes away.
    pub struct PatchTicket {
        /// One line.
        #[schema(min_length = 1, max_length = 200)]
        pub subject: Option<String>,
        /// Kind.
        pub r#type: Option<TicketType>,
        /// Goes through the transitions of a reply.
        pub status: Option<Status>,
        /// With `waiting_third_party`.
        #[schema(value_type = Option<String>, max_length = 80)]
        pub sub_status: Patch<String>,
        /// With `resolved`.
        pub reason: Option<Reason>,
        /// Impact.
        #[schema(value_type = Option<Level>)]
        pub impact: Patch<Level>,
        /// Urgency.
        #[schema(value_type = Option<Level>)]
        pub urgency: Patch<Level>,
        /// Priority.
        pub priority: Option<Priority>,
        /// Id of a department.
        #[schema(value_type = Option<String>)]
        pub department: Patch<String>,
        /// Id of a product.
        #[schema(value_type = Option<String>)]
        pub product: Patch<String>,
        /// Id of a category.
        #[schema(value_type = Option<String>)]
        pub category: Patch<String>,
        /// Id of a group.
        #[schema(value_type = Option<String>)]
        pub group: Patch<String>,
        /// Id of an agent, or `me`.
        #[schema(value_type = Option<String>)]
        pub assignee: Patch<String>,
        /// On whose behalf.
        #[schema(value_type = Option<String>, max_length = 120)]
        pub contact_name: Patch<String>,
        /// Replaces the tags.
        #[schema(max_items = 20)]
        pub tags: Option<Vec<String>>,
    }
}

impl CreateTicket {
    fn guest(&mut self) -> Option<proto::GuestEntry> {
        let given = self.email.is_some() || self.name.is_some() || self.captcha.is_some();
        given.then(|| proto::GuestEntry {
            email: shared::text(self.email.take()),
            name: shared::text(self.name.take()),
            captcha: self.captcha.take().map(|captcha| proto::CaptchaAnswer {
                number: captcha.number_text(),
                token: captcha.token,
                code: shared::text(captcha.code),
            }),
        })
    }

    fn into_request(mut self, call: &Call) -> proto::CreateTicketRequest {
        proto::CreateTicketRequest {
            portal: call.portal(),
            request_id: call.request_id(),
            guest: self.guest(),
            subject: self.subject,
            description: self.description,
            department_id: shared::text(self.department),
            product_id: shared::text(self.product),
            category_id: shared::text(self.category),
            r#type: self.r#type.map_or(0, |kind| kind.to_proto().into()),
            impact: self.impact.map_or(0, |level| level.to_proto().into()),
            urgency: self.urgency.map_or(0, |level| level.to_proto().into()),
            priority: self.priority.map_or(0, |priority| priority.to_proto().into()),
            contact_name: shared::text(self.contact_name),
            collaborators: self.collaborators.unwrap_or_default(),
            uploads: shared::uploads(self.uploads),
            requester: shared::text(self.requester),
            tags: self.tags.unwrap_or_default(),
            assignee_id: shared::text(self.assignee),
            group_id: shared::text(self.group),
        }
    }
}

impl CreateFollowUp {
    fn into_request(self, call: &Call, number: String) -> proto::CreateFollowUpRequest {
        let ticket = proto::CreateTicketRequest {
            portal: call.portal(),
            request_id: call.request_id(),
            subject: shared::text(self.subject),
            description: self.description,
            department_id: shared::text(self.department),
            product_id: shared::text(self.product),
            category_id: shared::text(self.category),
            r#type: self.r#type.map_or(0, |kind| kind.to_proto().into()),
            impact: self.impact.map_or(0, |level| level.to_proto().into()),
            urgency: self.urgency.map_or(0, |level| level.to_proto().into()),
            priority: self.priority.map_or(0, |priority| priority.to_proto().into()),
            contact_name: shared::text(self.contact_name),
            collaborators: self.collaborators.unwrap_or_default(),
            uploads: shared::uploads(self.uploads),
            requester: shared::text(self.requester),
            tags: self.tags.unwrap_or_default(),
            assignee_id: shared::text(self.assignee),
            group_id: shared::text(self.group),
            ..Default::default()
        };
        proto::CreateFollowUpRequest { ticket: Some(ticket), number }
    }
}

/// Collects the fields that a PATCH names.
struct Changes {
    changes: proto::TicketChanges,
    paths: Vec<String>,
}

impl Changes {
    fn set<T>(&mut self, path: &str, value: Option<T>, apply: impl FnOnce(&mut proto::TicketChanges, T)) {
        if let Some(value) = value {
            self.paths.push(path.to_owned());
            apply(&mut self.changes, value);
        }
    }

    fn of(body: PatchTicket) -> Self {
        let mut it = Self { changes: proto::TicketChanges::default(), paths: Vec::new() };
        let level = |patch: Patch<Level>| patch.into_option().map(|level| level.map_or(0, |level| level.to_proto().into()));
        let id = |patch: Patch<String>| patch.into_option().map(Option::unwrap_or_default);
        it.set("subject", body.subject, |to, value| to.subject = value);
        it.set("type", body.r#type, |to, value| to.r#type = value.to_proto().into());
        it.set("status", body.status, |to, value| to.status = value.to_proto().into());
        it.set("sub_status", id(body.sub_status), |to, value| to.sub_status = value);
        it.set("reason", body.reason, |to, value| to.reason = value.to_proto().into());
        it.set("impact", level(body.impact), |to, value| to.impact = value);
        it.set("urgency", level(body.urgency), |to, value| to.urgency = value);
        it.set("priority", body.priority, |to, value| to.priority = value.to_proto().into());
        it.set("department_id", id(body.department), |to, value| to.department_id = value);
        it.set("product_id", id(body.product), |to, value| to.product_id = value);
        it.set("category_id", id(body.category), |to, value| to.category_id = value);
        it.set("group_id", id(body.group), |to, value| to.group_id = value);
        it.set("assignee_id", id(body.assignee), |to, value| to.assignee_id = value);
        it.set("contact_name", id(body.contact_name), |to, value| to.contact_name = value);
        it.set("tags", body.tags, |to, value| to.tags = value);
        it
    }
}

/// The answer to a create: the ticket, or what a guest may know of it.
pub fn made(call: &Call, answer: proto::CreateTicketResponse) -> Answer<Response> {
    let ticket = answer.ticket.ok_or_else(|| chassis::error::Error::internal("tickets answered a create without the ticket"))?;
    if call.caller.as_person().is_none() {
        return Ok(created(UnverifiedTicket { number: ticket.number, verified: ticket.verified }));
    }
    let etag = ticket.version.to_string();
    Ok(tagged(&etag, created(Ticket::from(ticket))))
}

/// The answer to a change.
pub fn changed(ticket: proto::Ticket) -> Response {
    let etag = ticket.version.to_string();
    tagged(&etag, axum::Json(Ticket::from(ticket)).into_response())
}

/// Makes a ticket. A guest's answer has only `number` and `verified`.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/tickets", tag = "tickets", params(("portal" = String, Path)),
    request_body = CreateTicket, responses((status = 201, body = inline(Made))))]
async fn create(Api(call): Api, Body(body): Body<CreateTicket>) -> Answer<Response> {
    if call.caller.as_person().is_none() {
        call.limit(Kind::GuestRequests)?;
    }
    let request = call.grpc(body.into_request(&call));
    let answer = call.clients().tickets().create_ticket(request).await?.into_inner();
    made(&call, answer)
}

/// What a create answers.
#[derive(serde::Serialize, utoipa::ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "describes the two shapes to OpenAPI")]
enum Made {
    /// For people.
    Ticket(Box<Ticket>),
    /// For guests.
    Unverified(UnverifiedTicket),
}

/// One ticket as the caller sees it.
#[utoipa::path(get, path = "/api/v1/portals/{portal}/tickets/{number}", tag = "tickets",
    params(("portal" = String, Path), ("number" = String, Path)), responses((status = 200, body = Ticket)))]
async fn read(Api(call): Api) -> Answer<Response> {
    let number = call.path("number");
    let request = call.grpc(proto::GetTicketRequest { portal: call.portal(), number });
    let ticket = call.clients().tickets().get_ticket(request).await?.into_inner();
    let etag = ticket.version.to_string();
    Ok(resource(&call.headers, &etag, Ticket::from(ticket)))
}

/// Changes fields; agents only.
#[utoipa::path(patch, path = "/api/v1/portals/{portal}/tickets/{number}", tag = "tickets",
    params(("portal" = String, Path), ("number" = String, Path)), request_body = PatchTicket, responses((status = 200, body = Ticket)))]
async fn patch(Api(call): Api, Body(body): Body<PatchTicket>) -> Answer<Response> {
    let number = call.path("number");
    let Changes { changes, paths } = Changes::of(body);
    let request = call.grpc(proto::UpdateTicketRequest {
        portal: call.portal(),
        request_id: call.request_id(),
        etag: call.etag()?,
        number,
        changes: Some(changes),
        update_mask: Some(FieldMask { paths }),
    });
    Ok(changed(call.clients().tickets().update_ticket(request).await?.into_inner()))
}

/// Makes a ticket that is linked to a resolved or closed one.
#[utoipa::path(post, path = "/api/v1/portals/{portal}/tickets/{number}/follow-ups", tag = "tickets",
    params(("portal" = String, Path), ("number" = String, Path)), request_body = CreateFollowUp, responses((status = 201, body = Ticket)))]
async fn follow_up(Api(call): Api, Body(body): Body<CreateFollowUp>) -> Answer<Response> {
    let number = call.path("number");
    let request = call.grpc(body.into_request(&call, number));
    let answer = call.clients().tickets().create_follow_up(request).await?.into_inner();
    made(&call, answer)
}

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(create)).routes(routes!(read, patch)).routes(routes!(follow_up))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::parse;

    #[test]
    fn a_patch_names_exactly_what_it_changes() {
        let body: PatchTicket = parse(br#"{"status": "resolved", "reason": "workaround", "assignee": null, "group": "g"}"#).ok().unwrap();
        let Changes { changes, paths } = Changes::of(body);
        assert_eq!(paths, ["status", "reason", "group_id", "assignee_id"]);
        assert_eq!((changes.group_id.as_str(), changes.assignee_id.as_str()), ("g", ""));
    }

    #[test]
    fn read_only_members_are_refused_by_name_s36() {
        let problem =
            parse::<CreateTicket>(br#"{"subject": "s", "description": "d", "verified": true, "number": "X-1", "status": "closed"}"#)
                .err()
                .unwrap();
        let fields: Vec<_> = problem.field_errors().iter().map(|error| (error.field.as_str(), error.code.as_ref())).collect();
        assert_eq!(fields, [("verified", "unknown_field"), ("number", "unknown_field"), ("status", "unknown_field")]);
    }
}
