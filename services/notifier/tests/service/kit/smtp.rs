//! A real SMTP server that stores messages, and that can refuse, delay, hang or break off, by the recipient's domain.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    dead_code,
    reason = "tests end at the first surprise; each test file uses its part of the kit"
)]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use mail_parser::{Message, MessageParser};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// How the server treats a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// 250.
    Accept,
    /// 550 at RCPT.
    Refuse,
    /// 451 at RCPT, so many times, then accepts.
    Greylist(u32),
    /// Never answers RCPT.
    Hang,
    /// Stores the message and closes without an answer, so many times, then accepts.
    BreakOff(u32),
}

/// A message that arrived.
#[derive(Clone, Debug)]
pub struct Caught {
    pub from: String,
    pub to: Vec<String>,
    pub data: Vec<u8>,
}

impl Caught {
    pub fn message(&self) -> Message<'_> {
        MessageParser::default().parse(&self.data).unwrap()
    }

    /// A header as it stands, unfolded.
    pub fn header(&self, name: &str) -> Option<String> {
        let text = String::from_utf8(self.data.clone()).unwrap();
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        let mut found = unfolded.split("\r\n").filter_map(|line| line.split_once(": ")).filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let value = found.next().map(|(_, value)| value.to_owned());
        assert!(found.next().is_none(), "{name} is there twice");
        value
    }

    /// The address in Reply-To.
    pub fn reply_to(&self) -> String {
        let value = self.header("Reply-To").unwrap();
        value.rsplit_once('<').map_or(value.clone(), |(_, address)| address.trim_end_matches('>').to_owned())
    }
}

#[derive(Default)]
struct State {
    manners: HashMap<String, Manner>,
    caught: Vec<Caught>,
    attempts: HashMap<String, u32>,
}

/// The server.
#[derive(Clone)]
pub struct Sink {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Sink {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sink = Self { address: listener.local_addr().unwrap(), state: Arc::default() };
        let server = sink.clone();
        #[allow(clippy::disallowed_methods, reason = "a peer lives as long as its test")]
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = server.clone();
                tokio::spawn(async move { server.talk(stream).await.unwrap_or(()) });
            }
        });
        sink
    }

    pub fn treat(&self, domain: &str, manner: Manner) {
        self.state.lock().unwrap().manners.insert(domain.to_owned(), manner);
    }

    pub fn caught(&self) -> Vec<Caught> {
        self.state.lock().unwrap().caught.clone()
    }

    pub fn caught_for(&self, address: &str) -> Vec<Caught> {
        self.caught().into_iter().filter(|mail| mail.to == [address]).collect()
    }

    pub fn attempts(&self, domain: &str) -> u32 {
        self.state.lock().unwrap().attempts.get(domain).copied().unwrap_or(0)
    }

    /// The manner of this attempt; those that count are counted down.
    fn manner(&self, domain: &str, at_data: bool) -> Manner {
        let mut state = self.state.lock().unwrap();
        if !at_data {
            *state.attempts.entry(domain.to_owned()).or_default() += 1;
        }
        let manner = state.manners.entry(domain.to_owned()).or_insert(Manner::Accept);
        let now = *manner;
        match (now, at_data) {
            (Manner::Greylist(0), false) | (Manner::BreakOff(0), true) => *manner = Manner::Accept,
            (Manner::Greylist(left), false) => *manner = Manner::Greylist(left - 1),
            (Manner::BreakOff(left), true) => *manner = Manner::BreakOff(left - 1),
            _ => {}
        }
        if matches!(now, Manner::Greylist(0) | Manner::BreakOff(0)) { Manner::Accept } else { now }
    }

    async fn talk(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        stream.write_all(b"220 sink\r\n").await?;
        let mut mail = Caught { from: String::new(), to: Vec::new(), data: Vec::new() };
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let upper = line.trim_end().to_ascii_uppercase();
            let answer = if upper.starts_with("EHLO") {
                "250-sink\r\n250 8BITMIME\r\n".to_owned()
            } else if upper.starts_with("MAIL FROM:") {
                mail = Caught { from: address(&line), to: Vec::new(), data: Vec::new() };
                "250 ok\r\n".to_owned()
            } else if upper.starts_with("RCPT TO:") {
                let to = address(&line);
                let manner = self.manner(to.rsplit('@').next().unwrap_or_default(), false);
                mail.to.push(to);
                match manner {
                    Manner::Refuse => "550 no such user\r\n".to_owned(),
                    Manner::Greylist(_) => "451 later\r\n".to_owned(),
                    Manner::Hang => std::future::pending().await,
                    Manner::Accept | Manner::BreakOff(_) => "250 ok\r\n".to_owned(),
                }
            } else if upper == "DATA" {
                stream.write_all(b"354 go\r\n").await?;
                mail.data = read_data(&mut stream).await?;
                let domain = mail.to.first().and_then(|to| to.rsplit('@').next()).unwrap_or_default().to_owned();
                let manner = self.manner(&domain, true);
                self.state.lock().unwrap().caught.push(mail.clone());
                if matches!(manner, Manner::BreakOff(_)) {
                    return Ok(());
                }
                "250 stored\r\n".to_owned()
            } else if upper == "QUIT" {
                stream.write_all(b"221 bye\r\n").await?;
                return Ok(());
            } else {
                "250 ok\r\n".to_owned()
            };
            stream.write_all(answer.as_bytes()).await?;
        }
    }
}

async fn read_data(stream: &mut BufReader<TcpStream>) -> std::io::Result<Vec<u8>> {
    let mut data = Vec::new();
    loop {
        let mut line = Vec::new();
        stream.read_until(b'\n', &mut line).await?;
        if line == b".\r\n" || line.is_empty() {
            return Ok(data);
        }
        data.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
}

fn address(line: &str) -> String {
    let inner = line.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(address, _)| address);
    inner.unwrap_or_default().to_ascii_lowercase()
}
