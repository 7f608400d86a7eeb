//! PubSub across the border.

use abi_stable::sabi_trait;
use abi_stable::std_types::{RBox, RSlice, RVec};

use crate::{Answer, StreamObject};

/// The calls of `PubSub`.
#[sabi_trait]
pub trait PubSubTrait: Send + Sync {
    /// Sends a message.
    fn publish(&self, topic: RSlice<'_, u8>, payload: RVec<u8>) -> Answer<()>;

    /// Listens to a topic.
    #[sabi(last_prefix_field)]
    fn subscribe(&self, topic: RSlice<'_, u8>) -> Answer<StreamObject>;
}

/// A `PubSub` as an object.
pub type PubSubObject = PubSubTrait_TO<'static, RBox<()>>;
