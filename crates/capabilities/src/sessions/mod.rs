//! The directory of client sessions.
//!
//! A session is one record. It stands in the coordinator before the client learns its id, is changed by
//! compare-and-set only, lives 1.25 idle timeouts after its last touch, and once closed stays closed: the tombstone
//! outlives every write that could still be under way.

mod directory;
mod error;
mod id;
mod record;
mod seen;

pub use directory::{Sessions, SessionsConfig};
pub use error::SessionError;
pub use id::SessionId;
pub use record::{SessionRecord, SessionState, UpstreamSession};

#[cfg(test)]
mod tests;
