//! Timers with seconds: reminders, auto-resolve, auto-close, once and never early (LC-10, LC-11, I07, I08).
use crate::common::{World, helpdesk};
use portico_chassis::testing::eventually;
use portico_proto::events::v1::tickets_event::Event;
use portico_proto::tickets::v1 as wire;
use portico_proto::tickets::v1::{DueKind, Reason, Status};

fn seconds() -> serde_json::Value {
    let mut settings = helpdesk();
    settings["timers"] = serde_json::json!({"waiting_reminder_seconds": [1, 2], "auto_resolve_seconds": 3, "close_reminder_seconds": 1, "auto_close_seconds": 3});
    settings
}

#[tokio::test]
async fn silence_is_reminded_resolved_and_closed_each_once() {
    let world = World::with(seconds(), 2).await;
    let number = world.create(&world.alice, world.plain("Quiet")).await.unwrap().number;
    let asked = world.reply(&world.agent, &number, "Which one?", Status::WaitingCustomer).await.unwrap().ticket.unwrap();
    let kinds: Vec<DueKind> = asked.due.iter().map(wire::Due::kind).collect();
    assert_eq!(kinds, [DueKind::Reminder, DueKind::Reminder, DueKind::AutoResolve]);
    let closed = eventually("the auto-close", || async {
        world.get(&world.alice, &number).await.ok().filter(|ticket| ticket.status() == Status::Closed)
    })
    .await;
    assert_eq!(closed.reason(), Reason::ResolvedExpired);
    let events = world.events().await;
    let reminded =
        |kind: &str| events.iter().filter(|(_, event)| matches!(&event.event, Some(Event::ReminderDue(due)) if due.kind == kind)).count();
    assert_eq!((reminded("waiting_reminder"), reminded("close_reminder")), (2, 1));
    let moves: Vec<(String, String)> = events
        .iter()
        .filter_map(|(_, event)| match &event.event {
            Some(Event::StatusChanged(moved)) if moved.automatic => Some((moved.to.clone(), moved.reason.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(moves, [("resolved".into(), "no_customer_reply".into()), ("closed".into(), "resolved_expired".into())]);
    for (kind, expected) in [("waiting_reminder", 2), ("auto_resolved", 1), ("close_reminder", 1), ("closed", 1)] {
        let told = events.iter().flat_map(|(_, event)| &event.notices).filter(|notice| notice.kind == kind).count();
        assert_eq!(told, expected, "{kind}");
    }
    // Never early: each effect is at or after what was due.
    let at = |to: &str| {
        let found = events.iter().find(|(_, event)| matches!(&event.event, Some(Event::StatusChanged(moved)) if moved.to == to)).unwrap();
        let stamp = found.0.at.unwrap();
        stamp.seconds * 1_000_000_000 + i64::from(stamp.nanos)
    };
    let due = asked.due.last().unwrap().at.unwrap();
    assert!(at("resolved") >= due.seconds * 1_000_000_000 + i64::from(due.nanos));
    world.end().await;
}

#[tokio::test]
async fn an_answer_in_time_wins_and_cancels_the_timers() {
    let world = World::with(seconds(), 1).await;
    let number = world.create(&world.alice, world.plain("In time")).await.unwrap().number;
    world.reply(&world.agent, &number, "Which one?", Status::WaitingCustomer).await.unwrap();
    let answered = world.comment(&world.alice, world.words(&number, "This one")).await.unwrap().ticket.unwrap();
    assert_eq!((answered.status(), answered.due.len()), (Status::PendingSupport, 0));
    let mut inspect = world.stage.inspect("tickets").await;
    let armed: i64 = sqlx::query_scalar("SELECT count(*) FROM timer").fetch_one(&mut inspect).await.unwrap();
    assert_eq!(armed, 0, "nothing is left to fire");
    world.end().await;
}

#[tokio::test]
async fn it_can_be_kept_open_and_then_waits_anew() {
    let mut settings = seconds();
    settings["timers"]["waiting_reminder_seconds"] = serde_json::json!([]);
    settings["timers"]["auto_resolve_seconds"] = 60.into();
    let world = World::with(settings, 1).await;
    let number = world.create(&world.alice, world.plain("Patience")).await.unwrap().number;
    let before = world.reply(&world.agent, &number, "Which one?", Status::WaitingCustomer).await.unwrap().ticket.unwrap().due;
    let keep = || {
        let request = wire::KeepTicketOpenRequest { portal: "demo".into(), request_id: world.key(), number: number.clone() };
        let request = world.stage.as_person(&world.alice, request);
        let mut client = world.tickets();
        async move { crate::common::told(client.keep_ticket_open(request).await) }
    };
    let kept = keep().await.unwrap();
    assert_eq!(kept.status(), Status::WaitingCustomer);
    assert!(
        kept.due[0].at.unwrap().seconds * 1000 + i64::from(kept.due[0].at.unwrap().nanos / 1_000_000)
            >= before[0].at.unwrap().seconds * 1000
    );
    keep().await.unwrap();
    keep().await.unwrap();
    assert_eq!(keep().await.unwrap_err().code(), "invalid_transition");
    world.end().await;
}

#[tokio::test]
async fn missed_reminders_collapse_into_one_after_a_pause() {
    // I07: the service was down when they fell due.
    let mut world = World::with(seconds(), 1).await;
    let number = world.create(&world.alice, world.plain("Holiday")).await.unwrap().number;
    world.reply(&world.agent, &number, "Which one?", Status::WaitingCustomer).await.unwrap();
    for running in std::mem::take(&mut world.replicas) {
        running.stop(std::time::Duration::ZERO).await;
    }
    let mut inspect = world.stage.inspect("tickets").await;
    // Two reminders fell due while nobody ran; the auto-resolve is still ahead.
    let moved = "UPDATE ticket SET due = jsonb_build_array( \
        jsonb_build_object('at', to_char(now() - interval '2 minutes', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), 'kind', 'reminder'), \
        jsonb_build_object('at', to_char(now() - interval '1 minute', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), 'kind', 'reminder'), \
        jsonb_build_object('at', to_char(now() + interval '1 hour', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), 'kind', 'auto_resolve'))";
    sqlx::query("SET timezone = 'UTC'").execute(&mut inspect).await.unwrap();
    sqlx::query(moved).execute(&mut inspect).await.unwrap();
    sqlx::query("UPDATE timer SET due_at = now() - interval '2 minutes', next_at = now() - interval '2 minutes'")
        .execute(&mut inspect)
        .await
        .unwrap();
    let boot = world.stage.boot("tickets", portico_tickets::config::Config::default()).await;
    let running = portico_tickets::start(boot).await.unwrap();
    world.channel = crate::common::channel(&running).await;
    world.replicas.push(running);
    let waiting =
        eventually("the reminder", || async { world.get(&world.alice, &number).await.ok().filter(|ticket| ticket.due.len() == 1) }).await;
    assert_eq!(waiting.status(), Status::WaitingCustomer);
    let reminders = world.events().await.iter().filter(|(_, event)| matches!(event.event, Some(Event::ReminderDue(_)))).count();
    assert_eq!(reminders, 1);
    world.end().await;
}

#[tokio::test]
async fn a_grace_of_zero_closes_at_once() {
    // As in the profile product-help: resolved and closed are one step, told once.
    let mut settings = helpdesk();
    settings["timers"]["auto_close_seconds"] = 0.into();
    let world = World::with(settings, 1).await;
    let number = world.create(&world.alice, world.plain("Short")).await.unwrap().number;
    let closed = world.reply(&world.agent, &number, "Done", Status::Resolved).await.unwrap().ticket.unwrap();
    assert_eq!((closed.status(), closed.reason(), closed.due.len()), (Status::Closed, Reason::Answered, 0));
    let told: Vec<String> = world
        .events()
        .await
        .into_iter()
        .flat_map(|(_, event)| event.notices)
        .filter(|notice| notice.person_ids.contains(&world.alice.id.to_string()))
        .map(|notice| notice.kind)
        .collect();
    assert_eq!(told, ["receipt", "ticket_update"]);
    world.end().await;
}
