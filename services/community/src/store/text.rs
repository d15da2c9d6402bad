//! What topics say, written when it changes: votes and posts leave the long text alone.

use std::collections::HashMap;

use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;
use portico_chassis::uuid::Uuid;
use sqlx::PgConnection;

use super::codes;
use crate::domain::ids::TopicId;
use crate::domain::topic::Topic;

/// Makes or rewrites the texts and tags of topics.
pub(super) async fn upsert(conn: &mut PgConnection, topics: &HashMap<TopicId, (&PortalId, &Topic)>) -> Result<(), Error> {
    if topics.is_empty() {
        return Ok(());
    }
    upsert_texts(conn, topics).await?;
    replace_tags(conn, topics).await
}

async fn replace_tags(conn: &mut PgConnection, topics: &HashMap<TopicId, (&PortalId, &Topic)>) -> Result<(), Error> {
    let ids: Vec<Uuid> = topics.keys().map(|id| id.uuid()).collect();
    sqlx::query("DELETE FROM topic_tag WHERE topic = ANY ($1)").bind(ids).execute(&mut *conn).await?;
    let rows: Vec<(&str, &str, Uuid)> = topics
        .values()
        .flat_map(|(portal, topic)| topic.content.tags.iter().map(|tag| (portal.as_str(), tag.as_str(), topic.id.uuid())))
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query("INSERT INTO topic_tag (portal, tag, topic) SELECT * FROM unnest($1::text[], $2::text[], $3::uuid[])")
        .bind(rows.iter().map(|(portal, ..)| *portal).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, tag, _)| *tag).collect::<Vec<_>>())
        .bind(rows.iter().map(|(.., topic)| *topic).collect::<Vec<_>>())
        .execute(conn)
        .await?;
    Ok(())
}

async fn upsert_texts(conn: &mut PgConnection, topics: &HashMap<TopicId, (&PortalId, &Topic)>) -> Result<(), Error> {
    let rows: Vec<&(&PortalId, &Topic)> = topics.values().collect();
    // UNNEST can't take lists of lists: tags and addresses travel as JSON.
    let json = |list: &[String]| serde_json::to_string(list).map_err(Error::internal);
    let tags = rows.iter().map(|(_, topic)| json(&topic.content.tags)).collect::<Result<Vec<_>, _>>()?;
    let notify = rows.iter().map(|(_, topic)| json(&topic.notify)).collect::<Result<Vec<_>, _>>()?;
    sqlx::query(
        "INSERT INTO topic (id, portal, stage, type, title, body, forum, audience, tags, author, notify, created_at, last_activity_at, \
                            edited_at, version) \
         SELECT id, portal, 'draft', type, title, body, forum, audience, ARRAY (SELECT jsonb_array_elements_text(tags::jsonb)), author, \
                ARRAY (SELECT jsonb_array_elements_text(notify::jsonb)), created_at, created_at, edited_at, 0 \
           FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::smallint[], $8::text[], $9::uuid[], \
                       $10::text[], $11::timestamptz[], $12::timestamptz[]) \
             AS w (id, portal, type, title, body, forum, audience, tags, author, notify, created_at, edited_at) \
         ON CONFLICT (id) DO UPDATE SET type = excluded.type, title = excluded.title, body = excluded.body, forum = excluded.forum, \
            audience = excluded.audience, tags = excluded.tags, notify = excluded.notify, edited_at = excluded.edited_at",
    )
    .bind(rows.iter().map(|(_, topic)| topic.id.uuid()).collect::<Vec<_>>())
    .bind(rows.iter().map(|(portal, _)| portal.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, topic)| codes::type_word(topic.content.kind)).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, topic)| topic.content.title.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, topic)| topic.content.body.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, topic)| topic.content.forum.as_ref().map(|forum| forum.id.uuid())).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, topic)| codes::audience_code(topic.audience())).collect::<Vec<_>>())
    .bind(tags)
    .bind(rows.iter().map(|(_, topic)| topic.author.uuid()).collect::<Vec<_>>())
    .bind(notify)
    .bind(rows.iter().map(|(_, topic)| topic.created_at).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, topic)| topic.edited_at).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}
