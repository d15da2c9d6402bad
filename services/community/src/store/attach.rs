//! Rows of files.

use portico_chassis::error::Error;
use sqlx::PgConnection;

use super::codes;
use super::writes::NewFile;
use crate::domain::ids::AttachmentId;

/// Keeps files that were claimed.
pub(super) async fn insert(conn: &mut PgConnection, files: &[NewFile<'_>]) -> Result<(), Error> {
    if files.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO attachment (id, portal, topic, post, name, size, content_type, sha256, state, created_at) \
         SELECT id, portal, topic, post, name, size, content_type, sha256, state, created_at \
           FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::text[], $6::bigint[], $7::text[], $8::bytea[], $9::text[], \
                       $10::timestamptz[]) WITH ORDINALITY \
             AS w (id, portal, topic, post, name, size, content_type, sha256, state, created_at, place) ORDER BY place",
    )
    .bind(files.iter().map(|new| new.file.id.uuid()).collect::<Vec<_>>())
    .bind(files.iter().map(|new| new.portal.as_str()).collect::<Vec<_>>())
    .bind(files.iter().map(|new| new.topic.uuid()).collect::<Vec<_>>())
    .bind(files.iter().map(|new| new.post.map(|post| post.uuid())).collect::<Vec<_>>())
    .bind(files.iter().map(|new| new.file.name.as_str()).collect::<Vec<_>>())
    .bind(files.iter().map(|new| new.file.size).collect::<Vec<_>>())
    .bind(files.iter().map(|new| new.file.content_type.as_str()).collect::<Vec<_>>())
    .bind(files.iter().map(|new| new.file.sha256.as_slice()).collect::<Vec<_>>())
    .bind(files.iter().map(|new| codes::scan_word(new.file.state)).collect::<Vec<_>>())
    .bind(files.iter().map(|new| new.file.created_at).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets files; their objects are collected later.
pub(super) async fn delete(conn: &mut PgConnection, files: &[AttachmentId]) -> Result<(), Error> {
    if files.is_empty() {
        return Ok(());
    }
    sqlx::query("DELETE FROM attachment WHERE id = ANY ($1)")
        .bind(files.iter().map(|id| id.uuid()).collect::<Vec<_>>())
        .execute(conn)
        .await?;
    Ok(())
}
