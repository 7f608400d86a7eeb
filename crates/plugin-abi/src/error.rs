//! The error of the contract as it crosses the border.

use abi_stable::StableAbi;
use abi_stable::std_types::{RResult, RString, RVec};
use async_ffi::FfiFuture;

/// The result of every call.
pub type AbiResult<T> = RResult<T, AbiError>;

/// The result of every call that waits.
pub type Answer<T> = FfiFuture<AbiResult<T>>;

/// An error. The source is flattened into the context: a foreign error type cannot cross.
#[repr(C)]
#[derive(Clone, Debug, StableAbi)]
pub struct AbiError {
    /// One of [`error_kind`]; an unknown number counts as internal.
    pub kind: u8,
    /// One of [`retry`]; an unknown number counts as never.
    pub retry: u8,
    /// The message.
    pub message: RString,
    /// The facts that were added, in order.
    pub context: RVec<AbiPair>,
}

/// A named fact.
#[repr(C)]
#[derive(Clone, Debug, StableAbi)]
pub struct AbiPair {
    /// The name.
    pub name: RString,
    /// The value.
    pub value: RString,
}

/// Numbers of the error kinds. They are numbers and no enum, so that a new kind does not change the layout.
pub mod error_kind {
    /// Something else is there than was expected.
    pub const CONFLICT: u8 = 0;
    /// The lease is not held.
    pub const NOT_HELD: u8 = 1;
    /// Surely not done.
    pub const UNAVAILABLE: u8 = 2;
    /// Unknown whether it was done.
    pub const INDETERMINATE: u8 = 3;
    /// Arguments that can never work.
    pub const INVALID: u8 = 4;
    /// Above a declared limit.
    pub const TOO_LARGE: u8 = 5;
    /// Credentials or rights are missing.
    pub const DENIED: u8 = 6;
    /// The coordinator was closed.
    pub const CLOSED: u8 = 7;
    /// A mistake of the plugin or its backend.
    pub const INTERNAL: u8 = 8;
}

/// Numbers of the retry advice.
pub mod retry {
    /// Sending the call again is safe.
    pub const SAFE: u8 = 0;
    /// Read first.
    pub const READ_FIRST: u8 = 1;
    /// It does not help.
    pub const NEVER: u8 = 2;
}
