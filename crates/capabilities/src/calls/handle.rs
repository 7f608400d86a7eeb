//! What all steps of all calls share.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mcpg_cluster::{Clock, KeyValue, Moment};

use super::key::CallKey;
use super::opening::Opening;
use crate::owner::{BootId, Judge, OwnerPair};
use crate::store::{Formats, Writer};

/// How often a step is tried against other writers of the same head.
pub(super) const ATTEMPTS: u32 = 32;

/// Gives way to other writers after an attempt that lost against one: a few times not at all, then longer.
pub(super) async fn give_way(attempt: u32) {
    if attempt >= 3 {
        tokio::time::sleep(Duration::from_millis(1 << attempt.min(8))).await;
    }
}

/// How the heads of calls live.
#[derive(Clone, Debug)]
pub struct CallsConfig {
    /// This boot of this replica.
    pub boot: BootId,
    /// How long a head lives after its last write: as long as the record of a session. The same on all replicas.
    pub record_ttl: Duration,
    /// How long a write is tried to be settled before its outcome is reported as unknown.
    pub patience: Duration,
    /// How old a read may be, as the coordinator's Support declares.
    pub stale_reads: Duration,
}

/// The calls of legacy sessions, as far as other replicas need to know of them.
#[derive(Clone)]
pub struct Calls {
    pub(super) key_value: Arc<dyn KeyValue>,
    pub(super) writer: Writer,
    pub(super) judge: Arc<dyn Judge>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) config: Arc<CallsConfig>,
}

impl fmt::Debug for Calls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Calls")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Calls {
    /// Opens the calls that live in `key_value`. `clock` must count suspend outside tests.
    pub fn new(
        key_value: Arc<dyn KeyValue>,
        judge: Arc<dyn Judge>,
        clock: Arc<dyn Clock>,
        config: CallsConfig,
    ) -> Self {
        Self {
            writer: Writer::new(Arc::clone(&key_value), config.patience),
            key_value,
            judge,
            clock,
            config: Arc::new(config),
        }
    }

    /// The same, but writing the layout of records that `formats` says.
    #[must_use]
    pub fn in_formats(mut self, formats: Arc<Formats>) -> Self {
        self.writer = self.writer.in_formats(formats);
        self
    }

    /// The present moment on the clock that calls are measured on.
    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    /// How long a head lives after its last write.
    pub fn record_ttl(&self) -> Duration {
        self.config.record_ttl
    }

    /// Prepares the opening of a call of `owner` that started at `started`, a moment of this object's clock. Nothing is
    /// written.
    ///
    /// The same opening is used again when opening it failed: by it the call recognises its own head.
    pub fn opening(&self, key: CallKey, owner: OwnerPair, started: Moment) -> Opening {
        Opening::new(self.clone(), key, owner, started)
    }
}
