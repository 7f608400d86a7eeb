//! Presence across the border.

use abi_stable::std_types::{RBox, RString, RVec};
use abi_stable::{StableAbi, sabi_trait};

use crate::{Answer, StreamObject};

/// The calls of `Presence`.
#[sabi_trait]
pub trait PresenceTrait: Send + Sync {
    /// Makes this replica visible.
    fn join(&self, info: AbiPeerInfo) -> Answer<MembershipObject>;

    /// Lists who is there.
    fn peers(&self) -> Answer<RVec<AbiPeerInfo>>;

    /// Follows who comes and goes.
    #[sabi(last_prefix_field)]
    fn peer_events(&self) -> Answer<StreamObject>;
}

/// A `Presence` as an object.
pub type PresenceObject = PresenceTrait_TO<'static, RBox<()>>;

/// The stay of one replica; dropped without leaving it looks like a crash.
#[sabi_trait]
pub trait MembershipTrait: Send + Sync {
    /// Ends the stay. A second call is refused.
    #[sabi(last_prefix_field)]
    fn leave(&self) -> Answer<()>;
}

/// A membership as an object.
pub type MembershipObject = MembershipTrait_TO<'static, RBox<()>>;

/// The identity of a replica.
#[repr(C)]
#[derive(Clone, Debug, StableAbi)]
pub struct AbiPeerId {
    /// The name of the node.
    pub node: RString,
    /// The id of its boot.
    pub boot: RString,
}

/// A replica as others see it.
#[repr(C)]
#[derive(Clone, Debug, StableAbi)]
pub struct AbiPeerInfo {
    /// Who it is.
    pub id: AbiPeerId,
    /// What it tells about itself.
    pub details: RVec<u8>,
}
