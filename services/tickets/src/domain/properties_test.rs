//! Properties that hold for every history: versions are monotone, closed stays closed, customers are told of nothing internal.

use proptest::prelude::*;
use time::Duration;

use super::access::{Actor, Relation};
use super::change::Patch;
use super::command::{Command, Comment, Next};
use super::decide::decide;
use super::event::Event;
use super::evolve::evolve;
use super::kinds::{Access, Channel, Visibility};
use super::notice::notices;
use super::status::Status;
use super::transitions_test::{T0, item, person, profile, ticket};

fn commands() -> impl Strategy<Value = (Actor, Command, i64)> {
    let actor = prop_oneof![
        Just(Actor::Person(person(1), Relation::Requester)),
        Just(Actor::Person(person(2), Relation::Colleague)),
        Just(Actor::Person(person(4), Relation::Collaborator(Access::Write))),
        Just(Actor::Person(person(3), Relation::Staff)),
        Just(Actor::System),
    ];
    let status = prop::option::of(prop::sample::select(Status::ALL.to_vec()));
    let visibility = prop_oneof![Just(None), Just(Some(Visibility::Public)), Just(Some(Visibility::Internal))];
    let said = (visibility, status.clone()).prop_map(|(visibility, status)| {
        let next = Next { status, sub_status: (status == Some(Status::WaitingThirdParty)).then(|| "them".into()), reason: None };
        Command::Comment(Comment { item: item(), body: "b".into(), visibility, channel: Channel::Portal, next })
    });
    let update = (status, any::<bool>()).prop_map(|(status, tags)| {
        let patch = Patch { tags: tags.then(|| vec!["vip".into()]), ..Patch::default() };
        Command::Update { patch, next: Next { status, ..Next::default() } }
    });
    let close = prop::option::of(1..=5_u8).prop_map(|score| Command::Close {
        score,
        comment: String::new(),
        item: item(),
        channel: Channel::Portal,
    });
    let command = prop_oneof![
        4 => said,
        2 => update,
        1 => close,
        1 => Just(Command::Reopen { comment: "no".into(), item: item(), channel: Channel::Portal }),
        1 => (1..=5_u8).prop_map(|score| Command::Rate { score, comment: String::new() }),
        1 => Just(Command::KeepOpen),
        3 => Just(Command::Tick),
    ];
    (actor, command, 0..500_000_i64)
}

proptest! {
    #[test]
    fn every_history_keeps_the_promises(n in 0..5_usize, start in prop::sample::select(Status::ALL.to_vec()), acts in prop::collection::vec(commands(), 1..40)) {
        let rules = profile(n);
        let mut state = ticket(start, &rules);
        let mut now = T0;
        for (actor, command, seconds) in acts {
            now += Duration::seconds(seconds);
            let Ok(events) = decide(&state, actor, &command, &rules, now) else { continue };
            for event in events {
                let before = state.clone();
                state = evolve(state, &event, actor, now);
                prop_assert_eq!(state.version, before.version + 1);
                prop_assert_eq!(state.public_version, before.public_version + i64::from(event.is_public()));
                if before.status == Status::Closed {
                    prop_assert_eq!(state.status, Status::Closed);
                }
                if let Event::Commented { visibility: Visibility::Internal, .. } = &event {
                    prop_assert_eq!(state.public_updated_at, before.public_updated_at);
                    let told: Vec<_> = notices(&state, &event, actor, &[person(3)], now).into_iter().flat_map(|notice| notice.people).collect();
                    prop_assert!(told.iter().all(|who| *who == person(3)), "a customer was told about a note");
                }
                prop_assert!(state.due.is_empty() || matches!(state.status, Status::WaitingCustomer | Status::Resolved));
                prop_assert!(state.due.is_sorted());
            }
        }
    }
}
