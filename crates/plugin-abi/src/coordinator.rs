//! The coordinator across the border.

use abi_stable::std_types::{RBox, RString};
use abi_stable::{StableAbi, sabi_trait};

use crate::{
    AbiResult, AbiSupport, Answer, KeyValueObject, LeaseObject, PresenceObject, PubSubObject, StreamObject,
    WatchObject,
};

/// The calls of `Coordinator`, without its primitives.
#[sabi_trait]
pub trait CoordinatorTrait: Send + Sync {
    /// The word that chooses this coordinator.
    fn kind(&self) -> AbiResult<RString>;

    /// What the backend guarantees now.
    fn support(&self) -> AbiResult<AbiSupport>;

    /// Follows the connection.
    fn connection(&self) -> AbiResult<StreamObject>;

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
