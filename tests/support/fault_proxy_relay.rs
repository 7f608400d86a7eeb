//! One connection through a fault proxy.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::fault_proxy_counters::{OpenConnection, Tally, add};

/// How many pieces of one direction may be on the way; more make the sender wait.
const ON_THE_WAY: usize = 256;

/// The largest piece.
const PIECE_BYTES: usize = 16 * 1024;

/// What is wrong with the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// Connections are closed and refused.
    Cut,
    /// Bytes vanish.
    Blackhole,
    /// Bytes are late.
    Delay {
        /// By how much, in each direction.
        ms: u64,
    },
}

/// What the two directions of a connection share.
struct Line {
    fault: watch::Receiver<Fault>,
    tally: Arc<Tally>,
    /// Something vanished, so that nothing may follow.
    has_gap: AtomicBool,
}

/// Something on its way; no bytes stand for the end of a direction.
struct Piece {
    read_at: Instant,
    bytes: Vec<u8>,
}

/// Serves a connection until both directions have ended or one has broken.
pub(super) async fn relay(
    client: TcpStream,
    target: SocketAddr,
    fault: watch::Receiver<Fault>,
    tally: Arc<Tally>,
    _open: OpenConnection,
) {
    let line = Line {
        fault,
        tally: Arc::clone(&tally),
        has_gap: AtomicBool::new(false),
    };
    let (mut client_reader, client_writer) = client.into_split();
    if line.wait_to_connect(&mut client_reader).await.is_err() {
        return;
    }
    let Ok(target) = TcpStream::connect(target).await else {
        tally.unreachable();
        return;
    };
    if target.set_nodelay(true).is_err() || client_writer.as_ref().set_nodelay(true).is_err() {
        return;
    }
    let (target_reader, target_writer) = target.into_split();
    let directions = async {
        tokio::try_join!(
            line.direction(client_reader, target_writer, &tally.to_target),
            line.direction(target_reader, client_writer, &tally.to_client),
        )
    };
    // Either way both sockets close here; an error is what made that necessary.
    tokio::select! {
        _ = directions => {}
        () = line.healed_with_a_gap() => {}
    }
}

impl Line {
    fn fault(&self) -> Fault {
        *self.fault.borrow()
    }

    fn has_gap(&self) -> bool {
        self.has_gap.load(Ordering::SeqCst)
    }

    /// Whether a piece that is here now vanishes; if so, it is counted.
    fn swallows(&self, bytes: usize) -> bool {
        if self.fault() != Fault::Blackhole && !self.has_gap() {
            return false;
        }
        self.has_gap.store(true, Ordering::SeqCst);
        self.tally.vanished(bytes);
        true
    }

    /// Waits until the black hole is over on a connection that lost something in it.
    async fn healed_with_a_gap(&self) {
        let mut fault = self.fault.clone();
        // The proxy is gone when this is an error; then the connection goes too.
        while fault.changed().await.is_ok() {
            if *fault.borrow_and_update() != Fault::Blackhole && self.has_gap() {
                return;
            }
        }
    }

    /// Waits while a black hole keeps the target out of reach.
    async fn wait_to_connect(&self, client: &mut OwnedReadHalf) -> io::Result<()> {
        let mut fault = self.fault.clone();
        let mut buffer = vec![0; PIECE_BYTES];
        let mut left = false;
        while *fault.borrow_and_update() == Fault::Blackhole {
            tokio::select! {
                changed = fault.changed() => changed.map_err(io::Error::other)?,
                read = client.read(&mut buffer), if !left => {
                    let count = read.unwrap_or(0);
                    left = count == 0;
                    self.swallows(count);
                }
            }
        }
        if self.has_gap() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(())
    }

    async fn direction(
        &self,
        reader: OwnedReadHalf,
        writer: OwnedWriteHalf,
        count: &AtomicU64,
    ) -> io::Result<()> {
        let (pieces, on_the_way) = mpsc::channel(ON_THE_WAY);
        let intake = self.take_in(reader, pieces);
        tokio::try_join!(intake, self.hand_on(on_the_way, writer, count)).map(|_| ())
    }

    async fn take_in(&self, mut reader: OwnedReadHalf, pieces: mpsc::Sender<Piece>) -> io::Result<()> {
        loop {
            let mut bytes = vec![0; PIECE_BYTES];
            let read = reader.read(&mut bytes).await;
            let swallowed = self.swallows(*read.as_ref().unwrap_or(&0));
            if swallowed && matches!(read, Ok(0) | Err(_)) {
                // The other side must not learn of this end.
                return pending().await;
            }
            bytes.truncate(read?);
            if swallowed {
                continue;
            }
            let is_end = bytes.is_empty();
            let read_at = Instant::now();
            if pieces.send(Piece { read_at, bytes }).await.is_err() || is_end {
                return Ok(());
            }
        }
    }

    async fn hand_on(
        &self,
        mut pieces: mpsc::Receiver<Piece>,
        mut writer: OwnedWriteHalf,
        count: &AtomicU64,
    ) -> io::Result<()> {
        while let Some(piece) = pieces.recv().await {
            self.wait_until_due(piece.read_at).await;
            if self.swallows(piece.bytes.len()) {
                continue;
            }
            if piece.bytes.is_empty() {
                return writer.shutdown().await;
            }
            // Counted first: whoever has received the bytes finds them counted.
            add(count, piece.bytes.len());
            writer.write_all(&piece.bytes).await?;
        }
        // Without an end of its own the direction ended in a black hole.
        pending().await
    }

    async fn wait_until_due(&self, read_at: Instant) {
        let mut fault = self.fault.clone();
        loop {
            let Fault::Delay { ms } = *fault.borrow_and_update() else {
                return;
            };
            tokio::select! {
                () = sleep_until(read_at + Duration::from_millis(ms)) => return,
                changed = fault.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
            }
        }
    }
}
