//! The catcher's SMTP server: takes everything, relays nothing.

use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::shelf::Shelf;
use crate::terminal;

/// The largest mail: 25 MB of files in base64 and room for the text.
const LARGEST: usize = 50 * 1024 * 1024;
/// The longest command line (RFC 5321 asks for 512; addresses may be long).
const LONGEST_COMMAND: u64 = 4096;
/// A silent client is cut after this time (RFC 5321, 4.5.3.2).
const SILENCE: Duration = Duration::from_secs(300);
/// More connections than any sender of ours opens.
const CONNECTIONS: usize = 256;

/// Serves until the task is dropped.
pub async fn serve(listener: TcpListener, shelf: Shelf) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if connections.len() >= CONNECTIONS {
            let _ = connections.join_next().await;
        }
        match listener.accept().await {
            Ok((stream, _)) => {
                let shelf = shelf.clone();
                connections.spawn(async move {
                    if let Err(error) = converse(stream, shelf).await {
                        terminal::note(format!("mail catcher: {error:#}"));
                    }
                });
            }
            Err(error) => {
                terminal::note(format!("mail catcher: {error}"));
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// What one SMTP session has so far.
#[derive(Debug, Default)]
struct Envelope {
    sender: bool,
    recipients: usize,
}

async fn converse(stream: TcpStream, shelf: Shelf) -> Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut reading = BufReader::new(reading);
    answer(&mut writing, "220 portico mail catcher").await?;
    let mut envelope = Envelope::default();
    loop {
        let Some(line) = command(&mut reading).await? else { return Ok(()) };
        let verb = line.get(..4).unwrap_or(&line).to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" => {
                answer(&mut writing, &format!("250-portico\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-PIPELINING\r\n250 SIZE {LARGEST}"))
                    .await?
            }
            "HELO" => answer(&mut writing, "250 portico").await?,
            "MAIL" => {
                envelope = Envelope { sender: true, recipients: 0 };
                answer(&mut writing, "250 OK").await?;
            }
            "RCPT" if envelope.sender => {
                envelope.recipients += 1;
                answer(&mut writing, "250 OK").await?;
            }
            "DATA" if envelope.recipients > 0 => {
                answer(&mut writing, "354 End with a line that holds a dot alone").await?;
                let Some(raw) = data(&mut reading).await? else { return Ok(()) };
                let reply = match raw {
                    Body::TooLarge => "552 the mail is too large".to_owned(),
                    Body::Whole(raw) => match shelf.keep(&raw) {
                        Ok(name) => format!("250 kept as {name}"),
                        Err(error) => {
                            terminal::note(format!("mail catcher: {error:#}"));
                            "451 the mail cannot be kept now".to_owned()
                        }
                    },
                };
                envelope = Envelope::default();
                answer(&mut writing, &reply).await?;
            }
            "RCPT" | "DATA" => answer(&mut writing, "503 something before this is missing").await?,
            "RSET" => {
                envelope = Envelope::default();
                answer(&mut writing, "250 OK").await?;
            }
            "NOOP" => answer(&mut writing, "250 OK").await?,
            "QUIT" => {
                answer(&mut writing, "221 bye").await?;
                return Ok(());
            }
            _ => answer(&mut writing, "502 not known here").await?,
        }
    }
}

async fn answer(writing: &mut OwnedWriteHalf, line: &str) -> Result<()> {
    writing.write_all(format!("{line}\r\n").as_bytes()).await?;
    Ok(())
}

async fn command(reading: &mut (impl AsyncBufReadExt + Unpin)) -> Result<Option<String>> {
    let mut line = Vec::new();
    let read = timeout(SILENCE, reading.take(LONGEST_COMMAND).read_until(b'\n', &mut line)).await??;
    if read == 0 {
        return Ok(None);
    }
    Ok(Some(String::from_utf8_lossy(&line).trim_end().to_owned()))
}

/// What followed DATA.
enum Body {
    Whole(Vec<u8>),
    TooLarge,
}

/// Reads up to the lone dot and takes away the dots that the sender doubled. None when the connection ended before.
async fn data(reading: &mut (impl AsyncBufReadExt + Unpin)) -> Result<Option<Body>> {
    let mut body = Vec::new();
    let mut too_large = false;
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = timeout(SILENCE, (&mut *reading).take(1 << 20).read_until(b'\n', &mut line)).await??;
        if read == 0 {
            return Ok(None);
        }
        if line == b".\r\n" || line == b".\n" {
            return Ok(Some(if too_large { Body::TooLarge } else { Body::Whole(body) }));
        }
        let content = line.strip_prefix(b".").unwrap_or(&line);
        if body.len() + content.len() > LARGEST {
            too_large = true;
            body.clear();
        }
        if !too_large {
            body.extend_from_slice(content);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn two_mails_over_one_connection_are_two_files_with_their_dots() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(folder.path()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut server = JoinSet::new();
        server.spawn(serve(listener, shelf.clone()));
        let mut client = TcpStream::connect(address).await.unwrap();
        let mail = "MAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\nDATA\r\nSubject: one\r\n\r\n..dot\r\n.\r\n";
        client.write_all(format!("EHLO x\r\n{mail}{mail}QUIT\r\n").as_bytes()).await.unwrap();
        let mut said = String::new();
        client.read_to_string(&mut said).await.unwrap();
        assert_eq!(said.matches("250 kept as").count(), 2, "{said}");
        let letter = shelf.letter("000002-mail").unwrap();
        assert_eq!(letter.text.trim(), ".dot");
    }

    #[tokio::test]
    async fn data_without_a_recipient_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut server = JoinSet::new();
        server.spawn(serve(listener, Shelf::open(folder.path()).unwrap()));
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"HELO x\r\nDATA\r\nQUIT\r\n").await.unwrap();
        let mut said = String::new();
        client.read_to_string(&mut said).await.unwrap();
        assert!(said.contains("503"), "{said}");
    }
}
