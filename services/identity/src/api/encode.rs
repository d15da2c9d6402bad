//! Answers: the domain's things as the contract shows them.

use portico_chassis::clock::to_proto;
use portico_chassis::error::Error;
use portico_proto::common::v1 as common;
use portico_proto::identity::v1 as wire;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::app::etag;
use crate::app::invitation::View;
use crate::app::session::Granted;
use crate::domain::invitation::InvitationStatus;
use crate::domain::organization::Organization;
use crate::domain::person::{Membership, Person, Role, Status, Visibility};
use crate::domain::portal::Portal;

/// A place in a list that is ordered by time and id.
pub type Place = (i128, Uuid);

/// The place of a row.
pub fn place(at: OffsetDateTime, id: Uuid) -> Place {
    (at.unix_timestamp_nanos(), id)
}

/// The row after which a page begins.
pub fn before(place: Option<Place>) -> Option<(OffsetDateTime, Uuid)> {
    place.and_then(|(nanos, id)| Some((OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?, id)))
}

pub fn role(role: Role) -> i32 {
    let role = match role {
        Role::Customer => common::Role::Customer,
        Role::Agent => common::Role::Agent,
        Role::Admin => common::Role::Admin,
    };
    role.into()
}

pub fn visibility(visibility: Visibility) -> i32 {
    let visibility = match visibility {
        Visibility::Own => common::Visibility::Own,
        Visibility::Organization => common::Visibility::Organization,
    };
    visibility.into()
}

fn status(status: Status) -> i32 {
    let status = match status {
        Status::Active => wire::PersonStatus::Active,
        Status::Suspended => wire::PersonStatus::Suspended,
    };
    status.into()
}

fn origin(internal: bool) -> i32 {
    let origin = if internal { wire::Origin::Internal } else { wire::Origin::External };
    origin.into()
}

fn organization_name(membership: Membership) -> common::OrganizationName {
    common::OrganizationName { id: membership.id.to_string(), name: membership.name }
}

/// A person as HTTP shows a user.
pub fn user(person: Person) -> wire::User {
    wire::User {
        id: person.id.to_string(),
        name: person.name,
        email: person.email.to_string(),
        role: role(person.role),
        status: status(person.status),
        origin: origin(person.internal),
        organization: person.organization.map(organization_name),
        visibility: visibility(person.visibility),
        locale: person.locale,
        time_zone: person.time_zone,
        registered: person.registered,
        version: person.version,
        etag: etag(person.version),
    }
}

/// A person as other services copy them.
pub fn facts(portal: &str, person: Person) -> wire::PersonFacts {
    let (organization_id, organization_name) =
        person.organization.map(|organization| (organization.id.to_string(), organization.name)).unwrap_or_default();
    wire::PersonFacts {
        id: person.id.to_string(),
        portal: portal.to_owned(),
        name: person.name,
        email: person.email.to_string(),
        role: role(person.role),
        status: status(person.status),
        origin: origin(person.internal),
        registered: person.registered,
        organization_id,
        organization_name,
        visibility: visibility(person.visibility),
        locale: person.locale,
        time_zone: person.time_zone,
        version: person.version,
    }
}

/// A sign-in.
pub fn sign_in(granted: Granted) -> wire::SignIn {
    wire::SignIn {
        access_token: granted.access_token,
        expires_in: granted.expires_in,
        refresh_token: granted.refresh_token,
        browser_secret: granted.browser_secret,
        device_token: granted.device_token,
        session_id: granted.session.to_string(),
        user: Some(user(granted.person)),
    }
}

/// An invitation, without its token.
pub fn invitation(view: View) -> wire::Invitation {
    let status = match view.status {
        InvitationStatus::Pending => wire::InvitationStatus::Pending,
        InvitationStatus::Accepted => wire::InvitationStatus::Accepted,
        InvitationStatus::Revoked => wire::InvitationStatus::Revoked,
        InvitationStatus::Expired => wire::InvitationStatus::Expired,
    };
    wire::Invitation {
        id: view.id.to_string(),
        email: view.email,
        name: view.name,
        role: role(view.role),
        organization: view.organization.map(organization_name),
        visibility: visibility(view.visibility),
        status: status.into(),
        expires_at: Some(to_proto(view.expires_at)),
        created_at: Some(to_proto(view.created_at)),
    }
}

/// An organisation.
pub fn organization(organization: Organization) -> wire::Organization {
    wire::Organization {
        id: organization.id.to_string(),
        name: organization.name,
        domains: organization.domains,
        created_at: Some(to_proto(organization.created_at)),
        version: organization.version,
    }
}

/// A portal's public settings.
pub fn portal(portal: Portal) -> wire::Portal {
    let settings = &portal.settings;
    let texts = |key: &str| settings.texts(key).into_iter().collect();
    wire::Portal {
        profile: settings.profile().to_owned(),
        locales: settings.locales().map(str::to_owned).collect(),
        features: Some(wire::Features {
            community: settings.flag("/features/community"),
            signup: settings.sign_up_is_open(),
            announcements: settings.flag("/features/announcements"),
        }),
        sign_in_methods: settings.sign_in_methods(),
        words: texts("words"),
        branding: Some(wire::Branding { accent: settings.text("/branding/accent").to_owned() }),
        guest_requests: settings.guest_requests(),
        status_labels: texts("status_labels"),
        status_definitions: texts("status_definitions"),
        settings_version: portal.settings_version,
        slug: portal.slug,
        title: portal.title,
    }
}

/// A portal's whole settings.
pub fn settings(portal: Portal) -> wire::Settings {
    wire::Settings {
        version: portal.settings_version,
        settings_json: portal.settings.document().to_string(),
        etag: etag(portal.version),
        portal: portal.slug,
        title: portal.title,
    }
}

/// Cuts a list that was read one row too far to the wanted size; answers the token of the next page, empty on the last.
pub fn page<T>(rows: &mut Vec<T>, size: i64, token: impl Fn(&T) -> Result<String, Error>) -> Result<String, Error> {
    let size = usize::try_from(size).map_err(Error::internal)?;
    if rows.len() <= size {
        return Ok(String::new());
    }
    rows.truncate(size);
    rows.last().map_or(Ok(String::new()), token)
}
