//! Rating (LC-15), and keeping a ticket open, as the service does it.
use portico_proto::tickets::v1 as wire;
use portico_proto::tickets::v1::tickets_service_client::TicketsServiceClient;
use portico_proto::tickets::v1::{ItemKind, Status};

use crate::common::{World, channel, helpdesk, told};

fn rate(world: &World, score: i32) -> wire::RateTicketRequest {
    wire::RateTicketRequest {
        portal: "demo".into(),
        request_id: world.key(),
        number: "DEMO-1".into(),
        score,
        ..wire::RateTicketRequest::default()
    }
}

#[tokio::test]
async fn a_rating_is_closed_thirty_days_after_the_first() {
    let world = World::with(helpdesk(), 2).await;
    world.create(&world.alice, world.plain("Rated")).await.unwrap();
    world.reply(&world.agent, "DEMO-1", "Done", Status::Resolved).await.unwrap();
    let rated = told(world.tickets().rate_ticket(world.stage.as_person(&world.alice, rate(&world, 2))).await).unwrap();
    assert_eq!(rated.satisfaction.unwrap().score, 2);
    let mut conn = world.stage.inspect("tickets").await;
    sqlx::query("UPDATE ticket SET first_rated_at = first_rated_at - interval '31 days'").execute(&mut conn).await.unwrap();
    // The other replica reads the ticket anew.
    let mut other = TicketsServiceClient::new(channel(&world.replicas[1]).await);
    let late = told(other.rate_ticket(world.stage.as_person(&world.alice, rate(&world, 5))).await).unwrap_err();
    assert_eq!((late.http_status(), late.code()), (409, "rating_closed"));
    assert_eq!(world.get(&world.alice, "DEMO-1").await.unwrap().satisfaction.unwrap().score, 2);
    world.end().await;
}

#[tokio::test]
async fn keeping_it_open_is_told_by_the_history() {
    // Every change is an event with actor, time and before and after.
    let world = World::new().await;
    world.create(&world.alice, world.plain("Slow")).await.unwrap();
    let waiting = world.reply(&world.agent, "DEMO-1", "Which one?", Status::WaitingCustomer).await.unwrap().ticket.unwrap();
    let keep = wire::KeepTicketOpenRequest { portal: "demo".into(), request_id: world.key(), number: "DEMO-1".into() };
    let kept = told(world.tickets().keep_ticket_open(world.stage.as_person(&world.alice, keep)).await).unwrap();
    let item = world.timeline(&world.agent, "DEMO-1").await.unwrap().pop().unwrap();
    assert_eq!((item.kind(), item.actor.unwrap().name.as_str()), (ItemKind::Change, "Alice"));
    let change = &item.changes[0];
    let seconds = |text: &str| time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).unwrap().unix_timestamp();
    assert_eq!(change.field, "due");
    assert_eq!(seconds(&change.before), waiting.due.last().unwrap().at.unwrap().seconds);
    assert_eq!(seconds(&change.after), kept.due.last().unwrap().at.unwrap().seconds);
    world.end().await;
}
