//! A caller's deadline goes on to whoever is asked, and nothing is begun after it (section 3.4).

use std::time::{Duration, Instant};

use portico_chassis::error::Error;
use portico_proto::tickets::v1 as wire;

use crate::common::{World, told};

/// What the caller gives.
const PATIENCE: Duration = Duration::from_millis(300);

#[tokio::test]
async fn what_is_left_of_a_deadline_goes_on_and_nothing_is_begun_after_it() {
    let world = World::new().await;
    let number = world.create(&world.alice, world.plain("Printer")).await.unwrap().number;
    let before = world.events().await.len();
    world.neighbour.known.lock().unwrap().pause = Duration::from_secs(5);
    let share = wire::AddCollaboratorRequest {
        portal: "demo".to_owned(),
        request_id: world.key(),
        number: number.clone(),
        email: "dora@else.test".to_owned(),
        ..wire::AddCollaboratorRequest::default()
    };
    let mut request = world.stage.as_person(&world.alice, share);
    request.set_timeout(PATIENCE);
    let begun = Instant::now();
    let refused = told(world.collaborators().add_collaborator(request).await);
    // Whoever notices first says it: the service, or the caller's own library.
    assert!(matches!(refused, Err(Error::Deadline | Error::Unavailable(_))), "{refused:?}");
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    let left = world.neighbour.known.lock().unwrap().left.clone();
    assert!(!left.is_empty() && left.iter().all(|left| !left.is_zero() && *left < PATIENCE), "{left:?}");

    // What comes later finds nothing of it: neither the share nor the event.
    world.neighbour.known.lock().unwrap().pause = Duration::ZERO;
    world.share(&world.alice, &number, "carol@globex.test").await.unwrap();
    let shares: Vec<String> = world.shares(&world.alice, &number).await.unwrap().into_iter().map(|share| share.email).collect();
    assert_eq!((shares, world.events().await.len()), (vec!["carol@globex.test".to_owned()], before + 1));
    world.end().await;
}
