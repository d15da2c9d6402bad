//! Mutations of tickets: messages become inputs.

use portico_chassis::error::Error;
use portico_chassis::journal::RequestKey;
use portico_proto::tickets::v1 as wire;
use prost_types::FieldMask;

use super::form::{Form, LONGEST_NAME, LONGEST_SUBJECT, etag};
use crate::app::asker::Asker;
use crate::app::clients::CaptchaAnswer;
use crate::app::conversation::CommentInput;
use crate::app::create::{GuestInput, NewInput};
use crate::app::ticket::UpdateInput;
use crate::domain::change::Patch;
use crate::domain::command::Next;
use crate::domain::ids::PersonId;
use crate::domain::kinds::{Level, Priority, Reason, TicketType, Visibility};
use crate::domain::priority::Weights;
use crate::domain::status::Status;
use crate::domain::ticket::Place;

const MOST_COLLABORATORS: usize = 20;
const MOST_TAGS: usize = 20;
const LONGEST_TAG: usize = 40;

/// A new ticket; a follow-up may leave its subject out.
pub fn new_ticket(asker: &Asker, given: wire::CreateTicketRequest, request: RequestKey, follow_up: bool) -> Result<NewInput, Error> {
    let mut form = Form::default();
    let subject = if follow_up {
        form.line("subject", &given.subject, LONGEST_SUBJECT)
    } else {
        form.required_line("subject", &given.subject, LONGEST_SUBJECT)
    };
    let description = form.required_markdown("description", &given.description);
    let place = Place {
        department: form.id("department", &given.department_id),
        product: form.id("product", &given.product_id),
        category: form.id("category", &given.category_id),
    };
    let weights = Weights {
        impact: form.choice("impact", given.impact, Level::from_code),
        urgency: form.choice("urgency", given.urgency, Level::from_code),
        priority: form.choice("priority", given.priority, Priority::from_code),
    };
    let contact_name = form.line("contact_name", &given.contact_name, LONGEST_NAME);
    if given.collaborators.len() > MOST_COLLABORATORS {
        form.wrong("collaborators", "too_many", format!("At most {MOST_COLLABORATORS} people."));
    }
    let collaborators = given.collaborators.iter().map(|email| form.email("collaborators", email)).collect();
    let requester = requester(&mut form, &given.requester);
    let tags = tags(&mut form, &given.tags);
    let assignee = assignee(&mut form, me(asker), &given.assignee_id);
    let group = form.id("group", &given.group_id);
    let ticket_type = form.choice("type", given.r#type, TicketType::from_code).unwrap_or(TicketType::Request);
    let guest = given.guest.as_ref().map(|entry| guest(&mut form, entry));
    form.done()?;
    let uploads = given.uploads.into_iter().map(|upload| upload.token).collect();
    Ok(NewInput {
        request,
        subject,
        description,
        place,
        ticket_type,
        weights,
        contact_name,
        collaborators,
        uploads,
        requester,
        guest,
        tags,
        assignee,
        group,
        channel: None,
    })
}

fn requester(form: &mut Form, text: &str) -> Option<String> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    Some(if text.contains('@') { form.email("requester", text) } else { form.line("requester", text, LONGEST_NAME) })
}

fn guest(form: &mut Form, entry: &wire::GuestEntry) -> GuestInput {
    let captcha = entry.captcha.clone().unwrap_or_default();
    if captcha.token.is_empty() {
        form.wrong("captcha", "required", "Answer the check.");
    }
    if captcha.token.len() > 4096 || captcha.number.len() > 20 || captcha.code.len() > 64 {
        form.wrong("captcha", "invalid", "Answer the check again.");
    }
    GuestInput {
        email: form.email("email", &entry.email),
        name: form.required_line("name", &entry.name, LONGEST_NAME),
        captcha: CaptchaAnswer { token: captcha.token, number: captcha.number, code: captcha.code },
    }
}

pub(super) fn tags(form: &mut Form, given: &[String]) -> Vec<String> {
    if given.len() > MOST_TAGS {
        form.wrong("tags", "too_many", format!("At most {MOST_TAGS} tags."));
    }
    let mut tags: Vec<String> = Vec::new();
    for tag in given {
        let tag = form.required_line("tags", tag, LONGEST_TAG);
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    tags
}

fn me(asker: &Asker) -> Option<PersonId> {
    asker.as_viewer().map(|viewer| viewer.person)
}

fn assignee(form: &mut Form, me: Option<PersonId>, text: &str) -> Option<PersonId> {
    if text == "me" { me } else { form.id("assignee", text) }
}

/// A comment or note.
pub fn comment(given: wire::AddCommentRequest, request: RequestKey) -> Result<CommentInput, Error> {
    let mut form = Form::default();
    let body = form.required_markdown("body", &given.body);
    let visibility = form.choice("visibility", given.visibility, Visibility::from_code);
    let next = next(&mut form, given.status, &given.sub_status, given.reason);
    form.done()?;
    let uploads = given.uploads.into_iter().map(|upload| upload.token).collect();
    Ok(CommentInput { request, etag: etag(&given.etag)?, body, uploads, visibility, next })
}

pub(super) fn next(form: &mut Form, status: i32, sub_status: &str, reason: i32) -> Next {
    let party = form.line("sub_status", sub_status, crate::domain::lifecycle::MAX_SUB_STATUS);
    Next {
        status: form.choice("status", status, Status::from_code),
        sub_status: Some(party).filter(|party| !party.is_empty()),
        reason: form.choice("reason", reason, Reason::from_code),
    }
}

/// A change of fields: those that the mask names.
pub fn update(asker: &Asker, given: &wire::UpdateTicketRequest, request: RequestKey) -> Result<UpdateInput, Error> {
    let mut form = Form::default();
    let (patch, next) = changes(&mut form, me(asker), given.changes.as_ref(), given.update_mask.as_ref());
    form.done()?;
    Ok(UpdateInput { request, etag: etag(&given.etag)?, patch, next })
}

/// The fields that a mask names; `me` is whom the word `me` means.
pub(super) fn changes(
    form: &mut Form,
    me: Option<PersonId>,
    changes: Option<&wire::TicketChanges>,
    mask: Option<&FieldMask>,
) -> (Patch, Next) {
    let changes = changes.cloned().unwrap_or_default();
    let paths = mask.map(|mask| mask.paths.as_slice()).unwrap_or_default();
    let (mut patch, mut wanted) = (Patch::default(), Next::default());
    if paths.is_empty() {
        form.wrong("update_mask", "required", "Say which fields to change.");
    }
    for path in paths {
        match path.as_str() {
            "status" => wanted.status = required(form, "status", changes.status, Status::from_code),
            "sub_status" => {
                wanted.sub_status = Some(form.required_line("sub_status", &changes.sub_status, crate::domain::lifecycle::MAX_SUB_STATUS))
            }
            "reason" => wanted.reason = required(form, "reason", changes.reason, Reason::from_code),
            other => field(form, me, &changes, other, &mut patch),
        }
    }
    (patch, wanted)
}

fn required<T>(form: &mut Form, field: &str, code: i32, from_code: impl Fn(i16) -> Option<T>) -> Option<T> {
    if code == 0 {
        form.wrong(field, "required", "Choose a value.");
    }
    form.choice(field, code, from_code)
}

fn field(form: &mut Form, me: Option<PersonId>, changes: &wire::TicketChanges, path: &str, patch: &mut Patch) {
    match path {
        "subject" => patch.subject = Some(form.required_line("subject", &changes.subject, LONGEST_SUBJECT)),
        "type" => patch.ticket_type = required(form, "type", changes.r#type, TicketType::from_code),
        "impact" => patch.impact = Some(form.choice("impact", changes.impact, Level::from_code)),
        "urgency" => patch.urgency = Some(form.choice("urgency", changes.urgency, Level::from_code)),
        "priority" => patch.priority = required(form, "priority", changes.priority, Priority::from_code),
        "department_id" => patch.department = Some(form.id("department", &changes.department_id)),
        "product_id" => patch.product = Some(form.id("product", &changes.product_id)),
        "category_id" => patch.category = Some(form.id("category", &changes.category_id)),
        "group_id" => patch.group = Some(form.id("group", &changes.group_id)),
        "assignee_id" => patch.assignee = Some(assignee(form, me, &changes.assignee_id)),
        "contact_name" => patch.contact_name = Some(form.line("contact_name", &changes.contact_name, LONGEST_NAME)),
        "tags" => patch.tags = Some(tags(form, &changes.tags)),
        _ => form.wrong("update_mask", "unknown_field", "There is no such field to change."),
    }
}
