//! Presence: who is there, for people and balancers.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

use crate::Result;

/// The events about peers; dropping it ends the subscription.
pub type PeerEventStream = BoxStream<'static, Result<PeerEvent>>;

/// The replicas that are there. Nothing that decides ownership may rest on it: that is what leases are for.
#[async_trait]
pub trait Presence: Send + Sync {
    /// Makes this replica visible and keeps it so until the membership is left or dropped.
    ///
    /// # Behavior
    /// - join makes the peer visible to every replica: with its details unchanged.
    /// - join of a peer that is present is refused: `Conflict`.
    /// - join again after leaving succeeds: it is a new change.
    async fn join(&self, info: PeerInfo) -> Result<Box<dyn Membership>>;

    /// The peers that are there, this replica included, in the order of their ids.
    ///
    /// # Behavior
    /// - peers of an empty deployment are none: an empty list, not an error.
    /// - peers are ordered by id: node first, then boot.
    async fn peers(&self) -> Result<Vec<PeerInfo>>;

    /// Follows who comes and goes.
    ///
    /// The stream ends after an error, as when its reader is too slow; a new one starts with everybody again.
    ///
    /// # Behavior
    /// - peer events begin with those present: one `Joined` for each, then the changes without a gap.
    /// - peer events come once per change: a `Joined` and one `Left` or `Unreachable` for each stay; one too short to
    ///   be noticed may be left out altogether.
    async fn peer_events(&self) -> Result<PeerEventStream>;
}

/// The stay of one replica.
///
/// Dropped without [`leave`](Membership::leave) it stops being kept alive, as if the process had died.
#[async_trait]
pub trait Membership: Send + Sync {
    /// Ends the stay in good order.
    ///
    /// # Behavior
    /// - leave says left at once: without waiting for any TTL.
    /// - leave removes the peer from the list: on every replica.
    /// - membership dropped without leaving ends as unreachable: when the backend notices, within its shortest TTL
    ///   and the slack of that.
    async fn leave(self: Box<Self>) -> Result<()>;
}

/// The identity of a replica: its configured node id and a random id of this boot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId {
    /// The node's name in the configuration.
    pub node: String,
    /// The id of this boot of the node.
    pub boot: String,
}

/// A replica as others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerInfo {
    /// Who it is.
    pub id: PeerId,
    /// What it tells about itself, at most 4 KiB; a coordinator does not look into it.
    pub details: Bytes,
}

/// A change among the peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerEvent {
    /// A peer is there.
    Joined(PeerInfo),
    /// A peer left in good order.
    Left(PeerId),
    /// A peer is gone without having left.
    Unreachable(PeerId),
}
