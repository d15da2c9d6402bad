//! Tickets that come from elsewhere, with their past.

use std::sync::LazyLock;

use portico_chassis::auth::Person;
use portico_chassis::clock::{Clock, to_proto};
use portico_chassis::error::Error;
use portico_proto::events::v1::tickets_event::Event;
use portico_proto::tickets::v1 as wire;
use portico_proto::tickets::v1::import_service_client::ImportServiceClient;
use portico_proto::tickets::v1::imported_step::What;
use portico_proto::tickets::v1::{ItemKind, Reason, Status};
use time::{Duration, OffsetDateTime};

use crate::common::{World, fields, told};

/// The same moment however often it is asked for.
static NOW: LazyLock<OffsetDateTime> = LazyLock::new(|| Clock::start().now().replace_nanosecond(0).unwrap());

fn ago(hours: i64) -> OffsetDateTime {
    *NOW - Duration::hours(hours)
}

fn step(by: &Person, hours_ago: i64, what: What) -> wire::ImportedStep {
    wire::ImportedStep { at: Some(to_proto(ago(hours_ago))), by_id: by.id.to_string(), channel: 0, what: Some(what) }
}

fn says(body: &str, status: Status) -> What {
    What::Comment(wire::ImportedComment { body: body.into(), status: status.into(), ..Default::default() })
}

fn notes(body: &str) -> What {
    What::Comment(wire::ImportedComment { body: body.into(), internal: true, ..Default::default() })
}

fn past(world: &World, source: &str, hours_ago: i64, history: Vec<wire::ImportedStep>) -> wire::ImportTicketRequest {
    wire::ImportTicketRequest {
        portal: "demo".into(),
        request_id: world.key(),
        source_id: source.into(),
        subject: "The boiler is cold".into(),
        description: "Since **Friday**.".into(),
        requester_id: world.alice.id.to_string(),
        created_at: Some(to_proto(ago(hours_ago))),
        priority: wire::Priority::High.into(),
        history,
        ..Default::default()
    }
}

async fn import(world: &World, request: wire::ImportTicketRequest) -> Result<wire::ImportTicketResponse, Error> {
    told(ImportServiceClient::new(world.channel.clone()).import_ticket(world.stage.as_operator(request)).await)
}

/// Asked, answered, noted, shared, resolved, reopened, resolved, closed with a score: over 30 days ago to the day before yesterday.
fn story(world: &World) -> Vec<wire::ImportedStep> {
    let (alice, agent) = (&world.alice, &world.agent);
    let change = wire::ImportedChange {
        changes: Some(wire::TicketChanges { assignee_id: "me".into(), tags: vec!["boiler".into()], ..Default::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["assignee_id".into(), "tags".into()] }),
    };
    let share = wire::ImportedShare { person_id: world.carol.id.to_string(), access: 0, expires_at: None };
    vec![
        step(agent, 790, What::Change(change)),
        step(agent, 789, says("Is the pump on?", Status::WaitingCustomer)),
        step(alice, 780, What::Share(share)),
        step(&world.carol, 779, says("I was there: it is not.", Status::Unspecified)),
        step(agent, 778, notes("Third pump this year")),
        step(agent, 777, says("A fitter comes tomorrow.", Status::Resolved)),
        step(alice, 750, What::Reopen(wire::ImportedReopen { comment: "Nobody came.".into() })),
        step(agent, 740, says("He came today.", Status::Resolved)),
        step(alice, 739, What::Close(wire::ImportedClose { score: 4, comment: "Warm again".into() })),
        step(alice, 739, What::View(wire::ImportedView {})),
        step(agent, 48, notes("Bill sent")),
    ]
}

#[tokio::test]
async fn a_ticket_comes_along_as_the_lifecycle_would_have_left_it_and_rings_nobody() {
    let world = World::new().await;
    world.wait_for_agents().await;
    let made = import(&world, past(&world, "old-17", 800, story(&world))).await.unwrap();
    assert_eq!((made.number.as_str(), made.created), ("DEMO-1", true));
    let seen = world.get(&world.alice, "DEMO-1").await.unwrap();
    assert_eq!((seen.status(), seen.reason(), seen.reopen_count), (Status::Closed, Reason::CustomerClosed, 1));
    assert_eq!((seen.created_at, seen.first_replied_at), (Some(to_proto(ago(800))), Some(to_proto(ago(789)))));
    assert_eq!((seen.resolved_at, seen.closed_at, seen.updated_at), (Some(to_proto(ago(740))), Some(to_proto(ago(739))), seen.closed_at));
    assert_eq!((seen.satisfaction.as_ref().unwrap().score, seen.unread, seen.due.len()), (4, false, 0));
    assert_eq!(seen.organization.as_ref().unwrap().name, "ACME");
    let desk = world.get(&world.agent, "DEMO-1").await.unwrap();
    assert_eq!((desk.tags, desk.updated_at), (vec!["boiler".to_owned()], Some(to_proto(ago(48)))));
    assert_eq!(world.get(&world.carol, "DEMO-1").await.unwrap().status(), Status::Closed, "the share came along");

    let items = world.timeline(&world.agent, "DEMO-1").await.unwrap();
    assert!(items.is_sorted_by_key(|item| item.at.unwrap().seconds));
    let spoken: Vec<(&str, &str)> = items
        .iter()
        .filter(|item| item.kind() == ItemKind::Comment)
        .map(|item| (item.actor.as_ref().unwrap().name.as_str(), item.body.as_str()))
        .collect();
    let (first, last) = (("Agnes", "Is the pump on?"), ("Agnes", "Bill sent"));
    assert_eq!((spoken.len(), spoken.first(), spoken.last()), (7, Some(&first), Some(&last)));
    assert!(spoken.contains(&("Carol", "I was there: it is not.")));
    let found = |q: &str| wire::TicketFilter { q: q.into(), ..Default::default() };
    assert_eq!(world.list(&world.alice, found("fitter")).await.unwrap(), ["DEMO-1"]);
    assert!(world.list(&world.alice, found("third")).await.unwrap().is_empty(), "notes are the agents'");
    assert_eq!(world.count(&world.agent, found("third")).await, 1);

    let events = world.events().await;
    let secs = |at: Option<prost_types::Timestamp>| at.map(|at| at.seconds);
    let imported: Vec<_> = events.iter().filter(|(_, event)| event.ticket.is_some()).collect();
    assert!(imported.iter().all(|(envelope, event)| event.notices.is_empty() && secs(event.imported_from) <= secs(envelope.at)));
    assert!(imported.iter().all(|(_, event)| event.ticket.as_ref().unwrap().number == "DEMO-1"));
    assert_eq!(imported[0].1.imported_from, Some(to_proto(ago(800))));
    let mut inspect = world.stage.inspect("tickets").await;
    let timers: i64 = sqlx::query_scalar("SELECT count(*) FROM timer").fetch_one(&mut inspect).await.unwrap();
    assert_eq!(timers, 0);
    world.end().await;
}

#[tokio::test]
async fn an_import_is_done_once_and_its_ticket_lives_on() {
    let world = World::new().await;
    let history = || vec![step(&world.agent, 30, says("Which boiler?", Status::WaitingCustomer))];
    let first = past(&world, "old-1", 40, history());
    let made = import(&world, first.clone()).await.unwrap();
    assert_eq!(import(&world, first).await.unwrap(), made, "the same request has the same answer");
    let again = wire::ImportTicketRequest { subject: "Another".into(), ..past(&world, "old-1", 39, Vec::new()) };
    let again = import(&world, again).await.unwrap();
    assert_eq!((again.id, again.number, again.created), (made.id, made.number, false));
    assert_eq!(world.count(&world.agent, wire::TicketFilter::default()).await, 1);
    let (one, two) = (past(&world, "old-2", 9, Vec::new()), past(&world, "old-2", 8, Vec::new()));
    let (one, two) = tokio::join!(import(&world, one), import(&world, two));
    assert_eq!(one.unwrap().number, two.unwrap().number, "two at once make one");

    // A reminder was due after a day; two and the auto-resolve are ahead, and one timer is armed for the next.
    let waiting = world.get(&world.alice, "DEMO-1").await.unwrap();
    assert_eq!((waiting.status(), waiting.due.len(), waiting.unread), (Status::WaitingCustomer, 3, true));
    let mut inspect = world.stage.inspect("tickets").await;
    let due: OffsetDateTime = sqlx::query_scalar("SELECT due_at FROM timer").fetch_one(&mut inspect).await.unwrap();
    assert_eq!(Some(to_proto(due)), waiting.due[0].at);
    let said = world.comment(&world.alice, world.words("DEMO-1", "The blue one")).await.unwrap().ticket.unwrap();
    assert_eq!((said.status(), said.due.len()), (Status::PendingSupport, 0));
    assert_eq!(world.create(&world.alice, world.plain("New")).await.unwrap().number, "DEMO-3");
    world.end().await;
}

#[tokio::test]
async fn a_follow_up_is_linked_both_ways_and_takes_over_what_is_not_given() {
    let world = World::new().await;
    let share = wire::ImportedShare { person_id: world.carol.id.to_string(), access: 0, expires_at: None };
    let close = What::Close(wire::ImportedClose::default());
    let first = past(&world, "a", 300, vec![step(&world.alice, 299, What::Share(share)), step(&world.alice, 290, close)]);
    import(&world, wire::ImportTicketRequest { contact_name: "Mr Fox".into(), ..first }).await.unwrap();
    let early = wire::ImportTicketRequest { follow_up_of: "a".into(), ..past(&world, "b", 291, Vec::new()) };
    assert_eq!(fields(&import(&world, early).await.unwrap_err()), ["created_at"]);
    let unknown = wire::ImportTicketRequest { follow_up_of: "nothing".into(), ..past(&world, "b", 200, Vec::new()) };
    assert_eq!(fields(&import(&world, unknown).await.unwrap_err()), ["follow_up_of"]);
    let second = wire::ImportTicketRequest { follow_up_of: "a".into(), ..past(&world, "b", 200, Vec::new()) };
    assert_eq!(import(&world, second).await.unwrap().number, "DEMO-2");
    let child = world.get(&world.alice, "DEMO-2").await.unwrap();
    assert_eq!((child.follow_up_of.as_str(), child.contact_name.as_str()), ("DEMO-1", "Mr Fox"));
    assert!(world.get(&world.carol, "DEMO-2").await.is_ok());
    let parent = world.get(&world.alice, "DEMO-1").await.unwrap();
    assert_eq!((parent.follow_ups, parent.updated_at), (vec!["DEMO-2".to_owned()], Some(to_proto(ago(200)))));
    let last = world.timeline(&world.alice, "DEMO-1").await.unwrap().pop().unwrap();
    assert_eq!((last.kind(), last.related_number.as_str()), (ItemKind::FollowUp, "DEMO-2"));
    assert!(world.events().await.iter().any(|(_, event)| matches!(event.event, Some(Event::FollowUpLinked(_)))));
    world.end().await;
}

#[tokio::test]
async fn everything_wrong_is_told_with_its_name_and_nothing_is_made() {
    let world = World::new().await;
    let mut wrong = past(&world, "", 10, vec![step(&world.agent, 20, says(" ", Status::Unspecified)), wire::ImportedStep::default()]);
    wrong.subject = "two\nlines".into();
    wrong.requester_id = "nobody".into();
    wrong.created_at = Some(to_proto(ago(-1)));
    wrong.priority = 9;
    let refused = import(&world, wrong).await.unwrap_err();
    let mut named = fields(&refused);
    named.sort_unstable();
    let expected = ["created_at", "history[0].at", "history[0].body", "history[1].at", "history[1].by", "history[1].what"];
    assert_eq!(named[..6], expected);
    assert_eq!(named[6..], ["priority", "requester", "source_id", "subject"]);

    let stranger = uuid::Uuid::from_u128(404);
    let mut nobody = past(&world, "x", 10, vec![step(&world.agent, 9, says("Hello", Status::Unspecified))]);
    nobody.history[0].by_id = stranger.to_string();
    nobody.assignee_id = world.alice.id.to_string();
    nobody.product_id = stranger.to_string();
    assert_eq!(fields(&import(&world, nobody.clone()).await.unwrap_err()), ["assignee", "history[0].by"]);
    nobody.history.clear();
    nobody.assignee_id.clear();
    assert_eq!(fields(&import(&world, nobody).await.unwrap_err()), ["product"]);

    let refusals = [
        (step(&world.agent, 9, says("Go", Status::New)), "history[0]", "invalid_transition"),
        (step(&world.carol, 9, says("Hi", Status::Unspecified)), "history[0].by", "invalid"),
        (step(&world.alice, 9, notes("psst")), "history[0]", "forbidden"),
        (step(&world.agent, 9, says("Wait", Status::WaitingThirdParty)), "history[0].sub_status", "required"),
    ];
    for (bad, field, code) in refusals {
        let Err(Error::Invalid(told)) = import(&world, past(&world, "x", 10, vec![bad])).await else { panic!("{field} was taken") };
        assert_eq!((told[0].field.as_str(), told[0].code.as_ref()), (field, code));
    }
    assert_eq!(world.count(&world.agent, wire::TicketFilter::default()).await, 0);
    let mut client = ImportServiceClient::new(world.channel.clone());
    let by_admin = told(client.import_ticket(world.stage.as_person(&world.admin, past(&world, "x", 10, Vec::new()))).await);
    assert_eq!(by_admin.unwrap_err().code(), "forbidden");
    world.end().await;
}
