//! Writing what is raised into the feed.

use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use mcpg_cluster::{Error, ErrorKind, Expect};
use tokio::sync::oneshot;
use tracing::{debug, warn};

use super::feed::Feed;
use super::follow::TOPIC;
use super::handle::{Levels, place};
use super::level::Raised;
use crate::store::{Stored, WriteError};

/// The first pause after a write that failed; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What was raised since the last write began, and who waits for it.
#[derive(Default)]
pub(super) struct Pending {
    raised: Raised,
    waiting: Vec<oneshot::Sender<u64>>,
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.raised.is_empty() && self.waiting.is_empty()
    }

    /// Puts back what was not written; what came meanwhile is added to it.
    fn put_back(&mut self, mut earlier: Self) {
        earlier.raised.add(std::mem::take(&mut self.raised));
        earlier.waiting.append(&mut self.waiting);
        *self = earlier;
    }
}

impl Levels {
    /// Gives everything in `raised` a new number and returns the last number given by then. It waits for as long as the
    /// coordinator cannot be reached; whoever stops waiting takes nothing back.
    pub async fn raise(&self, raised: Raised) -> u64 {
        let (written, waiting) = oneshot::channel();
        {
            let mut pending = self.pending.lock();
            pending.raised.add(raised);
            pending.waiting.push(written);
        }
        self.raised.notify_one();
        match waiting.await {
            Ok(position) => position,
            // Only when the process ends is nobody left to write it.
            Err(_) => std::future::pending().await,
        }
    }

    /// The same without waiting.
    pub fn raise_soon(&self, raised: Raised) {
        if raised.is_empty() {
            return;
        }
        self.pending.lock().raised.add(raised);
        self.raised.notify_one();
    }

    pub(super) async fn write_what_is_raised(&self) -> Infallible {
        let mut pause = FIRST_PAUSE;
        loop {
            let mut raised = pin!(self.raised.notified());
            raised.as_mut().enable();
            let pending = std::mem::take(&mut *self.pending.lock());
            if pending.is_empty() {
                raised.await;
                continue;
            }
            match self.write(&pending.raised).await {
                Ok(position) => {
                    pause = FIRST_PAUSE;
                    for waiting in pending.waiting {
                        // Nobody may be waiting any more.
                        let _ = waiting.send(position);
                    }
                    self.wake(position).await;
                }
                Err(error) => {
                    self.pending.lock().put_back(pending);
                    if error.kind() == ErrorKind::Unavailable {
                        debug!(message = "What changed cannot be told at the moment.", %error);
                    } else {
                        warn!(message = "What changed was not told yet.", %error);
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Writes the feed with everything in `raised` and returns its last number. An attempt whose outcome is unknown may
    /// have been made, and is made again: told twice is no harm.
    pub(super) async fn write(&self, raised: &Raised) -> Result<u64, Error> {
        self.incarnation.require()?;
        let mut stored = match self.start_of_write() {
            Some(known) => Some(known),
            None => self.writer.read::<Feed>(&place()).await?,
        };
        loop {
            let incarnation = self.incarnation.counter();
            let (mut feed, expect) = match stored {
                None => (Feed::started(incarnation), Expect::Absent),
                Some(Stored { record, version }) if record.is_older_than(incarnation) => {
                    (Feed::started(incarnation), Expect::Version(version))
                }
                Some(Stored { record, version }) => (record, Expect::Version(version)),
            };
            feed.raise(raised);
            match self.writer.write(&place(), feed, expect, None).await {
                Ok(written) => {
                    let position = written.record.last();
                    self.learn(written);
                    return Ok(position);
                }
                Err(WriteError::Conflict(other)) => stored = other,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Wakes the other replicas; who misses it finds out by reading.
    async fn wake(&self, position: u64) {
        let said = Bytes::from(position.to_string());
        if let Err(error) = self.pubsub.publish(TOPIC, said).await {
            debug!(message = "A wake-up was not published.", %error);
        }
    }
}
