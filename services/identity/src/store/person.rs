//! People.

use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{column, last_of_each};
use crate::domain::email::Email;
use crate::domain::ids::{OrganizationId, PersonId};
use crate::domain::person::{Filter, Membership, Person, Role, Status, Visibility};

/// A row of `person`.
#[derive(Debug, Clone)]
pub struct PersonRow {
    /// In which portal.
    pub portal: PortalId,
    /// The person as they are now.
    pub person: Person,
}

#[derive(sqlx::FromRow)]
struct Stored {
    portal: String,
    id: Uuid,
    email: String,
    name: String,
    role: String,
    status: String,
    internal: bool,
    registered: bool,
    organization_id: Option<Uuid>,
    organization_name: Option<String>,
    visibility: String,
    locale: String,
    time_zone: String,
    generation: i64,
    epoch: i64,
    created_at: OffsetDateTime,
    version: i64,
}

/// Selects what [`Stored`] reads.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT p.portal, p.id, p.email, p.name, p.role, p.status, p.internal, p.registered, p.organization_id, ",
            "o.name AS organization_name, p.visibility, p.locale, p.time_zone, p.generation, p.epoch, p.created_at, p.version ",
            "FROM person p LEFT JOIN organization o ON o.portal = p.portal AND o.id = p.organization_id ",
            $rest
        )
    };
}

impl Stored {
    fn read(self) -> Result<(String, Person), Error> {
        let broken = || Error::internal("a row of person holds an unknown name");
        let organization = self
            .organization_id
            .map(|id| Membership { id: OrganizationId::new(id), name: self.organization_name.clone().unwrap_or_default() });
        let person = Person {
            id: PersonId::new(self.id),
            email: Email::stored(self.email),
            name: self.name,
            role: Role::parse(&self.role).ok_or_else(broken)?,
            status: Status::parse(&self.status).ok_or_else(broken)?,
            internal: self.internal,
            registered: self.registered,
            organization,
            visibility: Visibility::parse(&self.visibility).ok_or_else(broken)?,
            locale: self.locale,
            time_zone: self.time_zone,
            generation: self.generation,
            epoch: self.epoch,
            created_at: self.created_at,
            version: self.version,
        };
        Ok((self.portal, person))
    }
}

fn people(rows: Vec<Stored>) -> Result<Vec<Person>, Error> {
    rows.into_iter().map(|row| row.read().map(|(_, person)| person)).collect()
}

/// One person by id.
pub async fn find(conn: &mut PgConnection, portal: &PortalId, id: PersonId) -> Result<Option<Person>, Error> {
    Ok(find_many(conn, portal, &[id.uuid()]).await?.pop())
}

/// People by id, in no order.
pub async fn find_many(conn: &mut PgConnection, portal: &PortalId, ids: &[Uuid]) -> Result<Vec<Person>, Error> {
    let rows: Vec<Stored> =
        sqlx::query_as(select!("WHERE p.portal = $1 AND p.id = ANY ($2)")).bind(portal).bind(ids).fetch_all(conn).await?;
    people(rows)
}

/// The person of an address.
pub async fn find_by_email(conn: &mut PgConnection, portal: &PortalId, email: &Email) -> Result<Option<Person>, Error> {
    Ok(find_by_emails(conn, portal, &[email.as_str().to_owned()]).await?.pop())
}

/// The people of addresses, in no order.
pub async fn find_by_emails(conn: &mut PgConnection, portal: &PortalId, emails: &[String]) -> Result<Vec<Person>, Error> {
    let rows: Vec<Stored> =
        sqlx::query_as(select!("WHERE p.portal = $1 AND p.email = ANY ($2)")).bind(portal).bind(emails).fetch_all(conn).await?;
    people(rows)
}

/// People, newest first, before a (time, id).
pub async fn list(
    conn: &mut PgConnection,
    portal: &PortalId,
    filter: &Filter,
    before: Option<(OffsetDateTime, Uuid)>,
    limit: i64,
) -> Result<Vec<Person>, Error> {
    let rows: Vec<Stored> = sqlx::query_as(select!(
        "WHERE p.portal = $1 \
            AND ($2::text IS NULL OR p.role = $2) \
            AND ($3::text IS NULL OR p.status = $3) \
            AND ($4::uuid IS NULL OR p.organization_id = $4) \
            AND ($5::text IS NULL OR lower(p.name) LIKE $5 OR p.email LIKE $5) \
            AND ($6::timestamptz IS NULL OR (p.created_at, p.id) < ($6, $7)) \
          ORDER BY p.created_at DESC, p.id DESC LIMIT $8"
    ))
    .bind(portal)
    .bind(filter.role.map(Role::as_str))
    .bind(filter.status.map(Status::as_str))
    .bind(filter.organization)
    .bind((!filter.query.is_empty()).then(|| prefix_pattern(&filter.query)))
    .bind(before.map(|(at, _)| at))
    .bind(before.map(|(_, id)| id))
    .bind(limit)
    .fetch_all(conn)
    .await?;
    people(rows)
}

/// `LIKE` pattern of a start; what LIKE would read as a wildcard is taken literally (S42).
pub(super) fn prefix_pattern(query: &str) -> String {
    let mut pattern = String::with_capacity(query.len() + 1);
    for c in query.to_lowercase().chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// People of one portal or of all, after a (portal, id), with their portals.
pub async fn snapshot(pool: &PgPool, portal: Option<&str>, after: (&str, Uuid), limit: i64) -> Result<Vec<(String, Person)>, Error> {
    let rows: Vec<Stored> = sqlx::query_as(select!(
        "WHERE (p.portal, p.id) > ($1, $2) AND ($3::text IS NULL OR p.portal = $3) ORDER BY p.portal, p.id LIMIT $4"
    ))
    .bind(after.0)
    .bind(after.1)
    .bind(portal)
    .bind(limit)
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(Stored::read).collect()
}

/// An administrator of the portal who can act besides this person, and the version at which that is so.
pub async fn other_admin(conn: &mut PgConnection, portal: &PortalId, person: PersonId) -> Result<Option<(PersonId, i64)>, Error> {
    Ok(sqlx::query_as(
        "SELECT id, version FROM person WHERE portal = $1 AND role = 'admin' AND status = 'active' AND registered AND id <> $2 \
          ORDER BY id LIMIT 1",
    )
    .bind(portal)
    .bind(person)
    .fetch_optional(conn)
    .await?)
}

pub(super) async fn write(conn: &mut PgConnection, rows: Vec<PersonRow>) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows = last_of_each(rows, |row| row.person.id);
    sqlx::query(
        "INSERT INTO person (portal, id, email, name, role, status, internal, registered, organization_id, visibility, locale, time_zone, \
                             generation, epoch, created_at, version) \
         SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[], $8::boolean[], \
                              $9::uuid[], $10::text[], $11::text[], $12::text[], $13::bigint[], $14::bigint[], $15::timestamptz[], \
                              $16::bigint[]) \
         ON CONFLICT (portal, id) DO UPDATE SET email = excluded.email, name = excluded.name, role = excluded.role, \
                status = excluded.status, internal = excluded.internal, registered = excluded.registered, \
                organization_id = excluded.organization_id, visibility = excluded.visibility, locale = excluded.locale, \
                time_zone = excluded.time_zone, generation = excluded.generation, epoch = excluded.epoch, version = excluded.version",
    )
    .bind(column(&rows, |row| row.portal.clone()))
    .bind(column(&rows, |row| row.person.id))
    .bind(column(&rows, |row| row.person.email.as_str().to_owned()))
    .bind(column(&rows, |row| row.person.name.clone()))
    .bind(column(&rows, |row| row.person.role.as_str()))
    .bind(column(&rows, |row| row.person.status.as_str()))
    .bind(column(&rows, |row| row.person.internal))
    .bind(column(&rows, |row| row.person.registered))
    .bind(column(&rows, |row| row.person.organization.as_ref().map(|organization| organization.id)))
    .bind(column(&rows, |row| row.person.visibility.as_str()))
    .bind(column(&rows, |row| row.person.locale.clone()))
    .bind(column(&rows, |row| row.person.time_zone.clone()))
    .bind(column(&rows, |row| row.person.generation))
    .bind(column(&rows, |row| row.person.epoch))
    .bind(column(&rows, |row| row.person.created_at))
    .bind(column(&rows, |row| row.person.version))
    .execute(conn)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::prefix_pattern;

    #[test]
    fn wildcards_in_a_search_are_letters() {
        assert_eq!(prefix_pattern("A_b%\\"), "a\\_b\\%\\\\%");
    }
}
