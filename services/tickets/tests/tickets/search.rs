//! Counts over one and several branches of sight, and searches for what is rare and what is everywhere (VL-16, S42).

use portico_chassis::auth::Person;
use portico_proto::tickets::v1 as wire;
use portico_proto::tickets::v1::Scope;

use crate::common::{World, told};

async fn counts(world: &World, who: &Person, filters: Vec<wire::TicketFilter>) -> Vec<(i32, bool)> {
    let request = wire::CountTicketsRequest { portal: "demo".into(), filters };
    let answer = told(world.tickets().count_tickets(world.stage.as_person(who, request)).await).unwrap();
    answer.counts.into_iter().map(|count| (count.count, count.capped)).collect()
}

fn scoped(scope: Scope) -> wire::TicketFilter {
    wire::TicketFilter { scope: scope.into(), ..Default::default() }
}

fn asked(q: &str) -> wire::TicketFilter {
    wire::TicketFilter { q: q.into(), ..Default::default() }
}

fn with_subject(subject: &str) -> wire::TicketFilter {
    wire::TicketFilter { subject: subject.into(), ..Default::default() }
}

#[tokio::test]
async fn each_ticket_is_counted_once_however_it_is_visible() {
    let world = World::new().await;
    for subject in ["Cold boiler", "Loud boiler"] {
        world.create(&world.alice, world.plain(subject)).await.unwrap();
    }
    world.create(&world.bob, world.plain("Cold hall")).await.unwrap();
    world.create(&world.carol, world.plain("Cold class")).await.unwrap();
    world.share(&world.alice, "DEMO-1", "carol@globex.test").await.unwrap();
    world.share(&world.carol, "DEMO-4", "bob@acme.test").await.unwrap();
    // One branch: everything, and what somebody shared with others.
    assert_eq!(counts(&world, &world.agent, vec![scoped(Scope::All)]).await, [(4, false)]);
    assert_eq!(counts(&world, &world.alice, vec![scoped(Scope::Shared)]).await, [(1, false)]);
    // Several: own and proven; own, colleagues' and shared.
    let all = || vec![scoped(Scope::Mine), scoped(Scope::Organization), scoped(Scope::Collaborating), scoped(Scope::Visible)];
    assert_eq!(counts(&world, &world.alice, all()).await, [(2, false), (2, false), (0, false), (2, false)]);
    assert_eq!(counts(&world, &world.bob, all()).await, [(1, false), (3, false), (1, false), (4, false)]);
    assert_eq!(counts(&world, &world.carol, all()).await, [(1, false), (1, false), (1, false), (2, false)]);
    let cold = || vec![asked("cold"), with_subject("OLD"), asked("cold nothing"), with_subject("%")];
    assert_eq!(counts(&world, &world.agent, cold()).await, [(3, false), (3, false), (0, false), (0, false)]);
    let seen = |filter| wire::TicketFilter { scope: Scope::Visible.into(), ..filter };
    let cold = || cold().into_iter().map(seen).collect();
    assert_eq!(counts(&world, &world.bob, cold()).await, [(3, false), (3, false), (0, false), (0, false)]);
    world.end().await;
}

#[tokio::test]
async fn what_is_rare_and_what_is_everywhere_is_found_alike() {
    let world = World::new().await;
    world.create(&world.alice, world.plain("Everywhere boiler")).await.unwrap();
    // More than are collected by name, all older.
    let mut conn = world.stage.inspect("tickets").await;
    let copies = "WITH c AS (SELECT t.*, gen_random_uuid() AS copy, n FROM ticket t, generate_series(2, 2600) AS n), \
          w AS (INSERT INTO ticket_words SELECT c.portal, c.copy, array_to_tsvector(ARRAY['everywhere']), '' FROM c) \
        INSERT INTO ticket SELECT (jsonb_populate_record(NULL::ticket, to_jsonb(c) || jsonb_build_object('id', copy, 'number', 'DEMO-' || n, 'seq', n, \
          'created_at', c.created_at - n * interval '1 minute'))).* FROM c";
    sqlx::query(copies).execute(&mut conn).await.unwrap();
    world.note(&world.agent, "DEMO-1", "A walrus").await.unwrap();
    for filter in [asked("everywhere"), with_subject("here boil"), asked("everywh")] {
        let found = world.list(&world.agent, filter.clone()).await.unwrap();
        assert_eq!((found.len(), found[0].as_str(), found[24].as_str()), (25, "DEMO-1", "DEMO-25"));
        assert_eq!(counts(&world, &world.agent, vec![filter.clone()]).await, [(100, true)]);
        assert_eq!(world.list(&world.alice, filter).await.unwrap()[0], "DEMO-1");
    }
    assert_eq!(world.list(&world.agent, asked("walrus")).await.unwrap(), ["DEMO-1"]);
    assert!(world.list(&world.alice, asked("walrus")).await.unwrap().is_empty(), "notes are the agents'");
    let rare = wire::TicketFilter { subject: "2".into(), ..asked("boiler") };
    assert!(world.list(&world.agent, rare).await.unwrap().is_empty());
    world.end().await;
}
