//! Tickets that come from elsewhere, with their past. Nobody is told or invited.

use std::collections::{BTreeSet, HashMap};

use portico_chassis::db::PortalConn;
use portico_chassis::error::{Error, FieldError};
use portico_chassis::journal::{Claim, Entry, Finish, Outcome, Replay, RequestKey, replay};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::Tickets;
use super::asker::Asker;
use super::create::fill_number;
use super::emit::{Scene, emit, timers};
use super::{follow_up, refusal, view};
use crate::domain::access::{Actor, Relation, Viewer, relation};
use crate::domain::catalog::Catalog;
use crate::domain::change::Patch;
use crate::domain::command::{Command, Comment, Invitee, Next};
use crate::domain::create::{NewTicket, Requester};
use crate::domain::decide::follow_up_allowed;
use crate::domain::event::Event;
use crate::domain::ids::{CollaboratorId, GroupId, ItemId, PersonId, TicketId};
use crate::domain::import::{Deed, Impossible, Past, Step, World, live};
use crate::domain::kinds::{Access, Channel, CollaboratorState, TicketType, Visibility};
use crate::domain::person::PersonFacts;
use crate::domain::policy::Rules;
use crate::domain::priority::Weights;
use crate::domain::refusal::Refusal;
use crate::domain::ticket::{Place, Ticket};
use crate::store;
use crate::store::events::{Circumstances, TICKET};
use crate::store::import::SOURCE;
use crate::store::seen::SeenWrite;
use crate::store::ticket::Handle;
use crate::store::writes::Write;

/// A ticket as it was elsewhere; texts and times are within their bounds already.
#[derive(Debug, Clone)]
pub struct ImportInput {
    /// The idempotency key.
    pub request: RequestKey,
    /// Its id elsewhere.
    pub source_id: String,
    /// One line.
    pub subject: String,
    /// Markdown.
    pub description: String,
    /// Who asked.
    pub requester: PersonId,
    /// Who made it for them.
    pub created_by: Option<PersonId>,
    /// When.
    pub created_at: OffsetDateTime,
    /// How it came in; `None`: portal, or agent where one made it.
    pub channel: Option<Channel>,
    /// Kind of thing.
    pub ticket_type: TicketType,
    /// Impact, urgency, priority.
    pub weights: Weights,
    /// Where it stands in the catalogue.
    pub place: Place,
    /// Owner.
    pub group: Option<GroupId>,
    /// Owner.
    pub assignee: Option<PersonId>,
    /// On whose behalf.
    pub contact_name: String,
    /// Agents' words.
    pub tags: Vec<String>,
    /// The source id of the ticket that it goes on from.
    pub follow_up_of: Option<String>,
    /// Oldest first.
    pub history: Vec<ImportStep>,
}

/// What somebody did to it.
#[derive(Debug, Clone)]
pub struct ImportStep {
    /// When.
    pub at: OffsetDateTime,
    /// Who.
    pub by: PersonId,
    /// How it came in.
    pub channel: Channel,
    /// What.
    pub deed: ImportDeed,
}

/// What somebody did.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the members are those of portico.tickets.v1.ImportedStep, explained there")]
pub enum ImportDeed {
    Comment { body: String, visibility: Option<Visibility>, next: Next },
    Change { patch: Box<Patch>, next: Next },
    Close { score: Option<u8>, comment: String },
    Reopen { comment: String },
    Rate { score: u8, comment: String },
    Share { person: PersonId, access: Access, expires_at: Option<OffsetDateTime> },
    Unshare { person: PersonId },
    KeepOpen,
    View,
}

/// What an import came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportAnswer {
    /// The ticket.
    pub id: Uuid,
    /// What people call it.
    pub number: String,
    /// False: it was there already.
    pub created: bool,
}

type Cast = HashMap<PersonId, PersonFacts>;

/// What an import was looked up in.
struct Stage<'a> {
    rules: &'a Rules,
    cast: Cast,
    parent: Option<Ticket>,
    catalog: Catalog,
}

impl Tickets {
    /// Makes a ticket with its past. The asker is the operator.
    ///
    /// # Errors
    /// All fields that refer to nothing; the first step that the rules refuse.
    pub async fn import(&self, asker: &Asker, input: ImportInput) -> Result<ImportAnswer, Error> {
        let rules = self.rules(&asker.portal).await?;
        let mut conn = self.db.read(&asker.portal, asker.deadline).await?;
        if let Replay::Answered(answer) = replay(&mut conn, &asker.portal, &input.request).await? {
            return view::stored(&answer);
        }
        if let Some(answer) = imported_before(&mut conn, asker, &input.source_id).await? {
            return Ok(answer);
        }
        let cast = self.cast(&mut conn, asker, &input).await?;
        let parent = parent(&mut conn, asker, &input).await?;
        let catalog = store::catalog::read(&mut conn, &asker.portal).await?;
        drop(conn);
        let entry = self.story(asker, &input, &Stage { rules: &rules, cast, parent, catalog })?;
        match self.journal.append_one(entry, asker.deadline).await? {
            Outcome::Committed(committed) => view::stored(&committed.answer),
            Outcome::Replayed(answer) => view::stored(&answer),
            Outcome::KeyReused => Err(Error::KeyReused),
            Outcome::ClaimTaken { .. } => {
                let mut conn = self.db.read(&asker.portal, asker.deadline).await?;
                imported_before(&mut conn, asker, &input.source_id).await?.ok_or(Error::Elsewhere("the journal"))
            }
            // Somebody wrote on the ticket that this one follows.
            Outcome::VersionConflict => Err(Error::version_conflict()),
        }
    }

    /// Lives the past through, and describes what it leaves behind.
    fn story(&self, asker: &Asker, input: &ImportInput, stage: &Stage<'_>) -> Result<Entry<Write>, Error> {
        let Stage { rules, cast, parent, catalog } = stage;
        let requester = cast.get(&input.requester).ok_or(Error::NOT_FOUND)?;
        let mut new = self.imported(asker, input, requester);
        new.place = catalog.place(new.place).map_err(refusal::fields)?;
        if input.group.is_some_and(|id| catalog.group(id).is_none()) {
            return Err(Error::invalid("group", "invalid", "Choose a group of this portal."));
        }
        let by = cast.get(&input.created_by.unwrap_or(input.requester)).ok_or(Error::NOT_FOUND)?;
        let maker = Actor::Person(by.id, if by.is_staff() { Relation::Staff } else { Relation::Requester });
        let (mut with, mut before) = (Vec::new(), None);
        if let Some(parent) = parent {
            before = Some((parent, follower(parent, by, rules, input.created_at)?));
            new = follow_up::inherit(new, parent);
            with = follow_up::shares(parent, Some(input.requester), &self.random, input.created_at);
        }
        let world = World { rules, catalog, begun: input.created_at, now: self.now() };
        let past = live(new, maker, with, &self.steps(input, cast), &world).map_err(impossible)?;
        Ok(self.past_entry(asker, input, &past, before, rules.prefix(&asker.portal)))
    }

    /// Everybody in the story.
    async fn cast(&self, conn: &mut PortalConn, asker: &Asker, input: &ImportInput) -> Result<Cast, Error> {
        let roles = roles(input);
        let ids: Vec<Uuid> = roles.iter().map(|(_, id, _)| id.uuid()).collect::<BTreeSet<_>>().into_iter().collect();
        let found = self.people(conn, &asker.portal, &ids, asker.deadline).await?;
        let cast: Cast = found.into_iter().map(|person| (person.id, person)).collect();
        let mut wrong = Vec::new();
        for (field, id, agent) in roles {
            match cast.get(&id) {
                None => wrong.push(FieldError::new(field, "invalid", "There is no such person in this portal.")),
                Some(person) if agent && !person.is_staff() => {
                    wrong.push(FieldError::new(field, "invalid", "This person is no agent of the portal."));
                }
                Some(_) => {}
            }
        }
        if wrong.is_empty() { Ok(cast) } else { Err(Error::Invalid(wrong)) }
    }

    fn imported(&self, asker: &Asker, input: &ImportInput, requester: &PersonFacts) -> NewTicket {
        let by_agent = input.created_by.is_some_and(|agent| agent != input.requester);
        let door = if by_agent { Channel::Agent } else { Channel::Portal };
        NewTicket {
            id: TicketId::new(self.random.uuid(input.created_at)),
            item: ItemId::new(self.random.uuid(input.created_at)),
            portal: asker.portal.clone(),
            subject: input.subject.clone(),
            description: input.description.clone(),
            ticket_type: input.ticket_type,
            channel: input.channel.unwrap_or(door),
            requester: Requester::Person(requester.id, requester.organization.as_ref().map(|(id, _)| *id)),
            place: input.place,
            weights: input.weights,
            contact_name: input.contact_name.clone(),
            tags: input.tags.clone(),
            assignee: input.assignee,
            group: input.group,
            follow_up_of: None,
        }
    }

    fn steps(&self, input: &ImportInput, cast: &Cast) -> Vec<Step> {
        let known = input.history.iter().filter_map(|step| Some((step, cast.get(&step.by)?)));
        let step = |(step, person): (&ImportStep, &PersonFacts)| Step {
            at: step.at,
            by: viewer(person, step.channel),
            deed: self.deed(step, cast),
        };
        known.map(step).collect()
    }

    fn deed(&self, step: &ImportStep, cast: &Cast) -> Deed {
        let item = ItemId::new(self.random.uuid(step.at));
        let channel = step.channel;
        let command = match step.deed.clone() {
            ImportDeed::View => return Deed::Looked,
            ImportDeed::Unshare { person } => return Deed::Unshared(person),
            ImportDeed::Comment { body, visibility, next } => Command::Comment(Comment { item, body, visibility, channel, next }),
            ImportDeed::Change { patch, next } => Command::Update { patch: *patch, next },
            ImportDeed::Close { score, comment } => Command::Close { score, comment, item, channel },
            ImportDeed::Reopen { comment } => Command::Reopen { comment, item, channel },
            ImportDeed::Rate { score, comment } => Command::Rate { score, comment },
            ImportDeed::KeepOpen => Command::KeepOpen,
            ImportDeed::Share { person, access, expires_at } => Command::Share(Invitee {
                id: CollaboratorId::new(self.random.uuid(step.at)),
                person,
                registered: cast.get(&person).is_some_and(|facts| facts.registered),
                state: CollaboratorState::Active,
                access,
                expires_at,
            }),
        };
        Deed::Asked(Box::new(command))
    }

    /// One entry for all of it. The journal's time is that of the import, or a row of last year would be swept before anybody read it; when a
    /// step happened stands in the event and in the rows.
    fn past_entry(
        &self,
        asker: &Asker,
        input: &ImportInput,
        past: &Past,
        before: Option<(&Ticket, Actor)>,
        prefix: String,
    ) -> Entry<Write> {
        let id = past.blank.id;
        let claim = Claim::Take { space: SOURCE, key: input.source_id.clone(), owner: id.uuid() };
        let mut entry = Entry::new(asker.portal.clone(), asker.name.clone(), self.now())
            .request(Some(input.request.clone()))
            .claim(claim)
            .expect(TICKET, id, 0);
        if let Some((parent, actor)) = before {
            let out = emit(parent, &[Event::FollowedUp { follow_up: id }], &self.scene_of_past(actor, input.created_at));
            entry = entry.expect(TICKET, parent.id, parent.version).events(out.events);
            entry.finish.writes.extend(out.writes);
        }
        let mut ticket = past.blank.clone();
        for turn in &past.turns {
            let out = emit(&ticket, &turn.events, &self.scene_of_past(turn.actor, turn.at));
            entry = entry.events(out.events);
            entry.finish.writes.extend(out.writes);
            ticket = out.ticket;
        }
        let entry = entry.timers(timers(&ticket, &self.scene_of_past(Actor::System, self.now())));
        let seen = |(person, at): &(PersonId, OffsetDateTime)| {
            Write::Seen(SeenWrite { portal: asker.portal.clone(), person: *person, ticket: id, at: *at })
        };
        let entry = past.looks.iter().map(seen).fold(entry, Entry::write);
        entry.numbered("ticket", move |seq, finish: &mut Finish<Write>| {
            let number = format!("{prefix}-{seq}");
            fill_number(finish, id, seq, &number);
            finish.answer = view::bytes(&ImportAnswer { id: id.uuid(), number, created: true });
        })
    }

    fn scene_of_past(&self, actor: Actor, at: OffsetDateTime) -> Scene<'_> {
        let around = Circumstances { requester_unregistered: false, imported_from: Some(at) };
        Scene { actor, now: at, agents: &[], random: &self.random, around }
    }
}

async fn imported_before(conn: &mut PortalConn, asker: &Asker, source_id: &str) -> Result<Option<ImportAnswer>, Error> {
    let known = store::import::known(conn, &asker.portal, source_id).await?;
    Ok(known.map(|(id, number)| ImportAnswer { id: id.uuid(), number, created: false }))
}

/// The ticket that the new one goes on from.
async fn parent(conn: &mut PortalConn, asker: &Asker, input: &ImportInput) -> Result<Option<Ticket>, Error> {
    let Some(source) = &input.follow_up_of else { return Ok(None) };
    let unknown = || Error::invalid("follow_up_of", "invalid", "No ticket of this source id was imported before.");
    let (id, _) = store::import::known(conn, &asker.portal, source).await?.ok_or_else(unknown)?;
    let found = store::ticket::find(conn, &asker.portal, Handle::Id(id), None).await?;
    found.map(|found| Some(found.case.ticket)).ok_or_else(unknown)
}

/// Who makes the follow-up, as the parent knows them.
fn follower(parent: &Ticket, by: &PersonFacts, rules: &Rules, at: OffsetDateTime) -> Result<Actor, Error> {
    if parent.updated_at > at {
        return Err(Error::invalid("created_at", "too_early", "Something happened to the ticket before it after this time."));
    }
    let relation = relation(parent, &viewer(by, Channel::Portal), at);
    let relation = relation.ok_or_else(|| Error::invalid("follow_up_of", "invalid", "Whoever made this one did not see that ticket."))?;
    let actor = Actor::Person(by.id, relation);
    follow_up_allowed(parent, actor, rules).map_err(|refusal| named("follow_up_of", refusal))?;
    Ok(actor)
}

/// Who is named where, and whether an agent must be.
fn roles(input: &ImportInput) -> Vec<(String, PersonId, bool)> {
    let mut roles = vec![("requester".to_owned(), input.requester, false)];
    roles.extend(input.created_by.map(|id| ("created_by".to_owned(), id, id != input.requester)));
    roles.extend(input.assignee.map(|id| ("assignee".to_owned(), id, true)));
    for (index, step) in input.history.iter().enumerate() {
        let field = |name: &str| format!("history[{index}].{name}");
        roles.push((field("by"), step.by, false));
        match &step.deed {
            ImportDeed::Share { person, .. } | ImportDeed::Unshare { person } => roles.push((field("person"), *person, false)),
            ImportDeed::Change { patch, .. } => roles.extend(patch.assignee.flatten().map(|id| (field("assignee"), id, true))),
            _ => {}
        }
    }
    roles
}

fn viewer(person: &PersonFacts, channel: Channel) -> Viewer {
    let staff = person.is_staff();
    let organization = person.organization.as_ref().filter(|_| person.sees_organization && !staff).map(|(id, _)| *id);
    Viewer { person: person.id, staff, email: person.email.clone(), organization, channel }
}

fn impossible((step, refusals): Impossible) -> Error {
    let Some(index) = step else { return refusal::fields(refusals) };
    let place = format!("history[{index}]");
    let errors = refusals.into_iter().flat_map(|refusal| match named(&place, refusal) {
        Error::Invalid(fields) => fields,
        other => vec![FieldError::new(place.clone(), "invalid", other.to_string())],
    });
    Error::Invalid(errors.collect())
}

/// A refusal as something that is wrong with the input.
fn named(place: &str, refusal: Refusal) -> Error {
    match refusal {
        Refusal::Field { field, code, message } => Error::invalid(format!("{place}.{field}"), code, message),
        Refusal::InvalidTransition { detail, .. } => Error::invalid(place, "invalid_transition", detail),
        Refusal::Policy(detail) => Error::invalid(place, "not_allowed_by_policy", detail),
        Refusal::Forbidden => Error::invalid(place, "forbidden", "This person may not do that."),
        Refusal::TicketClosed { .. } => Error::invalid(place, "ticket_closed", "The ticket was closed by then: import a follow-up."),
        Refusal::SurveyOff => Error::invalid(place, "survey_off", "This portal does not ask for ratings."),
        Refusal::RatingClosed => Error::invalid(place, "rating_closed", "The first rating was over 30 days before."),
        Refusal::NotFound | Refusal::VersionConflict => Error::invalid(place, "invalid", "This is not there."),
    }
}
