//! What all steps of all calls share.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mcpg_cluster::{Clock, KeyValue, Moment};

use super::key::CallKey;
use super::opening::Opening;
use crate::delivery::{Bodies, BudgetConfig, Budgets, LogLimits, Place};
use crate::owner::{BootId, Judge, OwnerPair};
use crate::store::{Formats, Writer};

/// How often it is looked whether budgets are to be given back.
const TEND: Duration = Duration::from_secs(5);
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
    /// The largest value that the coordinator takes, as its Support declares.
    pub max_value_bytes: usize,
    /// The longest TTL that the coordinator takes, as its Support declares.
    pub max_ttl: Option<Duration>,
    /// How much of a stream is kept.
    pub limits: LogLimits,
    /// How many bytes the streams of one principal may hold over the fleet.
    pub bytes_per_principal: u64,
}

impl CallsConfig {
    /// The usual times and limits, on a coordinator whose reads are never old.
    pub fn new(boot: BootId, record_ttl: Duration) -> Self {
        Self {
            boot,
            record_ttl,
            patience: Duration::from_secs(5),
            stale_reads: Duration::ZERO,
            max_value_bytes: 512 * 1024,
            max_ttl: None,
            limits: LogLimits::default(),
            bytes_per_principal: 64 * 1024 * 1024,
        }
    }

    /// How long the bodies live that a head names.
    ///
    /// At each write of the owner they are no older than the limit. Another replica may write the head as long as that
    /// write's record lives, and the record then lives for as long again: so a body outlives every head that names it.
    fn body_ttl(&self) -> Duration {
        let ttl = self
            .record_ttl
            .saturating_mul(2)
            .saturating_add(self.limits.max_age);
        self.max_ttl.map_or(ttl, |longest| ttl.min(longest))
    }
}

/// The calls of legacy sessions, as far as other replicas need to know of them.
#[derive(Clone)]
pub struct Calls {
    pub(super) key_value: Arc<dyn KeyValue>,
    pub(super) writer: Writer,
    pub(super) bodies: Bodies,
    pub(super) budgets: Budgets,
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
        let writer = Writer::new(Arc::clone(&key_value), config.patience);
        let (largest, stale_reads) = (config.max_value_bytes, config.stale_reads);
        let budget = BudgetConfig {
            boot: config.boot.clone(),
            bytes_per_principal: config.bytes_per_principal,
            ttl: config.record_ttl,
            linger: config.limits.max_age,
        };
        Self {
            budgets: Budgets::new(
                Arc::clone(&key_value),
                Arc::clone(&judge),
                Arc::clone(&clock),
                budget,
            ),
            bodies: Bodies::new(writer.clone(), Arc::clone(&key_value), largest, stale_reads),
            writer,
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

    /// This boot of this replica.
    pub(crate) fn boot(&self) -> &BootId {
        &self.config.boot
    }

    /// For whom the bodies of a call are written.
    pub(super) fn place<'a>(&self, call: &'a CallKey, owner: &OwnerPair) -> Place<'a> {
        Place {
            session: call.session(),
            token: owner.token,
            ttl: self.config.body_ttl(),
        }
    }

    /// How long a head lives after its last write.
    pub fn record_ttl(&self) -> Duration {
        self.config.record_ttl
    }

    /// Gives back what the streams of this replica do not need any more of their principals' budgets, for ever. It is
    /// to run in the background; it asks the coordinator only where there is something to say.
    pub async fn tend_budgets(&self) -> Infallible {
        loop {
            tokio::time::sleep(TEND).await;
            self.budgets.tend(&self.writer).await;
        }
    }

    /// Prepares the opening of a call of `owner` that started at `started`, a moment of this object's clock. Nothing is
    /// written.
    ///
    /// The same opening is used again when opening it failed: by it the call recognises its own head.
    pub fn opening(&self, key: CallKey, owner: OwnerPair, started: Moment) -> Opening {
        Opening::new(self.clone(), key, owner, started)
    }
}
