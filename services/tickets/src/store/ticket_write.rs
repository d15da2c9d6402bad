//! Writing tickets: one statement for all tickets of a batch.

use portico_chassis::error::Error;
use sqlx::PgConnection;

use super::columns::column;
use super::ticket::TicketRow;

const UPSERT: &str = "INSERT INTO ticket (portal, id, number, seq, version, public_version, subject, ticket_type, channel, status, sub_status, reason, \
     impact, urgency, priority, department_id, product_id, category_id, group_id, assignee_id, requester_id, guest_email, guest_name, contact_name, \
     organization_id, follow_up_of, tags, score, score_comment, rated_at, first_rated_at, reopen_count, keep_open_count, due, shares, created_at, \
     updated_at, public_updated_at, first_replied_at, resolved_at, closed_at) \
   SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[], $8::smallint[], $9::smallint[], \
     $10::smallint[], $11::text[], $12::smallint[], $13::smallint[], $14::smallint[], $15::smallint[], $16::uuid[], $17::uuid[], $18::uuid[], \
     $19::uuid[], $20::uuid[], $21::uuid[], $22::text[], $23::text[], $24::text[], $25::uuid[], $26::uuid[], $27::jsonb[], $28::smallint[], \
     $29::text[], $30::timestamptz[], $31::timestamptz[], $32::integer[], $33::smallint[], $34::jsonb[], $35::integer[], $36::timestamptz[], \
     $37::timestamptz[], $38::timestamptz[], $39::timestamptz[], $40::timestamptz[], $41::timestamptz[]) \
   ON CONFLICT (id) DO UPDATE SET version = excluded.version, public_version = excluded.public_version, subject = excluded.subject, \
     ticket_type = excluded.ticket_type, status = excluded.status, sub_status = excluded.sub_status, reason = excluded.reason, \
     impact = excluded.impact, urgency = excluded.urgency, priority = excluded.priority, department_id = excluded.department_id, \
     product_id = excluded.product_id, category_id = excluded.category_id, group_id = excluded.group_id, assignee_id = excluded.assignee_id, \
     requester_id = excluded.requester_id, guest_email = excluded.guest_email, guest_name = excluded.guest_name, \
     contact_name = excluded.contact_name, organization_id = excluded.organization_id, tags = excluded.tags, score = excluded.score, \
     score_comment = excluded.score_comment, rated_at = excluded.rated_at, first_rated_at = excluded.first_rated_at, \
     reopen_count = excluded.reopen_count, keep_open_count = excluded.keep_open_count, due = excluded.due, shares = excluded.shares, \
     updated_at = excluded.updated_at, public_updated_at = excluded.public_updated_at, first_replied_at = excluded.first_replied_at, \
     resolved_at = excluded.resolved_at, closed_at = excluded.closed_at";

/// Inserts or updates tickets, each at most once. Number, channel, parent and time of creation never change.
pub(super) async fn upsert(conn: &mut PgConnection, rows: &[TicketRow]) -> Result<(), Error> {
    sqlx::query(UPSERT)
        .bind(column(rows, |row| row.portal.as_str()))
        .bind(column(rows, |row| row.id))
        .bind(column(rows, |row| row.number.as_str()))
        .bind(column(rows, |row| row.seq))
        .bind(column(rows, |row| row.version))
        .bind(column(rows, |row| row.public_version))
        .bind(column(rows, |row| row.subject.as_str()))
        .bind(column(rows, |row| row.ticket_type))
        .bind(column(rows, |row| row.channel))
        .bind(column(rows, |row| row.status))
        .bind(column(rows, |row| row.sub_status.as_deref()))
        .bind(column(rows, |row| row.reason))
        .bind(column(rows, |row| row.impact))
        .bind(column(rows, |row| row.urgency))
        .bind(column(rows, |row| row.priority))
        .bind(column(rows, |row| row.department_id))
        .bind(column(rows, |row| row.product_id))
        .bind(column(rows, |row| row.category_id))
        .bind(column(rows, |row| row.group_id))
        .bind(column(rows, |row| row.assignee_id))
        .bind(column(rows, |row| row.requester_id))
        .bind(column(rows, |row| row.guest_email.as_deref()))
        .bind(column(rows, |row| row.guest_name.as_deref()))
        .bind(column(rows, |row| row.contact_name.as_str()))
        .bind(column(rows, |row| row.organization_id))
        .bind(column(rows, |row| row.follow_up_of))
        .bind(column(rows, |row| &row.tags))
        .bind(column(rows, |row| row.score))
        .bind(column(rows, |row| row.score_comment.as_deref()))
        .bind(column(rows, |row| row.rated_at))
        .bind(column(rows, |row| row.first_rated_at))
        .bind(column(rows, |row| row.reopen_count))
        .bind(column(rows, |row| row.keep_open_count))
        .bind(column(rows, |row| &row.due))
        .bind(column(rows, |row| row.shares))
        .bind(column(rows, |row| row.created_at))
        .bind(column(rows, |row| row.updated_at))
        .bind(column(rows, |row| row.public_updated_at))
        .bind(column(rows, |row| row.first_replied_at))
        .bind(column(rows, |row| row.resolved_at))
        .bind(column(rows, |row| row.closed_at))
        .execute(conn)
        .await?;
    Ok(())
}
