//! KeyValue across the border. Behaviour is defined by the contract, not here.

use abi_stable::std_types::{RBox, ROption, RSlice, RVec};
use abi_stable::{StableAbi, sabi_trait};

use crate::Answer;

/// The calls of `KeyValue`.
#[sabi_trait]
pub trait KeyValueTrait: Send + Sync {
    /// Reads one entry.
    fn get(&self, scope: RSlice<'_, u8>, name: RSlice<'_, u8>) -> Answer<ROption<AbiEntry>>;

    /// Writes one entry; the TTL is in nanoseconds. Returns the version.
    fn put(
        &self,
        scope: RSlice<'_, u8>,
        name: RSlice<'_, u8>,
        value: RVec<u8>,
        expect: AbiExpect,
        ttl: ROption<u64>,
    ) -> Answer<u64>;

    /// Removes one entry.
    fn delete(&self, scope: RSlice<'_, u8>, name: RSlice<'_, u8>, expect: AbiExpect) -> Answer<()>;

    /// Lists one page.
    fn list(
        &self,
        scope: RSlice<'_, u8>,
        prefix: RSlice<'_, u8>,
        cursor: ROption<AbiCursor>,
        limit: u64,
    ) -> Answer<AbiPage>;

    /// Gives a live entry a new TTL in nanoseconds. Returns the version.
    #[sabi(last_prefix_field)]
    fn touch(&self, scope: RSlice<'_, u8>, name: RSlice<'_, u8>, ttl: u64, version: u64) -> Answer<u64>;
}

/// A `KeyValue` as an object.
pub type KeyValueObject = KeyValueTrait_TO<'static, RBox<()>>;

/// A value and its version.
#[repr(C)]
#[derive(Clone, Debug, StableAbi)]
pub struct AbiEntry {
    /// The value.
    pub value: RVec<u8>,
    /// The version.
    pub version: u64,
}

/// An entry with its name.
#[repr(C)]
#[derive(Clone, Debug, StableAbi)]
pub struct AbiNamedEntry {
    /// The name within its scope.
    pub name: RVec<u8>,
    /// The entry.
    pub entry: AbiEntry,
}

/// What a write expects.
#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub struct AbiExpect {
    /// One of [`expect`].
    pub what: u8,
    /// The version, for [`expect::VERSION`].
    pub version: u64,
}

/// Numbers of what a write expects.
pub mod expect {
    /// Whatever is there.
    pub const ANY: u8 = 0;
    /// No live entry.
    pub const ABSENT: u8 = 1;
    /// Exactly one version.
    pub const VERSION: u8 = 2;
}

/// A place in a list.
#[repr(C)]
#[derive(Clone, Debug, StableAbi)]
pub struct AbiCursor {
    /// The bytes, which mean something to the plugin only.
    pub place: RVec<u8>,
}

/// One page of a list.
#[repr(C)]
#[derive(Clone, Debug, StableAbi)]
pub struct AbiPage {
    /// The entries.
    pub entries: RVec<AbiNamedEntry>,
    /// Where the next page starts.
    pub next: ROption<AbiCursor>,
}
