//! Reads messages: what comes in becomes inputs of the use cases, and every field that does not fit is named, all at once, by its name in the
//! JSON API.

use std::str::FromStr;

use portico_chassis::clock::from_proto;
use portico_chassis::error::{Error, FieldError};
use portico_chassis::journal::RequestKey;
use portico_proto::tickets::v1 as wire;
use prost_types::FieldMask;
use time::OffsetDateTime;

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

/// Markdown texts, in characters.
pub const LONGEST_BODY: usize = 60_000;
/// Subjects, in characters.
pub const LONGEST_SUBJECT: usize = 200;
/// Names of people and things, in characters.
pub const LONGEST_NAME: usize = 120;
/// Mail addresses, in bytes.
const LONGEST_EMAIL: usize = 254;
const MOST_COLLABORATORS: usize = 20;
const MOST_TAGS: usize = 20;
const LONGEST_TAG: usize = 40;

/// Collects what does not fit.
#[derive(Debug, Default)]
pub struct Form(Vec<FieldError>);

impl Form {
    /// Notes that a field does not fit.
    pub fn wrong(&mut self, field: &str, code: &'static str, message: impl Into<String>) {
        self.0.push(FieldError::new(field, code, message));
    }

    /// All that does not fit, if anything.
    pub fn done(self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Invalid(self.0)) }
    }

    /// Takes over what does not fit in a part, under the part's name: `history[2].body`.
    pub fn part(&mut self, name: &str, part: Self) {
        self.0.extend(part.0.into_iter().map(|wrong| FieldError { field: format!("{name}.{}", wrong.field), ..wrong }));
    }

    /// One line of at most `most` characters; may be empty.
    pub fn line(&mut self, field: &str, text: &str, most: usize) -> String {
        let text = text.trim();
        if text.chars().count() > most {
            self.wrong(field, "too_long", format!("At most {most} characters."));
        } else if text.chars().any(char::is_control) {
            self.wrong(field, "invalid", "One line of text, please.");
        }
        text.to_owned()
    }

    /// One line that must be there.
    pub fn required_line(&mut self, field: &str, text: &str, most: usize) -> String {
        let line = self.line(field, text, most);
        if line.is_empty() {
            self.wrong(field, "required", "Fill this in.");
        }
        line
    }

    /// Markdown of at most [`LONGEST_BODY`] characters; may be empty.
    pub fn markdown(&mut self, field: &str, text: &str) -> String {
        // Fewer bytes than that can't be too many characters: long texts are counted only when it matters.
        if text.len() > LONGEST_BODY && text.chars().count() > LONGEST_BODY {
            self.wrong(field, "too_long", format!("At most {LONGEST_BODY} characters."));
        } else if text.contains('\0') {
            self.wrong(field, "invalid", "The text has characters that are none.");
        }
        text.trim_end().to_owned()
    }

    /// Markdown that must be there.
    pub fn required_markdown(&mut self, field: &str, text: &str) -> String {
        let text = self.markdown(field, text);
        if text.trim().is_empty() {
            self.wrong(field, "required", "Write something.");
        }
        text
    }

    /// A short text of several lines, of at most `most` characters; may be empty.
    pub fn words(&mut self, field: &str, text: &str, most: usize) -> String {
        if text.chars().count() > most {
            self.wrong(field, "too_long", format!("At most {most} characters."));
        } else if text.contains('\0') {
            self.wrong(field, "invalid", "The text has characters that are none.");
        }
        text.trim().to_owned()
    }

    /// An id that may be left out.
    pub fn id<T: FromStr>(&mut self, field: &str, text: &str) -> Option<T> {
        if text.is_empty() {
            return None;
        }
        let parsed = text.parse().ok();
        if parsed.is_none() {
            self.wrong(field, "invalid", "Choose one from the list.");
        }
        parsed
    }

    /// A value of a closed set that may be left out: 0.
    pub fn choice<T>(&mut self, field: &str, code: i32, from_code: impl Fn(i16) -> Option<T>) -> Option<T> {
        if code == 0 {
            return None;
        }
        let known = i16::try_from(code).ok().and_then(from_code);
        if known.is_none() {
            self.wrong(field, "invalid", "This is none of the values.");
        }
        known
    }

    /// A mail address, in lower case. Identity has the last word on what is one.
    pub fn email(&mut self, field: &str, text: &str) -> String {
        let text = text.trim().to_lowercase();
        let shaped = text.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.') && !domain.contains('@'));
        let plain = !text.chars().any(|letter| letter.is_whitespace() || letter.is_control() || "<>(),;:\\\"[]".contains(letter));
        if text.is_empty() {
            self.wrong(field, "required", "Give a mail address.");
        } else if text.len() > LONGEST_EMAIL || !shaped || !plain {
            self.wrong(field, "invalid", "This is not a mail address.");
        }
        text
    }

    /// A time that may be left out.
    pub fn time(&mut self, field: &str, at: Option<&prost_types::Timestamp>) -> Option<OffsetDateTime> {
        let parsed = at.map(from_proto)?;
        // PostgreSQL's years; chassis times are far inside.
        let sound = parsed.filter(|at| (1..=9999).contains(&at.year()));
        if sound.is_none() {
            self.wrong(field, "invalid", "This is not a time.");
        }
        sound.map(crate::app::micros)
    }

    /// A score from 1 to 5; 0 when it may be left out.
    pub fn score(&mut self, field: &str, score: i32) -> Option<u8> {
        match u8::try_from(score) {
            Ok(0) => None,
            Ok(score @ 1..=5) => Some(score),
            _ => {
                self.wrong(field, "out_of_range", "Choose a score from 1 to 5.");
                None
            }
        }
    }
}

/// The version in an etag; a text that is none is no version that was ever seen.
pub fn etag(text: &str) -> Result<Option<i64>, Error> {
    if text.is_empty() {
        return Ok(None);
    }
    text.trim_matches('"').parse().map(Some).map_err(|_| Error::version_conflict())
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_that_does_not_fit_is_named_at_once() {
        let mut form = Form::default();
        form.required_line("subject", "  ", LONGEST_SUBJECT);
        form.required_markdown("description", &"x".repeat(LONGEST_BODY + 1));
        form.required_markdown("fits", &"ü".repeat(LONGEST_BODY));
        form.email("email", "a b@c.de");
        form.choice("priority", 9, crate::domain::kinds::Priority::from_code);
        let Err(Error::Invalid(fields)) = form.done() else { panic!("nothing was wrong") };
        let named: Vec<&str> = fields.iter().map(|field| field.field.as_str()).collect();
        assert_eq!(named, ["subject", "description", "email", "priority"]);
    }

    #[test]
    fn addresses_are_recognised_by_their_shape() {
        for (text, good) in
            [("A@b.de", true), ("a@b", false), ("a@@b.de", false), ("a@b.de>", false), ("\"x\"@b.de", false), ("a\n@b.de", false)]
        {
            let mut form = Form::default();
            form.email("email", text);
            assert_eq!(form.done().is_ok(), good, "{text:?}");
        }
    }
}
