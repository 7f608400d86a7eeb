//! `Watch`: what was known compared with what is there, at every hint and at the latest every second.
//!
//! Nothing waits in a queue for a slow reader: the comparison is made when the reader asks for more.

use std::collections::VecDeque;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream;
use mcpg_plugin_sdk::cluster::{ErrorKind, NamedEntry, Result, Watch, WatchEvent, WatchStream, check_length};
use tokio::time::{Instant, sleep_until};

use crate::client::Subscription;
use crate::comparison::{Known, Reading};
use crate::gate::closed_error;
use crate::store::{Part, Store};
use crate::support::RESYNC_INTERVAL;

/// Above the size of scope that watches are meant for, so that one page shows all of it.
const PAGE: usize = 2048;

pub(crate) struct RedisWatch(pub(crate) Store);

#[async_trait]
impl Watch for RedisWatch {
    async fn watch(&self, scope: &[u8], prefix: &[u8]) -> Result<WatchStream> {
        let watching = Watching::start(&self.0, scope, prefix).await?;
        let events = stream::unfold(Some(watching), |watching| async {
            let mut watching = watching?;
            match watching.next().await {
                Ok(event) => Some((Ok(event), Some(watching))),
                Err(error) => Some((Err(error), None)),
            }
        });
        Ok(events.boxed())
    }
}

/// A scope that is followed, and what is known of it.
pub(crate) struct Watching {
    store: Store,
    scope: Bytes,
    prefix: Bytes,
    hints: Subscription,
    known: Known,
    /// Entries of this version or below have been seen.
    since: u64,
    /// The connection that `known` was read from.
    generation: u64,
    compare_at: Instant,
    events: VecDeque<WatchEvent>,
}

impl Watching {
    /// Subscribes to the hints first, so that a change during the first reading is not lost.
    pub(crate) async fn start(store: &Store, scope: &[u8], prefix: &[u8]) -> Result<Self> {
        check_length("scope", scope)?;
        check_length("prefix", prefix)?;
        let channel = store.client.names.changes(store.space, scope);
        let hints = store.client.subscribe(channel).await?;
        let mut watching = Self {
            store: store.clone(),
            scope: Bytes::copy_from_slice(scope),
            prefix: Bytes::copy_from_slice(prefix),
            hints,
            known: Known::default(),
            since: 0,
            generation: 0,
            compare_at: Instant::now(),
            events: VecDeque::new(),
        };
        let snapshot = watching.read_all().await?;
        watching.events.push_back(WatchEvent::Snapshot(snapshot));
        Ok(watching)
    }

    /// The next event; an error ends the watch.
    pub(crate) async fn next(&mut self) -> Result<WatchEvent> {
        loop {
            self.store.client.gate.check()?;
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            self.until_due().await?;
            match self.compare().await {
                Ok(()) => {}
                Err(error) if matches!(error.kind(), ErrorKind::Unavailable) => {
                    self.compare_at = Instant::now() + RESYNC_INTERVAL / 4;
                    self.store.client.until_up().await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn until_due(&self) -> Result<()> {
        tokio::select! {
            biased;
            () = self.store.client.gate.closed() => Err(closed_error()),
            hint = self.hints.next() => hint.map(|_| self.hints.clear()),
            () = sleep_until(self.compare_at) => Ok(()),
        }
    }

    async fn compare(&mut self) -> Result<()> {
        if self.generation != self.store.client.generation() {
            // Another server, or one that lost what it knew: versions may have gone back.
            let state = self.read_all().await?;
            self.events.push_back(WatchEvent::Resync(state));
            return Ok(());
        }
        let reading = self.read_since(self.since).await?;
        if !self.known.understands(&reading) {
            let state = self.read_all().await?;
            self.events.push_back(WatchEvent::Resync(state));
            return Ok(());
        }
        self.since = reading.newest;
        self.events.extend(self.known.changes(reading));
        Ok(())
    }

    /// Reads the whole state anew.
    async fn read_all(&mut self) -> Result<Vec<NamedEntry>> {
        let generation = self.store.client.generation();
        let reading = self.read_since(0).await?;
        self.generation = generation;
        // What was written to earlier pages meanwhile is above this and follows as changes.
        self.since = reading.newest;
        let (known, state) = Known::of(reading);
        self.known = known;
        Ok(state)
    }

    /// Reads all pages, with the values that are newer than `since`.
    async fn read_since(&mut self, since: u64) -> Result<Reading> {
        self.compare_at = Instant::now() + RESYNC_INTERVAL;
        let mut reading: Option<Reading> = None;
        let mut after: Option<Bytes> = None;
        loop {
            let part = Part {
                prefix: &self.prefix,
                after: after.as_deref(),
                limit: PAGE,
                since,
            };
            let found = self.store.page(&self.scope, &part).await?;
            let next = found.next.clone();
            let so_far = match reading.take() {
                None => Reading::first(found),
                Some(so_far) => so_far.and(found),
            };
            let Some(next) = next else {
                return Ok(so_far);
            };
            reading = Some(so_far);
            after = Some(next);
        }
    }
}
