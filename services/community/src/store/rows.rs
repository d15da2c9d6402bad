//! The other tables of a batch.

use std::collections::HashMap;

use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use portico_chassis::uuid::Uuid;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::codes;
use crate::domain::copy::Copy;
use crate::domain::forum::Forum;
use crate::domain::ids::{ForumId, PersonId, ReportId, TopicId};
use crate::domain::post::Post;
use crate::domain::topic::Topic;

pub(super) async fn insert_forums(conn: &mut PgConnection, forums: &[(&PortalId, &Forum, OffsetDateTime)]) -> Result<(), Error> {
    if forums.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO forum (id, portal, slug, name, description, parent, audience, version, created_at) \
         SELECT w.id, w.portal, w.slug, w.name, w.description, w.parent, w.audience, 1, w.at \
           FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::smallint[], $8::timestamptz[]) \
             AS w (id, portal, slug, name, description, parent, audience, at)",
    )
    .bind(forums.iter().map(|(_, forum, _)| forum.id.uuid()).collect::<Vec<_>>())
    .bind(forums.iter().map(|(portal, ..)| portal.as_str()).collect::<Vec<_>>())
    .bind(forums.iter().map(|(_, forum, _)| forum.slug.as_str()).collect::<Vec<_>>())
    .bind(forums.iter().map(|(_, forum, _)| forum.name.as_str()).collect::<Vec<_>>())
    .bind(forums.iter().map(|(_, forum, _)| forum.description.as_str()).collect::<Vec<_>>())
    .bind(forums.iter().map(|(_, forum, _)| forum.parent.map(|parent| parent.uuid())).collect::<Vec<_>>())
    .bind(forums.iter().map(|(_, forum, _)| codes::audience_code(forum.audience)).collect::<Vec<_>>())
    .bind(forums.iter().map(|(.., at)| *at).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// The small columns of topics; the version is the one that the journal has just written.
pub(super) async fn update_states(conn: &mut PgConnection, topics: &HashMap<TopicId, &Topic>) -> Result<(), Error> {
    if topics.is_empty() {
        return Ok(());
    }
    let topics: Vec<&&Topic> = topics.values().collect();
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    sqlx::query(
        "UPDATE topic t SET stage = w.stage, votes = w.votes, posts = w.posts, has_replies = w.has_replies, accepted = w.accepted, \
                lock_reason = w.lock_reason, published_at = w.published_at, last_activity_at = w.last_activity_at, version = a.version \
           FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::boolean[], $6::uuid[], $7::text[], $8::timestamptz[], \
                       $9::timestamptz[]) \
             AS w (id, stage, votes, posts, has_replies, accepted, lock_reason, published_at, last_activity_at) \
           JOIN aggregate a USING (id) WHERE t.id = w.id",
    )
    .bind(topics.iter().map(|topic| topic.id.uuid()).collect::<Vec<_>>())
    .bind(topics.iter().map(|topic| codes::stage_word(topic.stage)).collect::<Vec<_>>())
    .bind(topics.iter().map(|topic| count(topic.voters.len())).collect::<Vec<_>>())
    .bind(topics.iter().map(|topic| topic.posts).collect::<Vec<_>>())
    .bind(topics.iter().map(|topic| topic.has_replies).collect::<Vec<_>>())
    .bind(topics.iter().map(|topic| topic.accepted.map(|post| post.uuid())).collect::<Vec<_>>())
    .bind(topics.iter().map(|topic| topic.locked.as_deref()).collect::<Vec<_>>())
    .bind(topics.iter().map(|topic| topic.published_at).collect::<Vec<_>>())
    .bind(topics.iter().map(|topic| topic.last_activity_at).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn insert_posts(conn: &mut PgConnection, posts: &[(&PortalId, TopicId, &Post)]) -> Result<(), Error> {
    if posts.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO post (id, portal, topic, number, author, body, created_at) \
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::uuid[], $6::text[], $7::timestamptz[])",
    )
    .bind(posts.iter().map(|(.., post)| post.id.uuid()).collect::<Vec<_>>())
    .bind(posts.iter().map(|(portal, ..)| portal.as_str()).collect::<Vec<_>>())
    .bind(posts.iter().map(|(_, topic, _)| topic.uuid()).collect::<Vec<_>>())
    .bind(posts.iter().map(|(.., post)| post.number).collect::<Vec<_>>())
    .bind(posts.iter().map(|(.., post)| post.author.uuid()).collect::<Vec<_>>())
    .bind(posts.iter().map(|(.., post)| post.body.as_str()).collect::<Vec<_>>())
    .bind(posts.iter().map(|(.., post)| post.created_at).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// Closed reports leave.
pub(super) async fn delete_reports(conn: &mut PgConnection, topics: &[Uuid]) -> Result<(), Error> {
    if topics.is_empty() {
        return Ok(());
    }
    sqlx::query("DELETE FROM report WHERE topic = ANY ($1)").bind(topics.to_vec()).execute(conn).await?;
    Ok(())
}

/// One report a person and topic: the later reason replaces the earlier.
pub(super) async fn upsert_reports(
    conn: &mut PgConnection,
    reports: &HashMap<(TopicId, PersonId), (&PortalId, ReportId, &str, OffsetDateTime)>,
) -> Result<(), Error> {
    if reports.is_empty() {
        return Ok(());
    }
    let reports: Vec<_> = reports.iter().collect();
    sqlx::query(
        "INSERT INTO report (id, portal, topic, reporter, reason, at) \
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::text[], $6::timestamptz[]) \
         ON CONFLICT (topic, reporter) DO UPDATE SET reason = excluded.reason, at = excluded.at",
    )
    .bind(reports.iter().map(|(_, (_, id, ..))| id.uuid()).collect::<Vec<_>>())
    .bind(reports.iter().map(|(_, (portal, ..))| portal.as_str()).collect::<Vec<_>>())
    .bind(reports.iter().map(|((topic, _), _)| topic.uuid()).collect::<Vec<_>>())
    .bind(reports.iter().map(|((_, reporter), _)| reporter.uuid()).collect::<Vec<_>>())
    .bind(reports.iter().map(|(_, (_, _, reason, _))| *reason).collect::<Vec<_>>())
    .bind(reports.iter().map(|(_, (.., at))| *at).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn insert_copies(
    conn: &mut PgConnection,
    copies: &[(&PortalId, TopicId, PersonId, &Copy, OffsetDateTime)],
) -> Result<(), Error> {
    if copies.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO copy (id, portal, topic, writer, address, at) \
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::text[], $6::timestamptz[])",
    )
    .bind(copies.iter().map(|(_, _, _, copy, _)| copy.id.uuid()).collect::<Vec<_>>())
    .bind(copies.iter().map(|(portal, ..)| portal.as_str()).collect::<Vec<_>>())
    .bind(copies.iter().map(|(_, topic, ..)| topic.uuid()).collect::<Vec<_>>())
    .bind(copies.iter().map(|(_, _, writer, ..)| writer.uuid()).collect::<Vec<_>>())
    .bind(copies.iter().map(|(_, _, _, copy, _)| copy.address.as_str()).collect::<Vec<_>>())
    .bind(copies.iter().map(|(.., at)| *at).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// Adds what forums gained and lost. Exact, because only the journal writes them and it writes one batch at a time.
pub(super) async fn add_counts(conn: &mut PgConnection, counts: &HashMap<ForumId, (i64, i64)>) -> Result<(), Error> {
    let changed: Vec<(Uuid, i64, i64)> =
        counts.iter().filter(|(_, change)| **change != (0, 0)).map(|(forum, (topics, posts))| (forum.uuid(), *topics, *posts)).collect();
    if changed.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE forum f SET topics = f.topics + w.topics, posts = f.posts + w.posts \
           FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS w (id, topics, posts) WHERE f.id = w.id",
    )
    .bind(changed.iter().map(|(id, ..)| *id).collect::<Vec<_>>())
    .bind(changed.iter().map(|(_, topics, _)| *topics).collect::<Vec<_>>())
    .bind(changed.iter().map(|(.., posts)| *posts).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// Of a deleted topic an empty row remains, so that its id is never used again; text and people leave at once.
/// Copies stay for their 8 days: they count against their writer.
pub(super) async fn empty_deleted(conn: &mut PgConnection, topics: &[Uuid]) -> Result<(), Error> {
    if topics.is_empty() {
        return Ok(());
    }
    const STATEMENTS: [&str; 7] = [
        "DELETE FROM attachment WHERE topic = ANY ($1)",
        "DELETE FROM topic_tag WHERE topic = ANY ($1)",
        "DELETE FROM post WHERE topic = ANY ($1)",
        "DELETE FROM vote WHERE topic = ANY ($1)",
        "DELETE FROM follow WHERE topic = ANY ($1)",
        "DELETE FROM report WHERE topic = ANY ($1)",
        "UPDATE topic SET title = '', body = '', tags = '{}', notify = '{}', lock_reason = NULL, accepted = NULL WHERE id = ANY ($1)",
    ];
    for statement in STATEMENTS {
        sqlx::query(statement).bind(topics.to_vec()).execute(&mut *conn).await?;
    }
    Ok(())
}
