//! ImportService.

use portico_chassis::grpc::context;
use portico_chassis::journal::RequestKey;
use portico_proto::tickets::v1 as wire;
use portico_proto::tickets::v1::import_service_server::ImportService;
use portico_proto::tickets::v1::imported_step::What;
use time::OffsetDateTime;
use time::macros::datetime;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::fields::{self, Form, LONGEST_NAME, LONGEST_SUBJECT};
use super::ticket::LONGEST_RATING;
use crate::app::Tickets;
use crate::app::asker::Asker;
use crate::app::import::{ImportDeed, ImportInput, ImportStep};
use crate::domain::ids::PersonId;
use crate::domain::kinds::{Access, Channel, Level, Priority, TicketType, Visibility};
use crate::domain::priority::Weights;
use crate::domain::ticket::Place;

/// Characters of a source id.
const LONGEST_SOURCE: usize = 200;
/// Steps of one ticket.
const MOST_STEPS: usize = 500;
/// Nothing that is imported happened before.
const EARLIEST: OffsetDateTime = datetime!(2000-01-01 00:00 UTC);

/// The service.
pub struct Api(pub Tickets);

#[tonic::async_trait]
impl ImportService for Api {
    async fn import_ticket(&self, request: Request<wire::ImportTicketRequest>) -> Result<Response<wire::ImportTicketResponse>, Status> {
        let (context, message) = (context(&request)?, request.into_inner());
        let asker = Asker::new(&context, &message.portal)?;
        let request = context.request_key("ImportTicket", &message.request_id, &message)?;
        let mut form = Form::default();
        let input = Reading { form: &mut form, now: self.0.now() }.ticket(message, request);
        form.done()?;
        let answer = self.0.import(&asker, input).await?;
        Ok(Response::new(wire::ImportTicketResponse { id: answer.id.to_string(), number: answer.number, created: answer.created }))
    }
}

/// Reads a ticket or a step, and collects what does not fit.
struct Reading<'a> {
    form: &'a mut Form,
    now: OffsetDateTime,
}

impl Reading<'_> {
    fn ticket(&mut self, given: wire::ImportTicketRequest, request: RequestKey) -> ImportInput {
        let created_at = self.time("created_at", given.created_at.as_ref(), EARLIEST);
        let form = &mut *self.form;
        if given.history.len() > MOST_STEPS {
            form.wrong("history", "too_many", format!("At most {MOST_STEPS} steps."));
        }
        let follow_up_of = form.line("follow_up_of", &given.follow_up_of, LONGEST_SOURCE);
        ImportInput {
            request,
            source_id: form.required_line("source_id", &given.source_id, LONGEST_SOURCE),
            subject: form.required_line("subject", &given.subject, LONGEST_SUBJECT),
            description: form.required_markdown("description", &given.description),
            requester: required_person(form, "requester", &given.requester_id),
            created_by: form.id("created_by", &given.created_by_id),
            created_at,
            channel: form.choice("channel", given.channel, Channel::from_code),
            ticket_type: form.choice("type", given.r#type, TicketType::from_code).unwrap_or(TicketType::Request),
            weights: Weights {
                impact: form.choice("impact", given.impact, Level::from_code),
                urgency: form.choice("urgency", given.urgency, Level::from_code),
                priority: form.choice("priority", given.priority, Priority::from_code),
            },
            place: Place {
                department: form.id("department", &given.department_id),
                product: form.id("product", &given.product_id),
                category: form.id("category", &given.category_id),
            },
            group: form.id("group", &given.group_id),
            assignee: form.id("assignee", &given.assignee_id),
            contact_name: form.line("contact_name", &given.contact_name, LONGEST_NAME),
            tags: fields::tags(form, &given.tags),
            follow_up_of: Some(follow_up_of).filter(|source| !source.is_empty()),
            history: self.history(&given.history, created_at),
        }
    }

    fn history(&mut self, given: &[wire::ImportedStep], begun: OffsetDateTime) -> Vec<ImportStep> {
        let (mut floor, mut steps) = (begun, Vec::with_capacity(given.len().min(MOST_STEPS)));
        for (index, step) in given.iter().take(MOST_STEPS).enumerate() {
            let mut form = Form::default();
            let read = Reading { form: &mut form, now: self.now }.step(step, floor);
            self.form.part(&format!("history[{index}]"), form);
            floor = floor.max(read.at);
            steps.push(read);
        }
        steps
    }

    fn step(&mut self, given: &wire::ImportedStep, floor: OffsetDateTime) -> ImportStep {
        let at = self.time("at", given.at.as_ref(), floor);
        let form = &mut *self.form;
        let by = required_person(form, "by", &given.by_id);
        let channel = form.choice("channel", given.channel, Channel::from_code).unwrap_or(Channel::Portal);
        ImportStep { at, by, channel, deed: deed(form, by, given.what.as_ref()) }
    }

    /// A time that must be there, at or after `floor` and not in the future.
    fn time(&mut self, field: &str, given: Option<&prost_types::Timestamp>, floor: OffsetDateTime) -> OffsetDateTime {
        if given.is_none() {
            self.form.wrong(field, "required", "Give a time.");
        }
        let Some(at) = self.form.time(field, given) else { return floor };
        if at > self.now {
            self.form.wrong(field, "in_the_future", "What is imported has happened.");
        } else if at < EARLIEST {
            self.form.wrong(field, "too_early", "Not before the year 2000.");
        } else if at < floor {
            self.form.wrong(field, "out_of_order", "Steps are listed oldest first, after the ticket's creation.");
        }
        at
    }
}

fn required_person(form: &mut Form, field: &str, text: &str) -> PersonId {
    if text.is_empty() {
        form.wrong(field, "required", "Name a person by their id.");
    }
    form.id(field, text).unwrap_or(PersonId::new(Uuid::nil()))
}

fn deed(form: &mut Form, by: PersonId, what: Option<&What>) -> ImportDeed {
    match what {
        Some(What::Comment(said)) => ImportDeed::Comment {
            body: form.required_markdown("body", &said.body),
            visibility: said.internal.then_some(Visibility::Internal),
            next: fields::next(form, said.status, &said.sub_status, said.reason),
        },
        Some(What::Change(change)) => {
            let (patch, next) = fields::changes(form, Some(by), change.changes.as_ref(), change.update_mask.as_ref());
            ImportDeed::Change { patch: Box::new(patch), next }
        }
        Some(What::Close(close)) => {
            ImportDeed::Close { score: form.score("score", close.score), comment: form.words("comment", &close.comment, LONGEST_RATING) }
        }
        Some(What::Reopen(reopen)) => ImportDeed::Reopen { comment: form.required_markdown("comment", &reopen.comment) },
        Some(What::Rating(rating)) => {
            let score = form.score("score", rating.score);
            if rating.score == 0 {
                form.wrong("score", "required", "Choose a score from 1 to 5.");
            }
            ImportDeed::Rate { score: score.unwrap_or(0), comment: form.words("comment", &rating.comment, LONGEST_RATING) }
        }
        Some(What::Share(share)) => ImportDeed::Share {
            person: required_person(form, "person", &share.person_id),
            access: form.choice("access", share.access, Access::from_code).unwrap_or(Access::Write),
            expires_at: form.time("expires_at", share.expires_at.as_ref()),
        },
        Some(What::Unshare(unshare)) => ImportDeed::Unshare { person: required_person(form, "person", &unshare.person_id) },
        Some(What::KeepOpen(_)) => ImportDeed::KeepOpen,
        Some(What::View(_)) => ImportDeed::View,
        None => {
            form.wrong("what", "required", "Say what was done.");
            ImportDeed::View
        }
    }
}
