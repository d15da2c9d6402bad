//! What a command wants committed, while it is being put together.

use portico_chassis::ids::PortalId;
use portico_chassis::journal::{AggregateRef, Claim, Entry, TimerChange};
use portico_chassis::random::Random;
use time::OffsetDateTime;
use uuid::Uuid;

use super::App;
use crate::domain::event::Event;
use crate::domain::ids::{IntakeId, LinkId, PersonId, SessionId};
use crate::domain::invitation::Invitation;
use crate::domain::link::{Link, LinkKind, LinkState};
use crate::domain::organization::{Organization, name_key};
use crate::domain::person::Person;
use crate::domain::portal::Portal;
use crate::domain::revocation::Revoked;
use crate::domain::secrets::{self, Secrets};
use crate::domain::session::{EndReason, Session};
use crate::store::credential::CredentialRow;
use crate::store::events;
use crate::store::intake::{self, IntakeDone, IntakeRow};
use crate::store::invitation::InvitationRow;
use crate::store::link::LinkRow;
use crate::store::organization::OrganizationRow;
use crate::store::person::PersonRow;
use crate::store::portal::PortalRow;
use crate::store::revocation::RevocationRow;
use crate::store::session::{SessionEnd, SessionKept, SessionRow};
use crate::store::{Write, browser::BrowserRow};

/// The claim of a mail address.
const EMAIL: &str = "email";
/// The claim of a slug.
const SLUG: &str = "slug";
/// The claim of an organisation's name.
const ORGANIZATION: &str = "organization";

/// An entry in the making.
pub struct Draft {
    /// The moment of the decision.
    pub now: OffsetDateTime,
    /// Where.
    pub portal: PortalId,
    entry: Entry<Write>,
    random: Random,
    secrets: Secrets,
    voided: Vec<Revoked>,
}

/// A person whom a command changes, with all that happened to them in it.
pub struct Subject {
    /// As they are now.
    pub person: Person,
    before: i64,
    events: Vec<Event>,
}

impl Subject {
    /// A person as they are in the database.
    pub fn known(person: Person) -> Self {
        Self { before: person.version, person, events: Vec::new() }
    }

    /// A person who is made by this command.
    pub fn new((person, event): (Person, Event)) -> Self {
        Self { person, before: 0, events: vec![event] }
    }

    /// Adds what happened.
    pub fn happened(&mut self, events: impl IntoIterator<Item = Event>) {
        self.events.extend(events);
    }

    /// Whether anything happened.
    pub fn is_unchanged(&self) -> bool {
        self.events.is_empty()
    }
}

impl Draft {
    /// An entry that changes nothing yet.
    pub fn new(app: &App, portal: PortalId, actor: &str) -> Self {
        let now = app.clock.now();
        let entry = Entry::new(portal.clone(), actor, now);
        Self { now, portal, entry, random: app.random.clone(), secrets: app.secrets.clone(), voided: Vec::new() }
    }

    /// The entry, and the tokens that it makes void.
    pub fn finish(self) -> (Entry<Write>, Vec<Revoked>) {
        (self.entry, self.voided)
    }

    /// A new id.
    pub fn id(&self) -> Uuid {
        self.random.uuid(self.now)
    }

    /// Adds a row.
    pub fn write(&mut self, write: Write) {
        self.entry.finish.writes.push(write);
    }

    fn events(&mut self, kind: &'static str, id: Uuid, before: i64, happened: &[Event]) -> i64 {
        let aggregate = AggregateRef { kind, id };
        self.entry.expects.push((aggregate, before));
        for event in happened {
            let event = events::stored(self.random.uuid(self.now), aggregate, event);
            self.entry.finish.events.push(event);
        }
        before + i64::try_from(happened.len()).unwrap_or(0)
    }

    /// The person must still be at this version, although nothing happens to them.
    pub fn expect_person(&mut self, person: &Person) {
        self.expect_person_at(person.id, person.version);
    }

    /// The same by id.
    pub fn expect_person_at(&mut self, id: PersonId, version: i64) {
        self.entry.expects.push((AggregateRef { kind: "person", id: id.uuid() }, version));
    }

    /// Adds a changed person; answers them with their new version. Once a person and command.
    pub fn person(&mut self, subject: Subject) -> Person {
        let Subject { mut person, before, events } = subject;
        person.version = self.events("person", person.id.uuid(), before, &events);
        if before == 0 {
            self.entry.claims.push(Claim::Take { space: EMAIL, key: person.email.to_string(), owner: person.id.uuid() });
        }
        for event in &events {
            if let Event::GenerationRaised { person, generation } = event {
                self.void(Revoked::Generation(*person, *generation));
            }
        }
        if !events.is_empty() {
            self.write(Write::Person(PersonRow { portal: self.portal.clone(), person: person.clone() }));
        }
        person
    }

    fn void(&mut self, what: Revoked) {
        self.voided.push(what);
        self.write(Write::Revocation(RevocationRow { portal: self.portal.clone(), what, at: self.now }));
    }

    /// Adds a link in a new sending: the mail follows from the event.
    pub fn issue(&mut self, subject: &mut Subject, link: Link) -> Link {
        subject.happened([Event::LinkIssued { link: link.id, kind: link.kind, person: link.person, generation: link.generation }]);
        self.link(link.clone());
        link
    }

    /// A link of a kind for somebody, sent for the first time.
    pub fn issue_new(&mut self, subject: &mut Subject, kind: LinkKind, name: &str) -> Link {
        let link = Link::new(LinkId::new(self.id()), kind, subject.person.id, name, self.now);
        self.issue(subject, link)
    }

    /// Adds a link that ended.
    pub fn end_link(&mut self, subject: &mut Subject, link: Link, state: LinkState) {
        subject.happened([Event::LinkEnded { link: link.id, state }]);
        self.link(link.ended(state));
    }

    /// Adds a link as it is.
    pub fn link(&mut self, link: Link) {
        let token_hash = secrets::hash(&link.token(&self.secrets, self.portal.as_str()));
        self.write(Write::Link(LinkRow { portal: self.portal.clone(), link, token_hash }));
    }

    /// Adds an invitation as it is.
    pub fn invitation(&mut self, invitation: Invitation) {
        self.write(Write::Invitation(InvitationRow { portal: self.portal.clone(), invitation }));
    }

    /// Adds a password.
    pub fn credential(&mut self, person: &Person, password_hash: String) {
        let row = CredentialRow { portal: self.portal.clone(), person: person.id, password_hash, changed_at: self.now };
        self.write(Write::Credential(row));
    }

    /// Adds a new session; answers it with its version.
    pub fn start_session(&mut self, mut session: Session) -> Session {
        let happened =
            [Event::SessionStarted { session: session.id, person: session.person }, Event::AddressProven { person: session.person }];
        session.version = self.events("session", session.id.uuid(), 0, &happened);
        self.write(Write::Session(SessionRow { portal: self.portal.clone(), session: session.clone() }));
        session
    }

    /// Ends a session that has not ended.
    pub fn end_session(&mut self, session: &Session, reason: EndReason) {
        let happened = [Event::SessionEnded { session: session.id, person: session.person, reason }];
        let version = self.events("session", session.id.uuid(), session.version, &happened);
        self.void(Revoked::Session(session.id));
        self.write(Write::SessionEnd(SessionEnd { portal: self.portal.clone(), id: session.id, at: self.now, reason, version }));
    }

    /// Lets a session go on in a new epoch of the account.
    pub fn keep_session(&mut self, id: SessionId, epoch: i64) {
        self.write(Write::SessionKept(SessionKept { portal: self.portal.clone(), id, epoch }));
    }

    /// Adds a browser's cookie as it is.
    pub fn browser(&mut self, row: BrowserRow) {
        self.write(Write::Browser(row));
    }

    /// Adds a new organisation; answers it with its version.
    pub fn create_organization(&mut self, mut organization: Organization) -> Organization {
        let happened = [Event::OrganizationChanged { organization: organization.id, fields: vec!["created"] }];
        organization.version = self.events("organization", organization.id.uuid(), 0, &happened);
        let claim = Claim::Take { space: ORGANIZATION, key: name_key(&organization.name), owner: organization.id.uuid() };
        self.entry.claims.push(claim);
        self.write(Write::Organization(OrganizationRow { portal: self.portal.clone(), organization: organization.clone() }));
        organization
    }

    /// Adds a portal, new when its version is 0; answers it with its version.
    pub fn portal(&mut self, mut portal: Portal, event: Event) -> Portal {
        if portal.version == 0 {
            self.entry.claims.push(Claim::Take { space: SLUG, key: portal.slug.clone(), owner: portal.id });
        }
        portal.version = self.events("portal", portal.id, portal.version, &[event]);
        self.write(Write::Portal(PortalRow { portal: portal.clone() }));
        portal
    }

    /// Adds a wish that is looked at a moment later.
    pub fn intake(&mut self, row: IntakeRow) {
        let timer = TimerChange::Arm { id: self.id(), kind: intake::TIMER, aggregate_id: row.id.uuid(), due_at: self.now };
        self.entry.finish.timers.push(timer);
        self.write(Write::Intake(row));
    }

    /// Takes a wish away together with its timer.
    pub fn intake_done(&mut self, id: IntakeId, timer: Uuid) {
        self.entry.finish.timers.push(TimerChange::Done { id: timer });
        self.write(Write::IntakeDone(IntakeDone { portal: self.portal.clone(), id }));
    }
}
