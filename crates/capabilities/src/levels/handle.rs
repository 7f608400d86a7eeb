//! One replica's end of the feed.

use std::convert::Infallible;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use mcpg_cluster::{Key, KeyValue, PubSub, Version};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::feed::Feed;
use super::raise::Pending;
use crate::incarnation::Incarnation;
use crate::store::{Formats, Stored, Writer};

/// How long one write of the feed is tried to be settled before it is begun anew.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the levels of a deployment are made of.
#[derive(Clone)]
pub struct LevelsParts {
    /// Where the feed is.
    pub key_value: Arc<dyn KeyValue>,
    /// How replicas wake each other.
    pub pubsub: Arc<dyn PubSub>,
    /// Whether the coordinator lost data.
    pub incarnation: Arc<Incarnation>,
    /// The layouts of records that this release speaks.
    pub formats: Arc<Formats>,
}

/// The levels of the deployment, as one replica knows and raises them.
pub struct Levels {
    pub(super) writer: Writer,
    pub(super) pubsub: Arc<dyn PubSub>,
    pub(super) incarnation: Arc<Incarnation>,
    known: Mutex<Option<Known>>,
    /// Wakes those who wait for news in the order in which they came, so that simulations can be repeated.
    news: Notify,
    pub(super) pending: Mutex<Pending>,
    pub(super) raised: Notify,
}

#[derive(Clone)]
struct Known {
    feed: Arc<Feed>,
    version: Version,
}

impl fmt::Debug for Levels {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Levels")
            .field("position", &self.position())
            .finish_non_exhaustive()
    }
}

impl Levels {
    /// Opens the feed. Nothing is known, and nothing raised is written, before [`run`](Self::run) is polled.
    pub fn new(parts: LevelsParts) -> Arc<Self> {
        Arc::new(Self {
            writer: Writer::new(parts.key_value, PATIENCE).in_formats(parts.formats),
            pubsub: parts.pubsub,
            incarnation: parts.incarnation,
            known: Mutex::default(),
            news: Notify::new(),
            pending: Mutex::default(),
            raised: Notify::new(),
        })
    }

    /// Follows the feed and writes what is raised, until it is dropped.
    pub async fn run(&self) -> Infallible {
        tokio::select! {
            biased;
            never = self.write_what_is_raised() => never,
            never = self.follow() => never,
        }
    }

    /// The feed as this replica knows it.
    pub fn feed(&self) -> Option<Arc<Feed>> {
        self.known.lock().as_ref().map(|known| Arc::clone(&known.feed))
    }

    /// The number of the last change that this replica knows of; 0, which is before every feed, while it knows none. Who
    /// starts there may be told something that it knows already, and misses nothing.
    pub fn position(&self) -> u64 {
        self.known.lock().as_ref().map_or(0, |known| known.feed.last())
    }

    /// Waits until more is known than `position`, or something else.
    pub async fn moved_on(&self, position: u64) {
        loop {
            let mut news = pin!(self.news.notified());
            news.as_mut().enable();
            if self.position() != position {
                return;
            }
            news.await;
        }
    }

    /// What a write of the feed starts from.
    pub(super) fn start_of_write(&self) -> Option<Stored<Feed>> {
        self.known.lock().as_ref().map(|known| Stored {
            record: Feed::clone(&known.feed),
            version: known.version,
        })
    }

    /// Takes in what was read or written; what is older than what is known is not news.
    pub(super) fn learn(&self, stored: Stored<Feed>) {
        let mut known = self.known.lock();
        // Where data was lost, versions may have begun anew.
        let age = (stored.record.incarnation(), stored.version);
        if known
            .as_ref()
            .is_some_and(|known| (known.feed.incarnation(), known.version) >= age)
        {
            return;
        }
        *known = Some(Known {
            feed: Arc::new(stored.record),
            version: stored.version,
        });
        drop(known);
        self.news.notify_waiters();
    }

    /// Nothing is known any more.
    pub(super) fn forget(&self) {
        *self.known.lock() = None;
    }

    /// Whether a wake-up with this number says nothing new.
    pub(super) fn knows(&self, position: u64) -> bool {
        let known = self.known.lock();
        known.as_ref().is_some_and(|known| known.feed.covers(position))
    }
}

/// Where the feed is.
pub(super) fn place() -> Key {
    Key::new("levels", "feed")
}
