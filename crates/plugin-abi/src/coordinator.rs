//! The coordinator across the border.

use abi_stable::std_types::{RBox, RString};
use abi_stable::{StableAbi, sabi_trait};

use crate::{
    AbiSupport, Answer, KeyValueObject, LeaseObject, PresenceObject, PubSubObject, StreamObject, WatchObject,
};

/// The calls of `Coordinator`, without its primitives and without what never changes.
///
/// Every call answers later: one that had to answer at once could have no deadline.
#[sabi_trait]
pub trait CoordinatorTrait: Send + Sync {
    /// What the backend guarantees now.
    fn support(&self) -> Answer<AbiSupport>;

    /// Follows the connection.
    fn connection(&self) -> Answer<StreamObject>;

    /// Ends all work.
    #[sabi(last_prefix_field)]
    fn close(&self) -> Answer<()>;
}

/// A coordinator as an object.
pub type CoordinatorObject = CoordinatorTrait_TO<'static, RBox<()>>;

/// What `open` gives: a coordinator and its primitives.
#[repr(C)]
#[derive(StableAbi)]
pub struct AbiCoordinator {
    /// The word that chooses this coordinator.
    pub kind: RString,
    /// The name of this node.
    pub node: RString,
    /// The coordinator itself.
    pub coordinator: CoordinatorObject,
    /// The values.
    pub key_value: KeyValueObject,
    /// The wake-ups.
    pub pubsub: PubSubObject,
    /// The leases.
    pub lease: LeaseObject,
    /// The changes of a scope.
    pub watch: WatchObject,
    /// The peers.
    pub presence: PresenceObject,
}
