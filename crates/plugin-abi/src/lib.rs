#![doc = include_str!("../README.md")]
// The code that `sabi_trait` makes puts impls inside of constants.
#![allow(non_local_definitions)]
// It also writes out what is imported already.
#![allow(unused_qualifications)]

mod coordinator;
mod error;
mod host;
mod key_value;
mod lease;
mod presence;
mod pubsub;
mod root;
mod stream;
mod support;
mod version;
mod watch;

pub use abi_stable::sabi_trait::TD_Opaque;
pub use abi_stable::std_types::{ROption, RResult, RSlice, RStr, RString, RVec};
pub use async_ffi::FfiFuture;

pub use coordinator::{AbiCoordinator, CoordinatorObject, CoordinatorTrait, CoordinatorTrait_TO};
pub use error::{AbiError, AbiPair, AbiResult, Answer, error_kind, retry};
pub use host::{AbiHost, HostObject, HostTrait, HostTrait_TO, level};
pub use key_value::{
    AbiCursor, AbiEntry, AbiExpect, AbiNamedEntry, AbiPage, KeyValueObject, KeyValueTrait, KeyValueTrait_TO,
    expect,
};
pub use lease::{AbiGrant, AbiHolder, AbiLeaseRequest, LeaseObject, LeaseTrait, LeaseTrait_TO};
pub use presence::{
    AbiPeerId, AbiPeerInfo, MembershipObject, MembershipTrait, MembershipTrait_TO, PresenceObject,
    PresenceTrait, PresenceTrait_TO,
};
pub use pubsub::{PubSubObject, PubSubTrait, PubSubTrait_TO};
pub use root::{AbiDiagnostic, LibHeader, LoadFailure, Mod, ModRef, export, load, load_as};
pub use stream::{AbiItem, StreamObject, StreamTrait, StreamTrait_TO};
pub use support::{AbiSupport, AbiSurvival, code};
pub use version::{ABI_MAJOR, ABI_MINOR, ABI_VERSION, MANIFEST_SYMBOL};
pub use watch::{WatchObject, WatchTrait, WatchTrait_TO};
