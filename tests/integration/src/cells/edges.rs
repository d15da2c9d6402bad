//! The mail server misbehaves (F21).

use std::path::PathBuf;
use std::time::Duration;

use rand::seq::SliceRandom;
use sqlx::{Connection, PgConnection};
use tokio::time::sleep;

use super::bench::Bench;
use super::processes::ON_THEIR_WAY;
use crate::sink::{Manners, Sink, UNWANTED};
use crate::wait;

/// How long each kind of bad manners lasts but the tarpit, which lasts as long as an outage.
const EACH: Duration = Duration::from_secs(5);
/// A mail meets a mail server of bad manners within this time, and another one passes it.
const MET: Duration = Duration::from_secs(60);
/// Mails on their way at once: of two notifiers, to two domains, two each.
const AT_ONCE: u64 = 8;
/// Who is not answered waits so long, in seconds, before another mail has its place.
const PATIENT: u64 = 10;
const MANNERS: [Manners; 7] =
    [Manners::Refuses, Manners::Later, Manners::DropsBefore, Manners::DropsAfter, Manners::Tarpit, Manners::BrokenTls, Manners::Never];

/// In each of the seven ways for a while; then good. A tarpit is not besieged, a mailbox that is refused for good is left alone, and the others
/// get their mail meanwhile.
pub(super) async fn mail_server(bench: &mut Bench) {
    let folder: PathBuf = bench.world.status()["mail_dir"].as_str().expect("the folder of mail").into();
    let sink = Sink::start(folder).await;
    let url = format!("smtp://{}?tls=opportunistic", sink.address);
    for process in bench.world.replicas("notifier") {
        bench.world.arm(&process, &[("PORTICO_SMTP_URL", url.as_str())]);
    }
    bench.world.restart("notifier").await;
    let (crowd, rate) = bench.load().await;
    let mut order = MANNERS;
    order.shuffle(&mut bench.setting.plan.faults());
    let mut in_tarpit = 0;
    let breaking = async {
        bench.calm().await;
        for manners in order {
            let name = format!("mail server: {manners:?}");
            bench.begins(&name, &[]);
            let before = sink.bitten();
            sink.behave(manners);
            wait::within(MET, &format!("a mail meets {manners:?}"), async || (sink.bitten() > before).then_some(())).await;
            match manners {
                Manners::Tarpit => {
                    sleep(bench.setting.outage).await;
                    in_tarpit = sink.bitten() - before;
                    let most = AT_ONCE * (bench.setting.outage.as_secs() / PATIENT + 2);
                    assert!(in_tarpit <= most, "{in_tarpit} connections into a tarpit, of at most {most} (F21)");
                }
                Manners::Never => others_get_their_mail(bench, &sink).await,
                _ => sleep(EACH).await,
            }
            sink.behave(Manners::Good);
            bench.heals(&name).await;
        }
        bench.calm().await;
    };
    crowd.during(rate, Box::pin(breaking)).await;
    bench.tolerance.unwanted = Some(UNWANTED);
    bench.tolerance.unacknowledged = sink.unacknowledged();
    let (refused, given_up) = (sink.refused(), given_up(bench).await);
    bench.note = format!(
        "{} connections met bad manners, {in_tarpit} of them a tarpit; {} mails were kept without a 250; {refused} recipients refused",
        sink.bitten(),
        sink.unacknowledged().len()
    );
    // A conversation that was cut right after the refusal is held once more.
    let once = given_up..=given_up + ON_THEIR_WAY;
    assert!(once.contains(&refused), "{refused} refusals for good, of {given_up} mails that were given up (F21)");
}

/// While one mailbox is refused: its mail is, and another customer's goes out.
async fn others_get_their_mail(bench: &Bench, sink: &Sink) {
    let other = bench.crowd.camps[0].customers[1].email();
    let (refused, arrived) = (sink.refused(), bench.world.mailbox().to(other).len());
    wait::within(MET, "a mailbox is refused, and another one gets its mail (F21)", async || {
        (sink.refused() > refused && bench.world.mailbox().to(other).len() > arrived).then_some(())
    })
    .await;
}

/// How many mails were given up because their recipient was refused.
async fn given_up(bench: &Bench) -> u64 {
    let mut connection = PgConnection::connect(&bench.world.dsn("notifier")).await.expect("the database answers");
    sqlx::query("SET ROLE notifier_system").execute(&mut connection).await.expect("the role that sees all portals");
    let question = "SELECT count(*) FROM delivery WHERE state = 'failed' AND reason = 'smtp 550'";
    let count: i64 = sqlx::query_scalar(question).fetch_one(&mut connection).await.expect("deliveries");
    u64::try_from(count).unwrap_or_default()
}
