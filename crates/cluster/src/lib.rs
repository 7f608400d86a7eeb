#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod clock;
mod coordinator;
mod error;
mod key;
mod key_value;
mod key_value_ext;
mod lease;
mod lease_guard;
mod nonce;
mod presence;
mod pubsub;
mod support;
mod watch;

pub use clock::{BootClock, Clock, Moment, TokioClock};
pub use coordinator::{Connection, ConnectionStream, Coordinator, Primitives};
pub use error::{Error, ErrorKind, Result, Retry};
pub use key::{Key, LARGEST_NAME_BYTES, check_length};
pub use key_value::{Cursor, Entry, Expect, KeyValue, NamedEntry, Page, Version};
pub use key_value_ext::{KeyValueExt, UPDATE_ATTEMPTS};
pub use lease::{Grant, Holder, Lease, LeaseRequest, Token};
pub use lease_guard::{LeaseGuard, LeaseGuardOptions, Validity, safety_margin};
pub use nonce::Nonce;
pub use presence::{Membership, PeerEvent, PeerEventStream, PeerId, PeerInfo, Presence};
pub use pubsub::{Event, EventStream, PubSub};
pub use support::{Support, Survival, TokenSurvival, TtlClock, TtlSlack, WatchChanges};
pub use watch::{Watch, WatchEvent, WatchStream};

/// The value of a key: bytes that no coordinator looks into.
pub type Value = bytes::Bytes;
