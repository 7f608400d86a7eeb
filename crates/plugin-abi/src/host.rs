//! What the host offers to a plugin.

use abi_stable::std_types::{RBox, RStr};
use abi_stable::{StableAbi, sabi_trait};

/// The services of the host. A library has its own copy of `tracing`, so its events come through here.
#[sabi_trait]
pub trait HostTrait: Send + Sync {
    /// Takes one log event: a [`level`], where it comes from, the sentence, and its fields as a line of text.
    #[sabi(last_prefix_field)]
    fn log(&self, level: u8, target: RStr<'_>, message: RStr<'_>, fields: RStr<'_>);
}

/// The host's services as an object.
pub type HostObject = HostTrait_TO<'static, RBox<()>>;

/// What `open` is given by the host.
#[repr(C)]
#[derive(StableAbi)]
pub struct AbiHost {
    /// The most verbose [`level`] that the host wants to hear of.
    pub max_level: u8,
    /// The services.
    pub services: HostObject,
}

/// Numbers of the log levels; a greater one is more verbose.
pub mod level {
    /// Somebody must act.
    pub const ERROR: u8 = 1;
    /// Something is not as it should be.
    pub const WARN: u8 = 2;
    /// Something of interest happened.
    pub const INFO: u8 = 3;
    /// For whoever looks for a fault.
    pub const DEBUG: u8 = 4;
    /// Everything.
    pub const TRACE: u8 = 5;
}
