//! Handling single processes of a stack of a test's own: variables for the next start, and keeping one away.

use std::path::PathBuf;
use std::time::Duration;

use crate::stack::World;
use crate::wait;

/// A supervised process is started again within this time.
const BACK: Duration = Duration::from_secs(10);
/// A process that is told to end has ended within this time.
const ENDED: Duration = Duration::from_secs(40);

impl World {
    /// Gives a process variables from its next start on.
    pub fn arm(&self, process: &str, variables: &[(&str, &str)]) {
        let text: String = variables.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
        std::fs::write(self.handle(process, "env"), text).expect("the handles can be written");
    }

    /// Takes them back.
    pub fn disarm(&self, process: &str) {
        let _ = std::fs::remove_file(self.handle(process, "env"));
    }

    /// Keeps a process from being started.
    pub fn hold(&self, process: &str) {
        std::fs::write(self.handle(process, "hold"), "").expect("the handles can be written");
    }

    /// Lets it be started.
    pub fn release(&self, process: &str) {
        let _ = std::fs::remove_file(self.handle(process, "hold"));
    }

    /// Ends a process with a signal and keeps it away.
    pub async fn take_down(&self, process: &str, signal: &str) {
        self.hold(process);
        self.signal(process, signal);
        wait::within(ENDED, &format!("{process} has ended"), async || self.pid(process).is_none().then_some(())).await;
    }

    /// Lets a process that was taken down come back.
    pub async fn bring_up(&self, process: &str) {
        self.release(process);
        wait::within(BACK, &format!("{process} is started"), async || self.pid(process)).await;
    }

    /// Waits until a process has another number than before: until it died and was started again.
    pub async fn reborn(&self, process: &str, old: u32, patience: Duration) {
        let what = format!("{process} dies and is started again");
        wait::within(patience, &what, async || self.pid(process).filter(|pid| *pid != old)).await;
    }

    /// Starts each replica of a service anew, one after the other, so that its variables take effect.
    pub async fn restart(&self, service: &str) {
        for process in self.replicas(service) {
            let old = self.signal(&process, "TERM");
            self.reborn(&process, old, ENDED).await;
            self.ready(&process).await;
        }
    }

    /// Waits until one process says that it may serve.
    pub async fn ready(&self, process: &str) {
        let what = format!("{process} is ready");
        wait::within(Duration::from_secs(60), &what, async || self.is_ready(process).await.then_some(())).await;
    }

    /// Whether one process says that it may serve.
    pub async fn is_ready(&self, process: &str) -> bool {
        let status = self.status();
        let Some(url) = status["operations"][process].as_str() else { return false };
        let asked = self.guest("").http().get(format!("{url}/readyz")).timeout(Duration::from_secs(2)).send().await;
        asked.is_ok_and(|answer| answer.status().is_success())
    }

    fn handle(&self, process: &str, kind: &str) -> PathBuf {
        let folder = self.data().join("handles");
        std::fs::create_dir_all(&folder).expect("a folder for handles");
        folder.join(format!("{process}.{kind}"))
    }
}
