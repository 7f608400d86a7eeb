//! Watch: a scope's state and what changes in it.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

use crate::{NamedEntry, Result};

/// The events of one watch; dropping it ends the watch.
pub type WatchStream = BoxStream<'static, Result<WatchEvent>>;

/// The state of a scope, kept up to date. Meant for scopes of fewer than a thousand keys.
#[async_trait]
pub trait Watch: Send + Sync {
    /// Follows the entries of a scope whose names start with `prefix`.
    ///
    /// Of the changes of one name only the latest need be told, in its own place: puts come in the order in which they
    /// were written. What a snapshot or resync holds counts as seen with it; it may be younger than what follows.
    ///
    /// Whoever applies the events in order holds the latest state of every key; states in between may be left
    /// out as far as [`Support::watch_changes`](crate::Support::watch_changes) says. After a broken connection
    /// the stream goes on where it was or yields a `Resync`. It ends after an error, never without one.
    ///
    /// # Behavior
    /// - watch begins with a snapshot: of all live entries, in the order of their names, empty if there are none.
    /// - watch gives a put as it was written: name, value and version.
    /// - watch gives a delete: of an entry that was known.
    /// - watch gives an expiry as a delete: late by the declared slack and `watch_lag` at most.
    /// - watch gives what another replica changes: within `watch_lag`.
    /// - watch stays within its scope and prefix: both are taken literally.
    /// - watch loses nothing between snapshot and changes: whatever is written while it starts.
    /// - watch never goes back: the versions of a name only grow along the stream.
    /// - watch keeps the order of writes: puts come as they were written, each after everything
    ///   older of its scope and prefix that still holds, deletes included.
    /// - watcher that is slow ends up with the latest state: by changes or a `Resync`, and no writer waits for it.
    async fn watch(&self, scope: &[u8], prefix: &[u8]) -> Result<WatchStream>;
}

/// What a watch yields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchEvent {
    /// The state at the start, ordered by name; always the first event and never a later one.
    Snapshot(Vec<NamedEntry>),
    /// An entry was written, or touched on a backend where that is a write.
    Put(NamedEntry),
    /// An entry was deleted or has expired.
    Delete {
        /// The name of the entry.
        name: Bytes,
    },
    /// Changes may have been missed: this is the whole state now, ordered by name. What is not in it is gone.
    Resync(Vec<NamedEntry>),
}
