//! `./run` and `./portico` do what they promise: options, exit codes, the status document, two checkouts at once, and what happens when the
//! supervisor is killed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests end at the first surprise")]

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use portico_integration_tests::client::Client;
use portico_integration_tests::{SERVICES, World, wait};
use serde_json::Value;

const DEMO_PASSWORD: &str = "a-demo-Passphrase-41";

/// A data folder of its own, as another checkout would have it.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        use std::os::unix::fs::PermissionsExt;
        let open = std::fs::Permissions::from_mode(0o755);
        Self { folder: tempfile::Builder::new().prefix("portico-place-").permissions(open).tempdir().unwrap() }
    }

    fn data(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, options: &[&str]) -> Command {
        let mut command = Command::new(checkout().join("run"));
        command.arg("--profile-dir").arg(programs()).args(options).env("PORTICO_DATA_DIR", self.data()).stdin(Stdio::null());
        command
    }

    fn run(&self, options: &[&str]) -> Told {
        Told::from(self.command(options).output().unwrap())
    }

    /// Starts; when that fails, what it said and the last of its log tell why.
    fn up(&self, options: &[&str]) {
        let told = self.run(options);
        let log = std::fs::read_to_string(self.data().join("run.log")).unwrap_or_default();
        let last: Vec<&str> = log.lines().rev().take(40).collect();
        assert_eq!(told.code, 0, "{told:?}\n{}", last.into_iter().rev().collect::<Vec<_>>().join("\n"));
    }

    fn status(&self) -> Value {
        let told = self.run(&["--status", "--json"]);
        assert_eq!(told.code, 0, "{told:?}");
        serde_json::from_str(&told.out).unwrap()
    }

    fn guest(&self) -> Client {
        Client::guest(self.status()["public"].as_str().unwrap(), "demo")
    }

    async fn alice(&self) -> Client {
        let guest = self.guest();
        let session = guest.login("alice@acme.test", DEMO_PASSWORD).await.expect(200);
        guest.with_session(session)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.command(&["--stop"]).output();
    }
}

/// What a command said.
#[derive(Debug)]
struct Told {
    code: i32,
    out: String,
    err: String,
}

impl From<Output> for Told {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
    }
}

fn programs() -> PathBuf {
    std::env::current_exe().unwrap().ancestors().nth(2).unwrap().to_path_buf()
}

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_path_buf()
}

fn pids(status: &Value) -> Vec<u64> {
    let mut pids: Vec<u64> = status["pids"].as_object().unwrap().values().map(|pid| pid.as_u64().unwrap()).collect();
    pids.push(status["supervisor"]["pid"].as_u64().unwrap());
    pids
}

fn alive(pid: u64) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

fn kill(pids: &[u64]) {
    for pid in pids {
        let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
    }
}

#[tokio::test]
async fn two_checkouts_started_at_the_same_moment_both_serve() {
    let places = [Place::new(), Place::new()];
    let starts: Vec<_> = places
        .iter()
        .map(|place| place.command(&["--no-demo", "--detach"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
        .collect();
    let mut addresses = BTreeSet::new();
    let mut counted = 0;
    for (start, place) in starts.into_iter().zip(&places) {
        let told = Told::from(start.wait_with_output().unwrap());
        assert_eq!(told.code, 0, "{told:?}");
        let status = place.status();
        let public = status["public"].as_str().unwrap();
        assert_eq!(Client::guest(public, "").get("/").await.status, 200);
        for key in ["operations", "grpc"] {
            for address in status[key].as_object().unwrap().values() {
                addresses.insert(address.as_str().unwrap().trim_start_matches("http://").to_owned());
                counted += 1;
            }
        }
        for key in ["public", "nats", "mail", "smtp"] {
            addresses.insert(status[key].as_str().unwrap().rsplit('/').next().unwrap().to_owned());
            counted += 1;
        }
    }
    // The page of caught mail has a port too; no port is shared.
    assert_eq!(addresses.len(), counted, "{addresses:?}");
}

#[tokio::test]
async fn the_status_tells_whether_and_where_it_runs() {
    let place = Place::new();
    for options in [&["--status"][..], &["--status", "--json"]] {
        let told = place.run(options);
        assert_eq!((told.code, told.out.as_str()), (1, ""), "{told:?}");
    }
    let told = place.run(&["--stop"]);
    assert!(told.code == 0 && told.err.contains("nothing runs"), "{told:?}");

    // A port that was asked for is had or refused; without asking, the next free one is taken and printed.
    let taken = TcpListener::bind("127.0.0.1:8080").or_else(|_| TcpListener::bind("127.0.0.1:0")).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let told = place.run(&["--detach", "--port", &port]);
    assert!(told.code != 0 && told.err.contains("--port"), "{told:?}");
    let told = place.run(&["--detach"]);
    assert_eq!(told.code, 0, "{told:?}");
    assert!(told.err.contains("PostgreSQL and NATS") && told.err.contains("the services"), "progress is shown: {told:?}");

    let status = place.status();
    let public = status["public"].as_str().unwrap();
    assert_ne!(public, "http://127.0.0.1:8080");
    assert!(told.out.contains(&format!("{public}/portal/demo")) && told.out.contains("alice@acme.test"), "{told:?}");
    for key in ["nats", "nats_data_dir", "mail", "mail_dir", "data_dir", "operator_token"] {
        assert!(status[key].as_str().is_some_and(|text| !text.is_empty()), "{key}: {status}");
    }
    let cli = status["cli"].as_str().unwrap();
    assert_eq!(cli, "./portico");
    let mut command = Command::new(cli);
    let told =
        Told::from(command.args(["status", "--json"]).current_dir(checkout()).env("PORTICO_DATA_DIR", place.data()).output().unwrap());
    assert_eq!(serde_json::from_str::<Value>(&told.out).unwrap(), status, "it is run in the checkout's folder: {told:?}");
    for service in SERVICES {
        assert!(status["operations"][service].is_string(), "{service}");
        assert!(alive(status["pids"][service].as_u64().unwrap()), "{service}");
        assert_eq!(service == "gateway", status["grpc"][service].is_null());
        assert_eq!(service == "gateway", status["postgres"][service].is_null());
        let readyz = format!("{}/readyz", status["operations"][service].as_str().unwrap());
        let ready = Client::guest(public, "").http().get(readyz).send().await.unwrap();
        assert_eq!(ready.status(), 200, "--detach returns when all are ready: {service}");
    }
    assert!(status["pids"]["nats"].is_u64() && status["pids"]["postgres"].is_u64() && status["inbound_secret"]["demo"].is_string());
    for page in ["/", "/portal/demo", "/portal/demo/"] {
        assert_eq!(place.guest().get(page).await.status, 200, "{page}");
    }

    let again = place.run(&["--detach"]);
    assert!(again.code != 0 && again.err.contains("already runs") && again.out.contains(public), "{again:?}");
    let running = pids(&status);
    let told = place.run(&["--stop"]);
    assert_eq!(told.code, 0, "{told:?}");
    assert!(!running.iter().any(|pid| alive(*pid)), "all of it has ended");
    assert_eq!(place.run(&["--status"]).code, 1);

    // The data are kept until --fresh forgets them.
    place.up(&["--detach", "--no-demo", "--port", "0"]);
    assert_eq!(place.guest().get("/portal/demo").await.status, 200);
    place.run(&["--stop"]);
    place.up(&["--detach", "--no-demo", "--fresh", "--port", "0"]);
    assert_eq!(place.guest().get("/portal/demo").await.status, 404);
    assert_ne!(place.status()["operator_token"], status["operator_token"]);
}

#[tokio::test]
async fn a_killed_supervisor_leaves_nothing_that_cannot_be_stopped_or_started_again() {
    let place = Place::new();
    place.up(&["--detach", "--port", "0"]);
    let alice = place.alice().await;
    let ticket = alice.ticket("Written before the blow").await;
    let path = format!("tickets/{}", ticket["number"].as_str().unwrap());

    // The supervisor alone: its children go on until somebody stops them.
    let status = place.status();
    kill(&[status["supervisor"]["pid"].as_u64().unwrap()]);
    let orphans = || pids(&status).into_iter().filter(|pid| alive(*pid)).count();
    let told = wait::until("the supervisor is gone", async || Some(place.run(&["--status"])).filter(|told| told.code == 1)).await;
    assert!(told.err.contains("--stop") && orphans() == 8, "{told:?}, {} processes", orphans());
    let told = place.run(&["--stop"]);
    assert_eq!(told.code, 0, "{told:?}");
    assert_eq!(orphans(), 0, "--stop finds the orphans");

    // Everything at once, the postmaster too; the next start needs no stop.
    place.up(&["--detach", "--no-demo", "--port", "0"]);
    assert_eq!(place.alice().await.get(&path).await.expect(200)["subject"], "Written before the blow");
    kill(&pids(&place.status()));
    place.up(&["--detach", "--no-demo", "--port", "0"]);
    assert_eq!(place.alice().await.get(&path).await.expect(200)["subject"], "Written before the blow");

    // A status file of another version, while all of it runs.
    let status = place.status();
    std::fs::write(place.data().join("status.json"), b"{\"phase\": \"of another version\"}").unwrap();
    let told = place.run(&["--status", "--json"]);
    assert!(told.code == 1 && told.out.is_empty() && told.err.contains("--stop"), "{told:?}");
    assert_eq!(place.run(&["--stop"]).code, 0);
    assert!(!pids(&status).iter().any(|pid| alive(*pid)), "--stop needs no status file");
}

#[tokio::test]
async fn two_replicas_stand_behind_a_balancer_that_goes_by_readiness() {
    let place = Place::new();
    place.up(&["--detach", "--no-demo", "--replicas", "2", "--port", "0"]);
    let status = place.status();
    for service in SERVICES {
        let second = format!("{service}-2");
        for key in ["operations", "pids"] {
            assert!(!status[key][service].is_null() && !status[key][&second].is_null(), "{key} of {second}");
        }
    }
    let public = status["public"].as_str().unwrap();
    let guest = Client::guest(public, "");
    // A connection that was open to the replica that dies is cut, once.
    let serves = async || guest.http().get(public).send().await.is_ok_and(|answer| answer.status() == 200);
    for gateway in ["gateway", "gateway-2"] {
        let pid = status["pids"][gateway].as_u64().unwrap();
        kill(&[pid]);
        wait::until("the other replica serves", async || serves().await.then_some(())).await;
        wait::until(&format!("{gateway} is started again"), async || {
            let now = place.status();
            let other = now["pids"][gateway].as_u64().filter(|now| *now != pid)?;
            let ready = guest.http().get(format!("{}/readyz", now["operations"][gateway].as_str()?)).send().await.ok()?;
            (alive(other) && ready.status() == 200).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn ctrl_c_ends_all_of_it() {
    let place = Place::new();
    let mut foreground =
        place.command(&["--no-demo", "--port", "0"]).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).spawn().unwrap();
    let status = wait::until("it is ready", async || {
        let told = place.run(&["--status", "--json"]);
        serde_json::from_str::<Value>(&told.out).ok().filter(|status| status["phase"] == "ready")
    })
    .await;
    // A terminal sends the signal to the whole group.
    Command::new("kill").args(["-INT", "--", &format!("-{}", foreground.id())]).status().unwrap();
    let ended = tokio::task::spawn_blocking(move || foreground.wait().unwrap()).await.unwrap();
    assert!(ended.success(), "{ended}");
    assert!(!pids(&status).iter().any(|pid| alive(*pid)));
}

/// The operator's order about deliveries: it lists the failed ones, and says so when there is none of an id.
#[tokio::test]
async fn failed_deliveries_are_listed_and_an_unknown_one_is_not_retried() {
    let world = World::shared().await;
    let listed = world.portico(&["deliveries", "failed"]);
    let (lines, complaint) = (String::from_utf8(listed.stdout).unwrap(), String::from_utf8(listed.stderr).unwrap());
    assert_eq!(listed.status.code(), Some(i32::from(!lines.is_empty())), "{lines}{complaint}");
    assert!(complaint.is_empty() && lines.lines().all(|line| line.contains(" attempts  ")), "{lines}{complaint}");
    let id = uuid::Uuid::new_v4().to_string();
    let refused = world.portico(&["deliveries", "retry", &id]);
    let complaint = String::from_utf8(refused.stderr).unwrap();
    assert!(refused.status.code() == Some(1) && complaint.contains(&format!("no failed delivery {id}")), "{complaint}");
}
