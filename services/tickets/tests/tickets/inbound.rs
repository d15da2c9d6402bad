//! Mail that came in (CR-25, CF-5, S59, S60, S61).

use portico_chassis::error::Error;
use portico_proto::identity::v1::{PersonFacts, PersonStatus};
use portico_proto::tickets::v1 as wire;
use portico_proto::tickets::v1::{MailOutcome, Status};

use crate::common::neighbour::facts;
use crate::common::{World, told};

fn mail(id: &str, from: &str, proven: bool) -> wire::SubmitMailRequest {
    wire::SubmitMailRequest {
        portal: "demo".into(),
        request_id: id.into(),
        message_id: format!("{id}@mail.test"),
        from_address: from.into(),
        from_name: "From".into(),
        proven,
        subject: "By mail".into(),
        body: "Hello by mail".into(),
        ..wire::SubmitMailRequest::default()
    }
}

async fn submit(world: &World, request: wire::SubmitMailRequest) -> wire::SubmitMailResponse {
    told(world.inbound().submit_mail(world.stage.as_service("notifier", request)).await).unwrap()
}

#[tokio::test]
async fn a_proven_sender_makes_a_ticket_once() {
    let world = World::new().await;
    let made = submit(&world, mail("m1", "Alice@acme.test", true)).await;
    assert_eq!((made.outcome(), made.number.as_str(), made.person_id), (MailOutcome::TicketCreated, "DEMO-1", world.alice.id.to_string()));
    assert_eq!(submit(&world, mail("m1", "alice@acme.test", true)).await.number, "DEMO-1", "the same Message-ID, the same outcome");
    let ticket = world.get(&world.alice, "DEMO-1").await.unwrap();
    assert_eq!((ticket.channel(), ticket.subject.as_str()), (wire::Channel::Email, "By mail"));
    // Somebody unknown gets an account and an invitation.
    let unknown = submit(&world, mail("m2", "new@else.test", true)).await;
    assert_eq!(unknown.outcome(), MailOutcome::TicketCreated);
    assert_eq!(world.to_be_invited().await, [unknown.person_id], "one invitation, by the event");
    let empty = submit(&world, wire::SubmitMailRequest { body: " \n".into(), ..mail("m3", "alice@acme.test", true) }).await;
    assert_eq!((empty.outcome(), empty.reason.as_str()), (MailOutcome::Ignored, "empty"));
    world.end().await;
}

#[tokio::test]
async fn an_unproven_sender_never_comments() {
    let world = World::new().await;
    let ticket = world.create(&world.alice, world.plain("Mine")).await.unwrap();
    let reply = |id: &str, from: &str, proven| wire::SubmitMailRequest {
        reply_ticket_id: ticket.id.clone(),
        reply_reader_id: world.alice.id.to_string(),
        ..mail(id, from, proven)
    };
    let fresh =
        submit(&world, wire::SubmitMailRequest { subject: format!("Re: [{}]", ticket.number), ..mail("m1", "alice@acme.test", false) })
            .await;
    assert_eq!(fresh.outcome(), MailOutcome::UnverifiedTicket, "a number in the subject proves nothing");
    world.wait_for_agents().await;
    let claim = submit(&world, reply("m2", "alice@acme.test", false)).await;
    assert_eq!((claim.outcome(), claim.reason.as_str()), (MailOutcome::Claimed, "unproven_sender"));
    assert_eq!(claim.number, ticket.number, "an agent is told onto which ticket");
    let support = [world.agent.id.to_string(), world.agent2.id.to_string()];
    assert_eq!(claim.decider_ids, support, "nobody owns it: all agents are told");
    world.comment(&world.agent, world.words(&ticket.number, "Mine now")).await.unwrap();
    let claim = submit(&world, reply("m3", "eve@else.test", true)).await;
    assert_eq!((claim.outcome(), claim.reason.as_str()), (MailOutcome::Claimed, "not_on_ticket"), "somebody else with the reply address");
    assert_eq!((claim.number, claim.decider_ids), (ticket.number.clone(), vec![world.agent.id.to_string()]), "its agent is told");
    let mut inspector = world.stage.inspect("tickets").await;
    let suspended = "UPDATE person SET active = NOT active WHERE id = $1";
    sqlx::query(suspended).bind(world.agent.id).execute(&mut inspector).await.unwrap();
    let claim = submit(&world, reply("m3b", "eve@else.test", true)).await;
    assert_eq!(claim.decider_ids, [world.agent2.id.to_string()], "whoever is left, when its agent is gone");
    sqlx::query(suspended).bind(world.agent.id).execute(&mut inspector).await.unwrap();
    let claim = submit(&world, reply("m4", "carol@globex.test", true)).await;
    assert_eq!((claim.outcome(), claim.reason.as_str()), (MailOutcome::Claimed, "not_on_ticket"), "known, but not here");
    let nowhere = "0190b000-0000-7000-8000-000000000099".to_owned();
    let claim = submit(&world, wire::SubmitMailRequest { reply_ticket_id: nowhere, ..reply("m5", "alice@acme.test", true) }).await;
    assert_eq!((claim.outcome(), claim.reason.as_str(), claim.number.as_str()), (MailOutcome::Claimed, "unknown_ticket", ""));
    assert!(!world.neighbour.knows("eve@else.test"), "a claim makes nobody");
    let comments = |items: Vec<wire::TimelineItem>| items.into_iter().filter(|item| item.kind() == wire::ItemKind::Comment).count();
    assert_eq!(comments(world.timeline(&world.agent, &ticket.number).await.unwrap()), 1, "the agent's alone");
    // An agent accepts the claim: a comment of its sender.
    let accepted = wire::SubmitMailRequest { accepted_by: world.agent.id.to_string(), ..reply("m3", "eve@else.test", true) };
    assert_eq!(submit(&world, accepted.clone()).await.outcome(), MailOutcome::CommentAdded);
    assert_eq!(submit(&world, accepted).await.outcome(), MailOutcome::CommentAdded);
    assert_eq!(comments(world.timeline(&world.agent, &ticket.number).await.unwrap()), 2);
    world.end().await;
}

#[tokio::test]
async fn an_answer_by_mail_is_a_comment_of_its_reader() {
    let world = World::new().await;
    let ticket = world.create(&world.alice, world.plain("Mine")).await.unwrap();
    world.reply(&world.agent, &ticket.number, "Which one?", Status::WaitingCustomer).await.unwrap();
    let file = world.upload("service:notifier", "photo.txt", b"a photo").await;
    let reply = |id: &str| wire::SubmitMailRequest {
        reply_ticket_id: ticket.id.clone(),
        reply_reader_id: world.alice.id.to_string(),
        ..mail(id, "alice@acme.test", true)
    };
    let said = submit(&world, wire::SubmitMailRequest { uploads: vec![file], ..reply("m1") }).await;
    assert_eq!((said.outcome(), said.number.as_str()), (MailOutcome::CommentAdded, ticket.number.as_str()));
    assert_eq!(world.get(&world.alice, &ticket.number).await.unwrap().status(), Status::PendingSupport);
    let items = world.timeline(&world.alice, &ticket.number).await.unwrap();
    let comment = items.iter().rev().find(|item| item.kind() == wire::ItemKind::Comment).unwrap();
    assert_eq!((comment.channel(), comment.attachments.len()), (wire::Channel::Email, 1));
    // LC-17 by mail: a closed ticket goes on in a new one.
    world.close(&world.alice, &ticket.number, 0, "").await.unwrap();
    let late = submit(&world, reply("m2")).await;
    assert_eq!((late.outcome(), late.number.as_str()), (MailOutcome::CommentAdded, "DEMO-2"));
    world.end().await;
}

#[tokio::test]
async fn a_cc_sees_nothing_until_it_is_confirmed() {
    let world = World::new().await;
    let cc =
        wire::SubmitMailRequest { cc: vec!["carol@globex.test".into(), "alice@acme.test".into()], ..mail("m1", "alice@acme.test", true) };
    let made = submit(&world, cc).await;
    assert_eq!(world.get(&world.carol, &made.number).await.unwrap_err().http_status(), 404);
    let shares = world.shares(&world.alice, &made.number).await.unwrap();
    assert_eq!((shares.len(), shares[0].state()), (1, wire::CollaboratorState::Pending));
    let confirm = wire::ConfirmCollaboratorRequest {
        portal: "demo".into(),
        request_id: world.key(),
        number: made.number.clone(),
        collaborator_id: shares[0].id.clone(),
    };
    let confirmed = told(world.collaborators().confirm_collaborator(world.stage.as_person(&world.alice, confirm)).await).unwrap();
    assert_eq!(confirmed.state(), wire::CollaboratorState::Active);
    world.get(&world.carol, &made.number).await.unwrap();
    world.end().await;
}

/// LC-17 by mail, where the portal makes no new case: the answer names the ticket, so that the writer's mail does too.
#[tokio::test]
async fn a_mail_to_a_closed_ticket_is_answered_about_that_ticket() {
    for (policy, reason) in [("follow_up_link", "ticket_closed_follow_up"), ("refuse", "ticket_closed")] {
        let mut settings = crate::common::helpdesk();
        settings["policies"]["closed_update"] = policy.into();
        let world = World::with(settings, 1).await;
        let ticket = world.create(&world.alice, world.plain("Mine")).await.unwrap();
        world.share(&world.alice, &ticket.number, "carol@globex.test").await.unwrap();
        world.close(&world.alice, &ticket.number, 0, "").await.unwrap();
        // A collaborator can't make a follow-up, so they are offered none: by mail and in the API.
        for (from, id, reason) in [("alice@acme.test", world.alice.id, reason), ("carol@globex.test", world.carol.id, "ticket_closed")] {
            let answer = submit(&world, wire::SubmitMailRequest { reply_ticket_id: ticket.id.clone(), ..mail(from, from, true) }).await;
            assert_eq!((answer.outcome(), answer.reason.as_str()), (MailOutcome::Ignored, reason), "{from}");
            assert_eq!((answer.number, answer.person_id), (ticket.number.clone(), id.to_string()));
        }
        for (who, offered) in [(&world.alice, policy == "follow_up_link"), (&world.carol, false)] {
            let Error::Conflict { code, meta, .. } = world.comment(who, world.words(&ticket.number, "Late")).await.unwrap_err() else {
                panic!("{} was not refused", who.name)
            };
            assert_eq!((code.as_ref(), meta.contains_key("follow_up_of")), ("ticket_closed", offered), "{} {policy}", who.name);
        }
        world.end().await;
    }
}

/// LC-17: a collaborator who answers a closed ticket is told the new number too.
#[tokio::test]
async fn a_collaborators_answer_to_a_closed_ticket_brings_them_a_receipt() {
    let world = World::new().await;
    let ticket = world.create(&world.alice, world.plain("Mine")).await.unwrap();
    world.share(&world.alice, &ticket.number, "carol@globex.test").await.unwrap();
    world.close(&world.alice, &ticket.number, 0, "").await.unwrap();
    let late = wire::SubmitMailRequest { reply_ticket_id: ticket.id.clone(), ..mail("m1", "carol@globex.test", true) };
    assert_eq!(submit(&world, late).await.number, "DEMO-2");
    let carol = world.carol.id.to_string();
    let (envelope, _) = world
        .events()
        .await
        .into_iter()
        .rfind(|(_, event)| event.notices.iter().any(|notice| notice.kind == "receipt" && notice.person_ids.contains(&carol)))
        .expect("a receipt for Carol");
    let sent = world.render(&envelope.event_id, &carol, "receipt").await.unwrap();
    assert_eq!((sent.ticket_number.as_str(), sent.author_name.as_str()), ("DEMO-2", "Carol"));
    assert_eq!(world.get(&world.carol, "DEMO-2").await.unwrap().follow_up_of, "DEMO-1");
    world.end().await;
}

/// An agent who looks what became of an answer sees which ticket it was about, also when it was ignored.
#[tokio::test]
async fn an_ignored_answer_names_its_ticket() {
    let world = World::new().await;
    let ticket = world.create(&world.alice, world.plain("Mine")).await.unwrap();
    let reply = |id: &str| wire::SubmitMailRequest { reply_ticket_id: ticket.id.clone(), ..mail(id, "alice@acme.test", true) };
    let empty = submit(&world, wire::SubmitMailRequest { body: " ".into(), ..reply("m1") }).await;
    assert_eq!((empty.reason.as_str(), empty.number.as_str()), ("empty", ticket.number.as_str()));
    world.neighbour.add(PersonFacts { status: PersonStatus::Suspended.into(), version: 2, ..facts(&world.alice) });
    let suspended = submit(&world, reply("m2")).await;
    assert_eq!((suspended.reason.as_str(), suspended.number.as_str()), ("suspended", ticket.number.as_str()));
    assert_eq!(suspended.person_id, "", "nobody is answered");
    world.end().await;
}

#[tokio::test]
async fn a_mail_without_effect_makes_nobody() {
    let world = World::new().await;
    let empty = submit(&world, wire::SubmitMailRequest { body: " ".into(), ..mail("m1", "void@else.test", true) }).await;
    assert_eq!((empty.outcome(), empty.reason.as_str()), (MailOutcome::Ignored, "empty"));
    assert!(!world.neighbour.knows("void@else.test"));
    world.end().await;
}
