//! Watch across the border.

use abi_stable::sabi_trait;
use abi_stable::std_types::{RBox, RSlice};

use crate::{Answer, StreamObject};

/// The calls of `Watch`.
#[sabi_trait]
pub trait WatchTrait: Send + Sync {
    /// Follows a scope.
    #[sabi(last_prefix_field)]
    fn watch(&self, scope: RSlice<'_, u8>, prefix: RSlice<'_, u8>) -> Answer<StreamObject>;
}

/// A `Watch` as an object.
pub type WatchObject = WatchTrait_TO<'static, RBox<()>>;
