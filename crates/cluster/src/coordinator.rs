//! Coordinator: one backend with all its primitives.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::BoxStream;

use crate::{KeyValue, Lease, Presence, PubSub, Result, Support, Watch};

/// The states of the connection: the present one first, then every change that is still true when it is read.
pub type ConnectionStream = BoxStream<'static, Connection>;

/// One backend that provides all primitives.
#[async_trait]
pub trait Coordinator: Send + Sync {
    /// The word in the configuration that chooses this coordinator.
    ///
    /// # Behavior
    /// - kind is one word of lower case letters: digits and underscores may follow.
    fn kind(&self) -> &str;

    /// The name of this node in the configuration; the same at every call.
    ///
    /// Two replicas that are alive at the same time must not have the same one: that is up to whoever configures them.
    ///
    /// # Behavior
    /// - node is a name: of 1 to 255 bytes without control characters.
    fn node(&self) -> &str;

    /// What this backend, as configured now, guarantees. It is read at boot and after each reconnect.
    ///
    /// # Behavior
    /// - support declares limits that one can live with: values and messages of 64 KiB, a shortest TTL above
    ///   zero, a longest TTL above it.
    /// - support declares a lease ttl within its limits: from `min_ttl` to `max_ttl`.
    fn support(&self) -> Support;

    /// The primitives; the same ones at every call.
    ///
    /// # Behavior
    /// - primitives work from the start: nothing else needs to be called before.
    fn primitives(&self) -> &Primitives;

    /// Follows the connection, so that what was cached can be dropped at every reconnect.
    ///
    /// # Behavior
    /// - connection begins with the present state: `Up` right after opening.
    fn connection(&self) -> ConnectionStream;

    /// Ends all work for this replica: streams, connections, memberships that were not left. Other replicas
    /// on the same backend notice nothing but that.
    ///
    /// # Behavior
    /// - close makes later calls fail as closed: all of them, at once.
    /// - close ends the streams with an error: as `Closed`.
    /// - close leaves other replicas alone: their calls, streams and data stay as they are.
    /// - close twice succeeds: what was asked for holds.
    async fn close(&self) -> Result<()>;
}

/// Whether the backend is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// Connected. The number grows with each reconnect.
    Up(u64),
    /// Not connected; calls fail until it is `Up` again.
    Down,
}

/// The primitives of one coordinator, each of which can be handed on or replaced on its own.
#[derive(Clone)]
pub struct Primitives {
    /// The values.
    pub key_value: Arc<dyn KeyValue>,
    /// The wake-ups.
    pub pubsub: Arc<dyn PubSub>,
    /// The leases.
    pub lease: Arc<dyn Lease>,
    /// The state of a scope and its changes.
    pub watch: Arc<dyn Watch>,
    /// The peers.
    pub presence: Arc<dyn Presence>,
}

impl fmt::Debug for Primitives {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Primitives").finish_non_exhaustive()
    }
}
