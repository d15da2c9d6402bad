//! Who has voted and who follows: two tables of the same shape.

use std::collections::HashMap;

use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use portico_chassis::uuid::Uuid;
use sqlx::PgConnection;

use crate::domain::ids::{PersonId, TopicId};

/// Which of the two.
#[derive(Clone, Copy)]
pub(super) enum Table {
    Vote,
    Follow,
}

/// Adds and removes people; each (topic, person) stands there once.
pub(super) async fn write(
    conn: &mut PgConnection,
    table: Table,
    people: &HashMap<(TopicId, PersonId), (&PortalId, bool)>,
) -> Result<(), Error> {
    let (insert, delete) = match table {
        Table::Vote => (
            "INSERT INTO vote (portal, topic, person) SELECT * FROM unnest($1::text[], $2::uuid[], $3::uuid[]) ON CONFLICT DO NOTHING",
            "DELETE FROM vote v USING unnest($1::uuid[], $2::uuid[]) AS w (topic, person) WHERE v.topic = w.topic AND v.person = w.person",
        ),
        Table::Follow => (
            "INSERT INTO follow (portal, topic, person) SELECT * FROM unnest($1::text[], $2::uuid[], $3::uuid[]) ON CONFLICT DO NOTHING",
            "DELETE FROM follow v USING unnest($1::uuid[], $2::uuid[]) AS w (topic, person) WHERE v.topic = w.topic AND v.person = w.person",
        ),
    };
    let columns = |on: bool| -> (Vec<&str>, Vec<Uuid>, Vec<Uuid>) {
        let chosen: Vec<_> = people.iter().filter(|(_, (_, is_on))| *is_on == on).collect();
        let portals = chosen.iter().map(|(_, (portal, _))| portal.as_str()).collect();
        let topics = chosen.iter().map(|((topic, _), _)| topic.uuid()).collect();
        (portals, topics, chosen.iter().map(|((_, person), _)| person.uuid()).collect())
    };
    let (portals, topics, persons) = columns(true);
    if !topics.is_empty() {
        sqlx::query(insert).bind(portals).bind(topics).bind(persons).execute(&mut *conn).await?;
    }
    let (_, topics, persons) = columns(false);
    if !topics.is_empty() {
        sqlx::query(delete).bind(topics).bind(persons).execute(&mut *conn).await?;
    }
    Ok(())
}
