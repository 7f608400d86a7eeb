//! The directory of client sessions.
//!
//! A session is one record. It stands in the coordinator before the client learns its id, is changed by
//! compare-and-set only, lives 1.25 idle timeouts after its last touch, and once closed stays closed: the tombstone
//! lives as long as the session would have. While the replica's view is fresh, a session that it remembers is served
//! without a coordinator operation.

mod cache;
mod certain;
mod close;
mod closing;
mod directory;
mod error;
mod id;
mod reaper;
mod record;

pub use closing::Closer;
pub use directory::{Admitted, SessionCounts, Sessions, SessionsConfig, SessionsParts};
pub use error::SessionError;
pub use id::SessionId;
pub use reaper::Reaper;
pub use record::{SessionRecord, SessionState, UpstreamSession};

#[cfg(test)]
mod tests;
