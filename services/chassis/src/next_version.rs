//! This build in the part of the version after it, so that a test can roll from one to the other and back (F32).
//!
//! Only with the feature `failpoints`: `docs/adr/0015-fail-points.md` says who builds it in. A process that has `PORTICO_TEST_NEXT` in its environment
//! does all that a next version may do and that this version can't know of: it adds to every table of its database, and it says more in every event
//! that it writes or publishes, in every call and in every answer. It reads like this version.

use std::sync::LazyLock;

use bytes::Bytes;
use http_body_util::BodyExt;
use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType};
use tonic::body::Body;
use tonic::service::Routes;

/// A protobuf field that no message has: number 1999, text. The cell that looks for it in databases and at the broker has a copy.
const FIELD: &[u8; SIZE as usize] = b"\xfa\x7c\x13of the next version";
/// Its bytes.
const SIZE: u8 = 22;
/// What stands before a message in a gRPC body: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// A table that this version does not know.
const TABLE: &str = "CREATE TABLE next_thing (portal text NOT NULL, id uuid PRIMARY KEY, note text); SELECT portico_protect('next_thing');";
/// A column for every table, each in a transaction of its own: no two tables are locked at once, as in any migration of a busy database.
const COLUMNS: &str = "\
DO $$
DECLARE
    target text;
BEGIN
    FOR target IN SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
                     AND relname <> '_sqlx_migrations' ORDER BY relname LOOP
        EXECUTE format('ALTER TABLE %I ADD COLUMN IF NOT EXISTS next_note text', target);
        COMMIT;
    END LOOP;
END $$";

static IS_NEXT: LazyLock<bool> = LazyLock::new(|| std::env::var_os("PORTICO_TEST_NEXT").is_some());

/// Says in the log what this process is.
pub(crate) fn announce() {
    if *IS_NEXT {
        tracing::warn!("this process plays the next version");
    }
}

/// The next version's list of migrations.
pub(crate) fn migrations(all: Vec<Migration>) -> Vec<Migration> {
    if *IS_NEXT { expanded(all) } else { all }
}

fn expanded(mut all: Vec<Migration>) -> Vec<Migration> {
    let last = all.iter().map(|migration| migration.version).max().unwrap_or_default();
    for (version, name, sql, no_tx) in [(last + 1, "next table", TABLE, false), (last + 2, "next columns", COLUMNS, true)] {
        all.push(Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), no_tx));
    }
    all
}

/// An event's body as the next version writes it.
pub(crate) fn event(body: Vec<u8>) -> Vec<u8> {
    if *IS_NEXT { longer_event(body) } else { body }
}

/// A field more beside the variant, and one inside it: readers merge two pieces of one message. The variant's key is the first byte.
fn longer_event(mut body: Vec<u8>) -> Vec<u8> {
    if let Some(variant) = body.first().copied() {
        body.extend([variant, SIZE]);
        body.extend(FIELD);
    }
    body.extend(FIELD);
    body
}

/// An envelope as the next version publishes it.
pub(crate) fn envelope(mut encoded: Vec<u8>) -> Vec<u8> {
    if *IS_NEXT {
        encoded.extend(FIELD);
    }
    encoded
}

/// A call as the next version makes it.
pub(crate) fn call(request: &mut http::Request<Body>) {
    if *IS_NEXT {
        let body = std::mem::take(request.body_mut());
        *request.body_mut() = Body::new(body.map_frame(|frame| frame.map_data(longer)));
    }
}

/// Answers as the next version gives them.
pub(crate) fn answers(mut routes: Routes) -> Routes {
    if *IS_NEXT {
        let router = std::mem::take(routes.axum_router_mut());
        *routes.axum_router_mut() = router.layer(axum::middleware::map_response(answer));
    }
    routes
}

async fn answer(response: axum::response::Response) -> axum::response::Response {
    response.map(|body| axum::body::Body::new(body.map_frame(|frame| frame.map_data(longer))))
}

/// A piece of a gRPC body with the field at the end of each message. tonic's pieces are whole messages; any other stays as it is.
fn longer(piece: Bytes) -> Bytes {
    longer_messages(&piece).unwrap_or(piece)
}

fn longer_messages(mut rest: &[u8]) -> Option<Bytes> {
    let mut longer = Vec::with_capacity(rest.len() + usize::from(SIZE));
    while !rest.is_empty() {
        let (&[compressed, size @ ..], after) = rest.split_first_chunk::<PREFIX>()?;
        let size = u32::from_be_bytes(size);
        let (message, next) = after.split_at_checked(usize::try_from(size).ok()?)?;
        if compressed != 0 {
            return None;
        }
        longer.push(0);
        longer.extend((size + u32::from(SIZE)).to_be_bytes());
        longer.extend(message);
        longer.extend(FIELD);
        rest = next;
    }
    Some(longer.into())
}

#[cfg(test)]
mod tests {
    use portico_proto::events::v1::event_body::Body::Tickets;
    use portico_proto::events::v1::{EventBody, TicketState, TicketsEvent};
    use prost::Message;

    use super::*;

    /// F32.
    #[test]
    fn this_version_reads_an_event_of_the_next_one_and_passes_over_what_is_new() {
        let state = TicketState { number: "DEMO-1".into(), ..TicketState::default() };
        let body = EventBody { body: Some(Tickets(TicketsEvent { ticket: Some(state), ..TicketsEvent::default() })) };
        let told = longer_event(body.encode_to_vec());
        assert_eq!(told.windows(FIELD.len()).filter(|window| window == FIELD).count(), 2, "beside the variant, and inside");
        assert_eq!(EventBody::decode(told.as_slice()).unwrap(), body);
        assert_eq!(EventBody::decode(longer_event(Vec::new()).as_slice()).unwrap(), EventBody::default());
    }

    /// F32.
    #[test]
    fn every_message_of_a_piece_says_more_and_a_broken_piece_says_the_same() {
        let (one, two) = (TicketState { number: "DEMO-1".into(), ..TicketState::default() }, TicketState::default());
        let framed = |message: &TicketState| {
            let bytes = message.encode_to_vec();
            [&[0_u8][..], &u32::try_from(bytes.len()).unwrap().to_be_bytes(), &bytes].concat()
        };
        let piece = longer([framed(&one), framed(&two)].concat().into());
        let first = usize::try_from(u32::from_be_bytes(piece[1..PREFIX].try_into().unwrap())).unwrap();
        let second = &piece[PREFIX + first..];
        assert_eq!(TicketState::decode(&piece[PREFIX..PREFIX + first]).unwrap(), one);
        assert_eq!(second, [&[0, 0, 0, 0, SIZE][..], FIELD].concat());
        for broken in [&b"\0\0\0"[..], b"\0\0\0\0\x09short", b"\x01\0\0\0\x01z"] {
            assert_eq!(longer(Bytes::from_static(broken)), broken);
        }
    }

    #[test]
    fn the_next_version_knows_what_this_one_does_and_only_adds() {
        let migrations = |count: i64| {
            let one = |version| Migration::new(version, "one".into(), MigrationType::Simple, "SELECT 1".into_sql_str(), false);
            (1..=count).map(one).collect::<Vec<_>>()
        };
        let next: Vec<_> =
            expanded(migrations(4)).into_iter().map(|migration| (migration.version, migration.description.into_owned())).collect();
        assert_eq!(next[4..], [(5, "next table".to_owned()), (6, "next columns".to_owned())]);
        assert!(next.iter().all(|(_, name)| !name.starts_with("contract")));
    }
}
