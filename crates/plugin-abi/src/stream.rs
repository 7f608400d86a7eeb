//! Streams across the border.

use abi_stable::std_types::{RBox, ROption, RVec};
use abi_stable::{StableAbi, sabi_trait};
use async_ffi::FfiFuture;

use crate::{AbiNamedEntry, AbiPeerId, AbiPeerInfo, AbiResult};

/// A stream of any of the contract's kinds.
///
/// One item type serves all, since each stream object is one more set of function pointers to keep stable. An
/// item that does not belong on a stream is a mistake of the plugin, which the host turns into an error.
#[sabi_trait]
pub trait StreamTrait: Send + Sync {
    /// Waits for the next item. At most one such future exists at a time; `None` is the end.
    #[sabi(last_prefix_field)]
    fn next(&self) -> FfiFuture<ROption<AbiResult<AbiItem>>>;
}

/// A stream as an object.
pub type StreamObject = StreamTrait_TO<'static, RBox<()>>;

/// What a stream yields.
#[repr(u8)]
#[derive(Clone, Debug, StableAbi)]
pub enum AbiItem {
    /// A subscription's message.
    Message(RVec<u8>),
    /// A subscription may have missed something.
    Gap,
    /// A watch's first event.
    Snapshot(RVec<AbiNamedEntry>),
    /// A watched entry was written.
    Put(AbiNamedEntry),
    /// A watched entry is gone.
    Delete(RVec<u8>),
    /// A watch starts again.
    Resync(RVec<AbiNamedEntry>),
    /// A peer came.
    Joined(AbiPeerInfo),
    /// A peer left.
    Left(AbiPeerId),
    /// A peer is gone.
    Unreachable(AbiPeerId),
    /// The connection works; the number grows with each reconnect.
    Up(u64),
    /// The connection does not work.
    Down,
}
