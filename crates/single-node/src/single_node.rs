//! The coordinator itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream;
use mcpg_cluster::{
    Connection, ConnectionStream, Coordinator, Primitives, Result, Support, Survival, TokenSurvival,
    TtlClock, TtlSlack, WatchChanges,
};

use crate::gate::Gate;
use crate::key_value::MemoryKeyValue;
use crate::lease::{Leases, MemoryLease};
use crate::memory::Memory;
use crate::presence::{MemoryPresence, Peers};
use crate::pubsub::{MemoryPubSub, Topics};
use crate::watch::MemoryWatch;

/// The largest value and message. Far above what the gateway writes; it keeps one mistake from filling the memory.
pub(crate) const LARGEST_BYTES: usize = 8 * 1024 * 1024;

/// The shortest TTL: tokio's timers tell no shorter times apart.
pub(crate) const MIN_TTL: Duration = Duration::from_millis(1);

const LEASE_TTL: Duration = Duration::from_secs(30);

/// The coordinator of one node: everything in the memory of this process.
pub struct SingleNode {
    backend: Backend,
    node: String,
    gate: Arc<Gate>,
    primitives: Primitives,
}

/// What all replicas on the same memory share.
#[derive(Clone, Default)]
struct Backend {
    memory: Arc<Memory>,
    topics: Arc<Topics>,
    leases: Arc<Leases>,
    peers: Arc<Peers>,
    /// How many replicas there have been, so that each gets a name of its own.
    replicas: Arc<AtomicU64>,
}

impl SingleNode {
    /// Builds a coordinator with an empty memory.
    pub fn new() -> Self {
        Self::on(Backend::default())
    }

    /// Builds a coordinator on the same memory, as another replica on the same backend would be. For tests.
    #[must_use]
    pub fn another_replica(&self) -> Self {
        Self::on(self.backend.clone())
    }

    fn on(backend: Backend) -> Self {
        let gate = Arc::new(Gate::default());
        let primitives = Primitives {
            key_value: Arc::new(MemoryKeyValue::new(&backend.memory, &gate)),
            pubsub: Arc::new(MemoryPubSub::new(&backend.topics, &gate)),
            lease: Arc::new(MemoryLease::new(&backend.leases, &gate)),
            watch: Arc::new(MemoryWatch::new(&backend.memory, &gate)),
            presence: Arc::new(MemoryPresence::new(&backend.peers, &gate)),
        };
        let number = backend.replicas.fetch_add(1, Ordering::Relaxed) + 1;
        Self {
            backend,
            node: format!("single-node-{number}"),
            gate,
            primitives,
        }
    }
}

impl Default for SingleNode {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Coordinator for SingleNode {
    fn kind(&self) -> &str {
        "single_node"
    }

    fn node(&self) -> &str {
        &self.node
    }

    fn support(&self) -> Support {
        let mut support = Support::weakest();
        support.acked_survives_crash = Survival::No;
        support.acked_survives_failover = None;
        support.stale_reads = Duration::ZERO;
        support.tokens_survive_memory_loss = TokenSurvival::No;
        support.ttl_clock = TtlClock::Local;
        support.ttl_slack = TtlSlack::NONE;
        support.min_ttl = MIN_TTL;
        support.max_ttl = None;
        support.lease_ttl = LEASE_TTL;
        support.watch_changes = WatchChanges::Every;
        support.watch_sees_expiry = true;
        support.watch_lag = Duration::from_millis(10);
        support.max_value_bytes = LARGEST_BYTES;
        support.max_message_bytes = LARGEST_BYTES;
        support
    }

    fn primitives(&self) -> &Primitives {
        &self.primitives
    }

    fn connection(&self) -> ConnectionStream {
        let gate = Arc::clone(&self.gate);
        let closed = async move { gate.closed().await };
        stream::once(async { Connection::Up(1) })
            .chain(stream::pending())
            .take_until(closed)
            .boxed()
    }

    async fn close(&self) -> Result<()> {
        self.gate.close();
        self.backend.peers.end_all_of(&self.gate);
        Ok(())
    }
}
