//! A mail server that misbehaves on demand. What it takes it keeps as a file beside the catcher's, so that [`crate::mail::Mailbox`] reads both.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How it behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manners {
    /// Takes every mail.
    Good,
    /// Hangs up before it says anything.
    Refuses,
    /// 451 to every recipient: greylisting.
    Later,
    /// 550 to the recipients of one domain's mailbox `customer0`; takes the others.
    Never,
    /// Reads the whole mail, keeps nothing and hangs up before its answer.
    DropsBefore,
    /// Keeps the mail and hangs up in place of the 250.
    DropsAfter,
    /// Takes the connection and says nothing.
    Tarpit,
    /// Offers STARTTLS and answers the handshake with rubbish.
    BrokenTls,
}

/// The mailbox that [`Manners::Never`] does not take.
pub const UNWANTED: &str = "customer0@";

/// The server; it lives as long as the runtime of its test.
#[derive(Debug, Clone)]
pub struct Sink {
    /// Where it listens.
    pub address: SocketAddr,
    manners: Arc<watch::Sender<Manners>>,
    /// Connections that met anything but good manners.
    bitten: Arc<AtomicU64>,
    /// Names of the mails that were kept and not acknowledged.
    unacknowledged: Arc<Mutex<BTreeSet<String>>>,
    /// Recipients that were refused for good.
    refused: Arc<AtomicU64>,
    folder: PathBuf,
    next: Arc<AtomicU64>,
}

impl Sink {
    /// Listens on a free port; keeps mail in this folder.
    pub async fn start(folder: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let sink = Self {
            address: listener.local_addr().expect("an address"),
            manners: Arc::new(watch::Sender::new(Manners::Good)),
            bitten: Arc::default(),
            unacknowledged: Arc::default(),
            refused: Arc::default(),
            folder,
            next: Arc::default(),
        };
        let serving = sink.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let one = serving.clone();
                tokio::spawn(async move {
                    let mut manners = one.manners.subscribe();
                    manners.mark_unchanged();
                    tokio::select! {
                        // A client that breaks off is no news.
                        _ = one.converse(stream) => {}
                        // Whoever waits in a tarpit is let go when it is drained.
                        _ = manners.changed() => {}
                    }
                });
            }
        });
        sink
    }

    /// Changes how it behaves; open connections are cut.
    pub fn behave(&self, manners: Manners) {
        self.manners.send_replace(manners);
    }

    /// How many connections met anything but good manners so far.
    pub fn bitten(&self) -> u64 {
        self.bitten.load(Ordering::Relaxed)
    }

    /// The names of the mails that were kept and whose sender was not told: each may come once more.
    pub fn unacknowledged(&self) -> BTreeSet<String> {
        self.unacknowledged.lock().expect("no panic while keeping mail").clone()
    }

    /// How many recipients were refused for good so far: one an attempt.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    async fn converse(&self, stream: TcpStream) -> io::Result<()> {
        let manners = *self.manners.borrow();
        if manners != Manners::Good {
            self.bitten.fetch_add(1, Ordering::Relaxed);
        }
        match manners {
            Manners::Refuses => return Ok(()),
            Manners::Tarpit => return std::future::pending().await,
            _ => {}
        }
        let (reading, writing) = stream.into_split();
        let mut talk = Talk { reading: BufReader::new(reading), writing };
        talk.say("220 sink").await?;
        while let Some(line) = talk.hear().await? {
            let verb = line.get(..4).unwrap_or(&line).to_ascii_uppercase();
            let answer = match verb.as_str() {
                "EHLO" if manners == Manners::BrokenTls => "250-sink\r\n250 STARTTLS",
                "EHLO" | "HELO" => "250 sink",
                "STAR" => {
                    talk.say("220 go ahead").await?;
                    return talk.say("this is no handshake").await;
                }
                "RCPT" if manners == Manners::Later => "451 come again later",
                "RCPT" if manners == Manners::Never && line.contains(UNWANTED) => {
                    self.refused.fetch_add(1, Ordering::Relaxed);
                    "550 nobody of that name"
                }
                "MAIL" | "RCPT" | "RSET" | "NOOP" => "250 OK",
                "DATA" => {
                    talk.say("354 go on").await?;
                    let Some(mail) = talk.mail().await? else { return Ok(()) };
                    if manners == Manners::DropsBefore {
                        return Ok(());
                    }
                    let name = self.keep(&mail)?;
                    if manners == Manners::DropsAfter {
                        return Ok(());
                    }
                    talk.say("250 kept").await?;
                    self.unacknowledged.lock().expect("no panic while keeping mail").remove(&name);
                    continue;
                }
                "QUIT" => return talk.say("221 bye").await,
                _ => "502 not known here",
            };
            talk.say(answer).await?;
        }
        Ok(())
    }

    /// Under a name that sorts after the catcher's, which is noted first: the conversation may be cut at any moment.
    fn keep(&self, mail: &[u8]) -> io::Result<String> {
        let name = format!("sink-{:06}", self.next.fetch_add(1, Ordering::Relaxed));
        self.unacknowledged.lock().expect("no panic while keeping mail").insert(name.clone());
        let part = self.folder.join(format!("{name}.part"));
        std::fs::write(&part, mail)?;
        std::fs::rename(part, self.folder.join(format!("{name}.eml")))?;
        Ok(name)
    }
}

struct Talk {
    reading: BufReader<OwnedReadHalf>,
    writing: OwnedWriteHalf,
}

impl Talk {
    async fn say(&mut self, line: &str) -> io::Result<()> {
        self.writing.write_all(format!("{line}\r\n").as_bytes()).await
    }

    async fn hear(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        let read = self.reading.read_until(b'\n', &mut line).await?;
        Ok((read > 0).then(|| String::from_utf8_lossy(&line).trim_end().to_owned()))
    }

    /// A mail up to the lone dot, its doubled dots undone; none when the connection ended before.
    async fn mail(&mut self) -> io::Result<Option<Vec<u8>>> {
        let (mut mail, mut line) = (Vec::new(), Vec::new());
        loop {
            line.clear();
            if self.reading.read_until(b'\n', &mut line).await? == 0 {
                return Ok(None);
            }
            if line == b".\r\n" {
                return Ok(Some(mail));
            }
            mail.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
    }
}
