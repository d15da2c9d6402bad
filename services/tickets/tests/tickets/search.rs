//! Counts over one and several branches of sight, and searches for what is rare and what is everywhere (VL-16, S42, AN-5).

use portico_chassis::auth::Person;
use portico_proto::tickets::v1 as wire;
use portico_proto::tickets::v1::Scope;

use crate::common::{World, fields, told};

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

async fn search(world: &World, who: &Person, query: &str, limit: i32) -> wire::SearchTicketsResponse {
    let request = wire::SearchTicketsRequest { portal: "demo".into(), query: query.into(), limit };
    told(world.tickets().search_tickets(world.stage.as_person(who, request)).await).unwrap()
}

async fn numbers(world: &World, who: &Person, query: &str) -> Vec<String> {
    search(world, who, query, 50).await.hits.into_iter().map(|hit| hit.number).collect()
}

async fn written(world: &World, who: &Person, subject: &str, description: &str) {
    let request = wire::CreateTicketRequest { description: description.into(), ..world.plain(subject) };
    world.create(who, request).await.unwrap();
}

/// More tickets like the first, so many, each a minute older than the one before; their only word is `everywhere`.
async fn copies(world: &World, subject: &str, last: i32) {
    let mut conn = world.stage.inspect("tickets").await;
    let copies = "WITH c AS (SELECT t.*, gen_random_uuid() AS copy, n FROM ticket t, generate_series(2, $1) AS n), \
          w AS (INSERT INTO ticket_words SELECT c.portal, c.copy, array_to_tsvector(ARRAY['everywhere']), '' FROM c) \
        INSERT INTO ticket SELECT (jsonb_populate_record(NULL::ticket, to_jsonb(c) || jsonb_build_object('id', copy, 'number', 'DEMO-' || n, 'seq', n, \
          'subject', $2::text, 'created_at', c.created_at - n * interval '1 minute', 'updated_at', c.updated_at - n * interval '1 minute', \
          'public_updated_at', c.public_updated_at - n * interval '1 minute'))).* FROM c";
    sqlx::query(copies).bind(last).bind(subject).execute(&mut conn).await.unwrap();
}

/// AN-5: the best of all that somebody may see comes first, however old it is: its number, its subject, words in the subject, the rest.
#[tokio::test]
async fn a_search_is_ranked_over_all_that_its_asker_sees() {
    let world = World::new().await;
    written(&world, &world.alice, "Loud pump", "It hums.").await;
    written(&world, &world.alice, "The pump of floor two is loud", "It hums, too.").await;
    written(&world, &world.bob, "Cold hall", "The loud pump is off.").await;
    written(&world, &world.alice, "Order of a lamp", "Like DEMO-1, not as loud as the pump.").await;
    written(&world, &world.carol, "Loud pump", "Hers.").await;
    for (who, wanted) in [
        (&world.alice, &["DEMO-1", "DEMO-2", "DEMO-4"][..]),
        (&world.bob, &["DEMO-1", "DEMO-2", "DEMO-4", "DEMO-3"]),
        (&world.carol, &["DEMO-5"]),
        (&world.agent, &["DEMO-5", "DEMO-1", "DEMO-2", "DEMO-4", "DEMO-3"]),
    ] {
        assert_eq!(numbers(&world, who, " LOUD pump ").await, wanted, "{}", who.name);
    }
    assert_eq!(numbers(&world, &world.bob, "demo-1").await, ["DEMO-1", "DEMO-4"], "its number, then who names it");
    assert_eq!(numbers(&world, &world.alice, "demo-5").await, Vec::<String>::new());
    let one = search(&world, &world.bob, "loud pump", 1).await;
    assert_eq!((one.hits.len(), one.total, one.total_capped), (1, 4, false));
    let all = search(&world, &world.bob, "loud pump", 50).await;
    assert!(all.hits.is_sorted_by(|before, after| before.score > after.score), "{all:?}");
    assert_eq!(all.hits[0].status_label, "Open", "the portal's word");
    world.end().await;
}

/// AN-5: a question that nothing answers whole is answered by what has most of it.
#[tokio::test]
async fn when_no_ticket_has_all_the_words_those_with_most_are_found() {
    let world = World::new().await;
    written(&world, &world.alice, "Loud pump", "It hums.").await;
    written(&world, &world.alice, "Pump", "Nothing else.").await;
    for who in [&world.alice, &world.agent] {
        assert_eq!(numbers(&world, who, "my loud pump makes zzz").await, ["DEMO-1"]);
        assert_eq!(numbers(&world, who, "zzz pump").await, ["DEMO-2", "DEMO-1"], "the newest first");
        assert!(numbers(&world, who, "zzz yyy").await.is_empty());
        assert!(numbers(&world, who, " ?! ").await.is_empty());
    }
    world.end().await;
}

/// AN-5, S42: the snippet is of the text that holds the words, marked, and tells customers nothing of notes.
#[tokio::test]
async fn a_snippet_shows_the_place_that_was_found() {
    let world = World::new().await;
    let file = world.upload(&world.alice.id.to_string(), "wiring_<plan>.txt", b"x").await;
    let request = wire::CreateTicketRequest { uploads: vec![file], description: "A <b>relay</b> clicks.".into(), ..world.plain("Noise") };
    world.create(&world.alice, request).await.unwrap();
    world.comment(&world.alice, world.words("DEMO-1", "And the **fuse** is hot.")).await.unwrap();
    world.note(&world.agent, "DEMO-1", "A walrus, no relay").await.unwrap();
    for (query, snippet) in [
        ("relay", "A &lt;b&gt;<mark>relay</mark>&lt;/b&gt; clicks."),
        ("fuse", "And the <mark>fuse</mark> is hot."),
        ("plan", "wiring_&lt;<mark>plan</mark>&gt;.txt"),
        ("noise", "<mark>Noise</mark>"),
        ("demo-1", "A &lt;b&gt;relay&lt;/b&gt; clicks."),
    ] {
        let found = search(&world, &world.alice, query, 10).await;
        assert_eq!(found.hits.first().map(|hit| hit.snippet_html.as_str()), Some(snippet), "{query}");
    }
    let secret = world.upload(&world.agent.id.to_string(), "zebracorn.txt", b"x").await;
    let note = wire::AddCommentRequest {
        visibility: wire::ItemVisibility::Internal.into(),
        uploads: vec![secret],
        ..world.words("DEMO-1", "See the file")
    };
    world.comment(&world.agent, note).await.unwrap();
    for hidden in ["walrus", "zebracorn"] {
        assert!(numbers(&world, &world.alice, hidden).await.is_empty(), "{hidden}");
    }
    assert!(!search(&world, &world.alice, "demo-1", 10).await.hits[0].snippet_html.contains("zebracorn"));
    assert_eq!(search(&world, &world.agent, "zebracorn", 10).await.hits[0].snippet_html, "<mark>zebracorn</mark>.txt");
    let note = search(&world, &world.agent, "walrus relay", 10).await;
    assert_eq!(note.hits[0].snippet_html, "A <mark>walrus</mark>, no <mark>relay</mark>");
    world.end().await;
}

/// AN-5: past the number of tickets that are ranked the number and the subject are still found.
#[tokio::test]
async fn among_thousands_an_old_subject_is_found_first() {
    let world = World::new().await;
    world.create(&world.alice, world.plain("Everywhere boiler")).await.unwrap();
    copies(&world, "Something else", 2_600).await;
    let mut conn = world.stage.inspect("tickets").await;
    sqlx::query("UPDATE ticket SET subject = 'Everywhere' WHERE number = 'DEMO-2600'").execute(&mut conn).await.unwrap();
    for who in [&world.alice, &world.agent] {
        let found = search(&world, who, "everywhere", 10).await;
        let hits: Vec<&str> = found.hits.iter().map(|hit| hit.number.as_str()).collect();
        assert_eq!(hits[..4], ["DEMO-2600", "DEMO-1", "DEMO-2", "DEMO-3"]);
        assert_eq!((found.total, found.total_capped), (100, true));
        assert_eq!(numbers(&world, who, "DEMO-2599").await, ["DEMO-2599"]);
    }
    world.end().await;
}

#[tokio::test]
async fn a_search_needs_words_a_bound_and_somebody_who_asks() {
    let world = World::new().await;
    let ask = |query: &str, limit| wire::SearchTicketsRequest { portal: "demo".into(), query: query.into(), limit };
    let refused = async |query: &str, limit| {
        let request = world.stage.as_person(&world.alice, ask(query, limit));
        told(world.tickets().search_tickets(request).await).unwrap_err()
    };
    assert_eq!(fields(&refused("  ", 51).await), ["q", "limit"]);
    assert_eq!(fields(&refused(&"a".repeat(2_001), 0).await), ["q", "limit"]);
    let guest = world.stage.as_guest("street", ask("pump", 5));
    assert_eq!(told(world.tickets().search_tickets(guest).await).unwrap_err().http_status(), 401);
    world.end().await;
}

#[tokio::test]
async fn what_is_rare_and_what_is_everywhere_is_found_alike() {
    let world = World::new().await;
    world.create(&world.alice, world.plain("Everywhere boiler")).await.unwrap();
    // More than are collected by name, all older.
    copies(&world, "Everywhere boiler", 2_600).await;
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
