//! The six services as child processes: their ports and their environment.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use rustix::process::Signal;

use crate::layout::Layout;
use crate::ports::{Ports, local};
use crate::supervisor::Plan;

/// The services with a database and gRPC, in the order in which the logs list them.
pub const BACKENDS: [&str; 5] = ["identity", "tickets", "knowledge", "community", "notifier"];
/// The public face.
pub const GATEWAY: &str = "gateway";
/// Draining takes less than 30 s; after that a service is killed.
const PATIENCE: Duration = Duration::from_secs(30);

/// One person at one machine looks like a flood to limits that are meant for the public.
const LIMIT_FACTOR: u32 = 100;

/// One process of a service.
#[derive(Debug, Clone)]
pub struct Replica {
    /// The service.
    pub service: &'static str,
    /// Its key in the status document: `tickets`, `tickets-2`.
    pub process: String,
    /// Where it serves gRPC; the gateway serves none.
    pub grpc: Option<u16>,
    /// Where it serves HTTP behind the balancer; a single gateway serves on the public port, whose socket it is handed.
    pub http: Option<u16>,
    /// Its operations port.
    pub operations: u16,
}

/// Every process of every service.
#[derive(Debug, Clone)]
pub struct Fleet {
    replicas: Vec<Replica>,
}

/// What all services of a stack share.
#[derive(Debug, Clone)]
pub struct Shared {
    /// Where the programs are.
    pub programs: PathBuf,
    /// The broker.
    pub nats: String,
    /// A connection string a service.
    pub databases: BTreeMap<String, String>,
    /// Where mail goes.
    pub smtp: String,
    /// The address that people use.
    pub public: String,
    /// The public port, bound before anything else.
    pub listener: Arc<TcpListener>,
    /// The file of the operator's token.
    pub operator_token_file: PathBuf,
    /// The file of each service's own secret.
    pub secret_files: BTreeMap<String, PathBuf>,
    /// The folder of the services' keys and of everybody's public keys.
    pub keys: PathBuf,
    /// How long a stopping service goes on accepting; nobody needs it where nothing balances.
    pub drain_seconds: u8,
}

impl Fleet {
    /// Gives every process its ports. With one replica the gateway serves on the public port itself.
    pub fn plan(replicas: u8, ports: &mut Ports) -> Result<Self> {
        let mut all = Vec::new();
        for service in BACKENDS.into_iter().chain([GATEWAY]) {
            for number in 1..=replicas {
                let process = if number == 1 { service.to_owned() } else { format!("{service}-{number}") };
                let is_gateway = service == GATEWAY;
                let http = if is_gateway && replicas > 1 { Some(ports.take()?) } else { None };
                let grpc = if is_gateway { None } else { Some(ports.take()?) };
                all.push(Replica { service, process, grpc, http, operations: ports.take()? });
            }
        }
        Ok(Self { replicas: all })
    }

    /// Every process.
    pub fn replicas(&self) -> &[Replica] {
        &self.replicas
    }

    /// The operations URL of each process.
    pub fn operations(&self) -> BTreeMap<String, String> {
        self.replicas.iter().map(|replica| (replica.process.clone(), format!("http://{}", local(replica.operations)))).collect()
    }

    /// The gRPC address of each process that has one.
    pub fn grpc(&self) -> BTreeMap<String, String> {
        self.replicas.iter().filter_map(|replica| Some((replica.process.clone(), local(replica.grpc?).to_string()))).collect()
    }

    /// The gRPC endpoints of one service as its peers are told them.
    pub fn endpoints(&self, service: &str) -> String {
        let urls: Vec<String> = self
            .replicas
            .iter()
            .filter(|replica| replica.service == service)
            .filter_map(|replica| Some(format!("http://{}", local(replica.grpc?))))
            .collect();
        urls.join(",")
    }

    /// How one process is supervised.
    pub fn supervise(&self, replica: &Replica, shared: &Shared, layout: &Layout) -> Plan {
        Plan {
            name: replica.process.clone(),
            program: program(&shared.programs, replica.service),
            args: Vec::new(),
            env: self.environment(replica, shared, layout),
            account: None,
            listener: serves_public(replica).then(|| Arc::clone(&shared.listener)),
            log: layout.log(&replica.process),
            stop: Signal::TERM,
            patience: PATIENCE,
        }
    }

    fn environment(&self, replica: &Replica, shared: &Shared, layout: &Layout) -> Vec<(String, String)> {
        let mut env = BTreeMap::new();
        let mut set = |key: &str, value: String| env.insert(format!("PORTICO_{key}"), value);
        set("OPERATIONS_LISTEN", local(replica.operations).to_string());
        set("NATS_URL", shared.nats.clone());
        set("NATS_PREFIX", "portico".to_owned());
        set("PUBLIC_URL", shared.public.clone());
        set("OPERATOR_TOKEN_FILE", shared.operator_token_file.display().to_string());
        set("BLOBS", std::env::var("PORTICO_BLOBS").unwrap_or_else(|_| format!("file://{}", layout.blobs().display())));
        // A bucket in place of the folder: PORTICO_BLOBS=s3://bucket/prefix and how it is reached.
        for (key, value) in std::env::vars().filter_map(|(key, value)| Some((key.strip_prefix("PORTICO_")?.to_owned(), value))) {
            if key.starts_with("S3__") {
                set(&key, value);
            }
        }
        set("LIMIT_FACTOR", LIMIT_FACTOR.to_string());
        set("DRAIN_SECONDS", shared.drain_seconds.to_string());
        set("LOG_FORMAT", "json".to_owned());
        set("LOG", std::env::var("PORTICO_LOG").unwrap_or_else(|_| "info".to_owned()));
        set("DEVELOPMENT", "true".to_owned());
        if let Some(port) = replica.grpc {
            set("GRPC_LISTEN", local(port).to_string());
        }
        if let Some(port) = replica.http {
            set("HTTP_LISTEN", local(port).to_string());
        }
        if serves_public(replica) {
            set("HTTP_LISTENER_ON_STDIN", "true".to_owned());
        }
        if let Some(dsn) = shared.databases.get(replica.service) {
            set("DATABASE_URL", dsn.clone());
        }
        if let Some(path) = shared.secret_files.get(replica.service) {
            set("SECRET_FILE", path.display().to_string());
        }
        set("KEYS_DIR", shared.keys.display().to_string());
        if replica.service == "notifier" {
            set("SMTP_URL", shared.smtp.clone());
        }
        // A clamd that looks at every file.
        if let Ok(scanner) = std::env::var("PORTICO_SCANNER")
            && ["tickets", "knowledge", "community"].contains(&replica.service)
        {
            set("SCANNER", scanner);
        }
        if replica.service == "knowledge" {
            set("INDEX_DIR", layout.index(&replica.process).display().to_string());
        }
        for peer in BACKENDS.into_iter().filter(|peer| *peer != replica.service) {
            set(&format!("PEERS__{}", peer.to_ascii_uppercase()), self.endpoints(peer));
        }
        if let Ok(endpoint) = std::env::var("PORTICO_OTLP_ENDPOINT") {
            set("OTLP_ENDPOINT", endpoint);
        }
        env.into_iter().collect()
    }
}

/// Whether a process is handed the socket of the public port.
fn serves_public(replica: &Replica) -> bool {
    replica.service == GATEWAY && replica.http.is_none()
}

/// The program of a service.
pub fn program(folder: &Path, service: &str) -> PathBuf {
    folder.join(format!("portico-{service}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_replicas_have_ports_of_their_own_and_know_each_peer_twice() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::locate(Some(folder.path().to_path_buf()), None).unwrap();
        let fleet = Fleet::plan(2, &mut Ports::new(&layout).unwrap()).unwrap();
        assert_eq!(fleet.replicas().len(), 12);
        assert_eq!(fleet.operations().len(), 12);
        assert!(fleet.operations().contains_key("gateway-2"));
        assert_eq!(fleet.endpoints("tickets").split(',').count(), 2);
        assert!(!fleet.replicas().iter().any(serves_public), "the balancer has the public port");
    }

    #[test]
    fn a_single_gateway_is_handed_the_public_port_and_nobody_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::locate(Some(folder.path().to_path_buf()), None).unwrap();
        let fleet = Fleet::plan(1, &mut Ports::new(&layout).unwrap()).unwrap();
        let handed: Vec<&str> = fleet.replicas().iter().filter(|one| serves_public(one)).map(|one| one.process.as_str()).collect();
        assert_eq!(handed, ["gateway"]);
    }
}
