//! Following the feed.

use std::convert::Infallible;
use std::time::Duration;

use futures_util::StreamExt;
use mcpg_cluster::{Event, EventStream, Result};
use tokio::time::Instant;
use tracing::debug;

use super::feed::Feed;
use super::handle::{Levels, place};
use super::level::Raised;
use crate::store::Stored;

/// The topic on which a replica says that the feed has moved.
pub(super) const TOPIC: &[u8] = b"levels";
/// How often the feed is read, whatever wake-ups come.
const RESYNC: Duration = Duration::from_secs(2);

impl Levels {
    pub(super) async fn follow(&self) -> Infallible {
        let mut lost = self.incarnation.changes();
        loop {
            let asked = Instant::now();
            let end = tokio::select! {
                biased;
                // The sender lives in `self`.
                _ = lost.changed() => {
                    self.forget();
                    continue;
                }
                end = self.follow_wake_ups() => end,
                never = self.read_now_and_then() => match never {},
            };
            if let Err(error) = end {
                debug!(message = "Changes of levels cannot be listened for at the moment.", %error);
            }
            self.look().await;
            tokio::time::sleep_until(asked + RESYNC).await;
        }
    }

    async fn read_now_and_then(&self) -> Infallible {
        loop {
            self.look().await;
            tokio::time::sleep(RESYNC).await;
        }
    }

    /// Follows one subscription to its end.
    async fn follow_wake_ups(&self) -> Result<()> {
        let mut events: EventStream = self.pubsub.subscribe(TOPIC).await?;
        // What came before the subscription was live.
        self.look().await;
        while let Some(event) = events.next().await {
            match event? {
                Event::Message(payload) if self.is_known(&payload) => {}
                Event::Message(_) | Event::Gap => self.look().await,
            }
        }
        Ok(())
    }

    fn is_known(&self, payload: &[u8]) -> bool {
        let number = std::str::from_utf8(payload).ok();
        number
            .and_then(|number| number.parse().ok())
            .is_some_and(|number| self.knows(number))
    }

    /// Reads the feed. One that is not there, or is of data that was lost, is started; what fails is tried at the next
    /// resync.
    async fn look(&self) {
        if !self.incarnation.is_trusted() {
            return;
        }
        let read = self.writer.read::<Feed>(&place()).await;
        let looked = match read {
            Ok(Some(stored)) if !self.must_start(&stored) => {
                self.learn(stored);
                return;
            }
            Ok(_) => {
                self.forget();
                self.write(&Raised::default()).await.map(drop)
            }
            Err(error) => Err(error.into()),
        };
        if let Err(error) = looked {
            debug!(message = "The feed of levels could not be read.", %error);
        }
    }

    fn must_start(&self, stored: &Stored<Feed>) -> bool {
        stored.record.is_older_than(self.incarnation.counter())
    }
}
