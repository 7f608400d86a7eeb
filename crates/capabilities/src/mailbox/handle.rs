//! One replica's end of the mail.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mcpg_cluster::{Clock, KeyValue, PubSub};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::debug;

use crate::node_topic::{self, WakeUp};
use crate::owner::BootId;
use crate::store::{Formats, Writer};

/// The shortest life of a note and, beyond the patience of its asker, of a request: longer than any replica needs to
/// find it by listing, and longer than any network delivers a copy of a write.
const LIFE: Duration = Duration::from_secs(60);

/// How mail is sent and received.
#[derive(Clone, Debug)]
pub struct MailboxConfig {
    /// This boot of this replica.
    pub boot: BootId,
    /// How long a write is tried to be settled before its outcome is reported as unknown.
    pub patience: Duration,
    /// The shortest TTL that the coordinator takes, as its Support declares.
    pub min_ttl: Duration,
    /// How often the own mail is listed, whatever wake-ups come.
    pub resync: Duration,
    /// How many requests of other replicas are executed at once.
    pub max_requests: usize,
    /// How many notes are looked at at once.
    pub max_looks: usize,
}

impl MailboxConfig {
    /// The usual times and limits.
    pub fn new(boot: BootId, min_ttl: Duration) -> Self {
        Self {
            boot,
            patience: Duration::from_secs(5),
            min_ttl,
            resync: Duration::from_secs(2),
            max_requests: 64,
            max_looks: 256,
        }
    }
}

/// Sends mail to other replicas and receives this one's. Clones are the same mailbox; there is one per boot, since it
/// remembers which requests were executed.
#[derive(Clone)]
pub struct Mailbox {
    pub(super) key_value: Arc<dyn KeyValue>,
    pub(super) pubsub: Arc<dyn PubSub>,
    pub(super) writer: Writer,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) config: Arc<MailboxConfig>,
    /// The replies that are waited for, by name.
    pub(super) waiting: Arc<Mutex<HashMap<String, Arc<Notify>>>>,
    /// The requests that must not be executed (again), by name, and until when that is remembered.
    done_with: Arc<Mutex<HashMap<String, Instant>>>,
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Mailbox")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Mailbox {
    /// Opens the mailbox of this boot. `clock` must count suspend outside tests.
    ///
    /// Sending works at once; mail is received, and replies are noticed, while [`run`](Self::run) is polled.
    pub fn new(
        key_value: Arc<dyn KeyValue>,
        pubsub: Arc<dyn PubSub>,
        clock: Arc<dyn Clock>,
        config: MailboxConfig,
    ) -> Self {
        Self {
            writer: Writer::new(Arc::clone(&key_value), config.patience),
            key_value,
            pubsub,
            clock,
            config: Arc::new(config),
            waiting: Arc::default(),
            done_with: Arc::default(),
        }
    }

    /// How long the scope may go unlisted before notes may have expired in it. Half of what would be enough: clocks
    /// differ, and a list takes its time.
    pub(super) fn longest_gap(&self) -> Duration {
        self.life(Duration::ZERO) / 2
    }

    /// The same, but writing the layout of records that `formats` says.
    #[must_use]
    pub fn in_formats(mut self, formats: Arc<Formats>) -> Self {
        self.writer = self.writer.in_formats(formats);
        self
    }

    pub(super) fn life(&self, patience: Duration) -> Duration {
        // Twice: the asker settles its request after its patience is over, and must do so before the mail expires.
        (LIFE + patience * 2).max(self.config.min_ttl)
    }

    /// Publishes a wake-up, best effort: who misses it finds out by listing.
    pub(super) async fn publish(&self, boot: &BootId, wake_up: &WakeUp) {
        let topic = node_topic::topic(boot);
        if let Err(error) = self.pubsub.publish(&topic, wake_up.to_bytes()).await {
            debug!(message = "A wake-up was not published.", %boot, %error);
        }
    }

    /// Takes the right to execute a request, which is given once. It is remembered for as long as the record, whose
    /// last write is a moment ago at the most, can live on any coordinator.
    pub(super) fn done_with(&self, request: &str, ttl: Duration) -> bool {
        let mut done_with = self.done_with.lock();
        let until = Instant::now() + ttl * 3;
        done_with.insert(request.to_owned(), until).is_none()
    }

    pub(super) fn is_done_with(&self, request: &str) -> bool {
        self.done_with.lock().contains_key(request)
    }

    pub(super) fn forget_old(&self) {
        let now = Instant::now();
        self.done_with.lock().retain(|_, until| *until > now);
    }

    pub(super) fn notify(&self, reply: &str) {
        if let Some(waiter) = self.waiting.lock().get(reply) {
            waiter.notify_one();
        }
    }
}
