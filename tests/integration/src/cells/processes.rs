//! Services are killed, stand still, and all die at once (F01, F03, F06).

use std::time::Duration;

use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};
use tokio::time::{Instant, sleep};

use super::bench::{Bench, SERVICES};
use crate::stack::World;

/// Mails on their way when a notifier dies: two for each of the two portals' mail domains.
pub(super) const ON_THEIR_WAY: u64 = 4;
/// A cold start of everything is over within this time.
const COLD_START: Duration = Duration::from_secs(30);
/// Between the starts of two processes, so that the order is felt.
const STAGGER: Duration = Duration::from_millis(150);

/// Whatever is acknowledged outlives the process that said so (F01).
pub(super) async fn killed(bench: &mut Bench) {
    let (crowd, rate) = bench.load().await;
    let mut draw = bench.setting.plan.faults();
    let before = bench.pids();
    let breaking = async {
        bench.calm().await;
        bench.begins("kill", &[]);
        let end = Instant::now() + bench.setting.fault;
        while Instant::now() < end {
            let processes = bench.world.processes();
            let process = processes.choose(&mut draw).expect("processes");
            let sender = process.starts_with("notifier");
            if sender {
                bench.cut_begins(process);
            }
            bench.world.kill(process).await;
            if sender {
                bench.cut_ends(process, 1, 1);
            }
            sleep(Duration::from_millis(draw.random_range(2_000..5_000))).await;
        }
        bench.heals("kill").await;
        bench.calm().await;
    };
    crowd.during(rate, Box::pin(breaking)).await;
    // Whoever asked may have felt nothing: there is a second replica of everything.
    assert_ne!(bench.pids(), before, "no process was killed");
}

/// The first replica of each service, of all at once, stands still; what it held is taken over, and when it goes on it harms nobody (F03).
pub(super) async fn paused(bench: &mut Bench) {
    let (crowd, rate) = bench.load().await;
    let pauses = bench.setting.pauses;
    let breaking = async {
        bench.calm().await;
        for seconds in pauses {
            let (stop, go_on) = (format!("stop for {seconds} s"), format!("go on after {seconds} s"));
            bench.begins(&stop, &[]);
            // A notifier that stands still after the server's 250 loses its claim, and the other one sends again.
            bench.cut_begins(&stop);
            for service in SERVICES {
                bench.world.signal(service, "STOP");
            }
            sleep(Duration::from_secs(*seconds)).await;
            bench.crowd.recorder.fault_ends(&stop);
            // A zombie may believe for a moment what the others have revoked.
            bench.begins(&go_on, &["identity"]);
            for service in SERVICES {
                bench.world.signal(service, "CONT");
            }
            bench.cut_ends(&stop, 1, 1);
            bench.heals(&go_on).await;
            bench.calm().await;
        }
    };
    crowd.during(rate, Box::pin(breaking)).await;
    bench.every_write_was_answered();
}

/// Every process dies at once, the database and the broker too, and they come back in an order that the seed decides (F06).
pub(super) async fn all_killed(bench: &mut Bench) {
    let mut draw = bench.setting.plan.faults();
    let mut longest = Duration::ZERO;
    for time in 1..=bench.setting.orders {
        let (crowd, rate) = bench.load().await;
        let mut order = bench.world.processes();
        order.extend(["nats".to_owned(), "postgres".to_owned()]);
        order.shuffle(&mut draw);
        let breaking = async {
            bench.calm().await;
            let name = format!("kill everything, {time}");
            bench.begins(&name, &["identity"]);
            bench.cut_begins(&name);
            longest = longest.max(cold_start(&bench.world, &order).await);
            bench.cut_ends(&name, 1, 2);
            bench.heals(&name).await;
            bench.calm().await;
        };
        crowd.during(rate, Box::pin(breaking)).await;
    }
    bench.note = format!("cold start at most {:.1} s in {} orders", longest.as_secs_f64(), bench.setting.orders);
    bench.was_felt();
}

/// Kills all and starts them in this order; how long it took until all was ready.
async fn cold_start(world: &World, order: &[String]) -> Duration {
    for process in order {
        world.hold(process);
    }
    world.kill_everything();
    let begun = Instant::now();
    let releasing = async {
        for process in order {
            sleep(STAGGER).await;
            world.release(process);
        }
    };
    tokio::join!(world.start_again(), releasing);
    let took = begun.elapsed();
    assert!(took < COLD_START, "the cold start took {took:?} in the order {}", order.join(" "));
    took
}
