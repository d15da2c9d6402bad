//! A scanner that speaks clamd's INSTREAM over a real socket.
#![allow(clippy::disallowed_methods, reason = "it ends with the test")]

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The longest file that it takes, in bytes: it breaks off at a longer one, as clamd does.
pub const LONGEST: usize = 200_000;
/// A file with these bytes is infected.
pub const BAD: &[u8] = b"EICAR";
/// A file with these bytes is answered with an error.
pub const ODD: &[u8] = b"ODD";

/// A socket on which nobody answers until [`Clamd::serve`]: connections fail.
#[derive(Debug)]
pub struct Clamd {
    /// `host:port`, for `PORTICO_SCANNER`.
    pub address: String,
}

impl Clamd {
    /// An address at which nobody listens yet.
    pub fn away() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        Self { address: listener.local_addr().unwrap().to_string() }
    }

    /// Begins to answer.
    pub async fn serve(&self) {
        let listener = TcpListener::bind(&self.address).await.unwrap();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(answer(socket));
            }
        });
    }
}

async fn answer(mut socket: TcpStream) -> std::io::Result<()> {
    let mut hello = [0; 10];
    socket.read_exact(&mut hello).await?;
    assert_eq!(&hello, b"zINSTREAM\0");
    let mut content = Vec::new();
    loop {
        let length = socket.read_u32().await?;
        if length == 0 {
            break;
        }
        if content.len() + length as usize > LONGEST {
            return socket.write_all(b"INSTREAM size limit exceeded. ERROR\0").await;
        }
        let start = content.len();
        content.resize(start + length as usize, 0);
        socket.read_exact(&mut content[start..]).await?;
    }
    let has = |part: &[u8]| content.windows(part.len()).any(|window| window == part);
    let words: &[u8] = match (has(ODD), has(BAD)) {
        (true, _) => b"stream: Can't allocate memory ERROR\0",
        (_, true) => b"stream: Eicar-Test-Signature FOUND\0",
        _ => b"stream: OK\0",
    };
    socket.write_all(words).await
}
