//! A real S3 server in a process of its own, with an empty bucket.
#![allow(clippy::disallowed_methods, reason = "a process of a test's own")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::eventually;
use crate::config::{S3, Secret};

/// Ends when it is dropped; what it stores is in its memory.
#[derive(Debug)]
pub struct S3Server {
    child: Child,
    /// Where it listens: `http://127.0.0.1:port`.
    pub endpoint: String,
}

/// The bucket that is there.
pub const BUCKET: &str = "portico-test";

impl S3Server {
    /// Starts moto's server, which `./test` installs; `PORTICO_TEST_MOTO` names it anywhere else.
    pub async fn start() -> Self {
        let program = program();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(&program)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()));
        let server = Self { child, endpoint: format!("http://127.0.0.1:{port}") };
        crate::run::install_tls();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let bucket = format!("{}/{BUCKET}", server.endpoint);
        eventually("the S3 server to make a bucket", async || {
            http.put(&bucket).send().await.ok().filter(|answer| answer.status().is_success())
        })
        .await;
        server
    }

    /// How services reach it.
    pub fn config(&self) -> S3 {
        S3 {
            endpoint: Some(self.endpoint.clone()),
            access_key_id: Some(Secret::new("AKIATEST")),
            secret_access_key: Some(Secret::new("the key of a test")),
            allow_http: true,
            ..S3::default()
        }
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        // It may have ended by itself; its memory goes with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> PathBuf {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let program = std::env::var_os("PORTICO_TEST_MOTO").map_or_else(|| checkout.join(".portico/tools/venv/bin/moto_server"), PathBuf::from);
    assert!(program.exists(), "{} is missing: ./test installs it, or set PORTICO_TEST_MOTO", program.display());
    program
}
