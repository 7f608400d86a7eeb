//! Lease across the border. Times are in nanoseconds.

use abi_stable::std_types::{RBox, ROption, RSlice, RVec};
use abi_stable::{StableAbi, sabi_trait};

use crate::Answer;

/// The calls of `Lease`.
#[sabi_trait]
pub trait LeaseTrait: Send + Sync {
    /// Takes a lease.
    fn acquire(&self, request: AbiLeaseRequest) -> Answer<ROption<AbiGrant>>;

    /// Makes a lease last longer.
    fn renew(&self, request: AbiLeaseRequest, token: u64) -> Answer<AbiGrant>;

    /// Gives a lease back.
    fn release(&self, name: RSlice<'_, u8>, token: u64) -> Answer<()>;

    /// Says who holds a lease.
    #[sabi(last_prefix_field)]
    fn holder(&self, name: RSlice<'_, u8>) -> Answer<ROption<AbiHolder>>;
}

/// A `Lease` as an object.
pub type LeaseObject = LeaseTrait_TO<'static, RBox<()>>;

/// What is asked for.
#[repr(C)]
#[derive(Clone, Debug, StableAbi)]
pub struct AbiLeaseRequest {
    /// The name of the lease.
    pub name: RVec<u8>,
    /// Who asks.
    pub holder: RVec<u8>,
    /// How long it shall last.
    pub ttl: u64,
    /// The upper half of the nonce.
    pub nonce_high: u64,
    /// The lower half of the nonce.
    pub nonce_low: u64,
}

/// A lease that was granted.
#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub struct AbiGrant {
    /// The token.
    pub token: u64,
    /// How long it lasts.
    pub ttl: u64,
    /// When to renew.
    pub renew_after: u64,
}

/// Who holds a lease.
#[repr(C)]
#[derive(Clone, Debug, StableAbi)]
pub struct AbiHolder {
    /// The holder as it named itself.
    pub holder: RVec<u8>,
    /// Its token.
    pub token: u64,
}
