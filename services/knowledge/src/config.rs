//! The service's own configuration.

use std::path::PathBuf;

use portico_chassis::config::ServiceConfig;
use serde::Deserialize;

/// What knowledge is told beside [`portico_chassis::config::Common`].
#[derive(Clone, Debug, Deserialize)]
pub struct Config {
    /// Folder of this replica's search index, on a local disk. It may be deleted: the index is built anew at the next start.
    pub index_dir: PathBuf,
    /// Address of a clamd, `host:port`, that looks at every file before it can be downloaded (`PORTICO_SCANNER`). Without it a file is
    /// searched for the EICAR test string.
    pub scanner: Option<String>,
}

impl ServiceConfig for Config {
    const KEYS: &'static [&'static str] = &["index_dir", "scanner"];
    const REQUIRED: &'static [&'static str] = &["database_url", "nats_url", "blobs"];
}
