//! The memory behind KeyValue and Watch.

mod shard;
#[cfg(test)]
mod tests;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use mcpg_cluster::{NamedEntry, Version};
use parking_lot::RwLock;
use tokio::time::Instant;

pub(crate) use self::shard::{Shard, Stored, Watcher};
use crate::sweeper::Sweeper;

/// How many locks the scopes are spread over.
const SHARDS: usize = 16;

/// All entries, spread over shards by their scope.
pub(crate) struct Memory {
    shards: Vec<RwLock<Shard>>,
    hasher: RandomState,
    /// One counter for all names: no name can ever see one of its versions again.
    last_version: AtomicU64,
    sweeper: Sweeper,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            hasher: RandomState::new(),
            last_version: AtomicU64::new(0),
            sweeper: Sweeper::default(),
        }
    }
}

impl Memory {
    pub(crate) fn shard(&self, scope: &[u8]) -> &RwLock<Shard> {
        let hash = self.hasher.hash_one(scope);
        // The remainder is below SHARDS, so it fits.
        &self.shards[(hash % SHARDS as u64) as usize]
    }

    /// Mints the next version. Called under the write lock of a shard, so versions grow along each scope.
    pub(crate) fn next_version(&self) -> Version {
        Version::new(1 + self.last_version.fetch_add(1, Ordering::Relaxed))
    }

    /// Makes sure that what expires then is removed then, also if nobody reads it.
    pub(crate) fn sweep_at(self: &Arc<Self>, expires_at: Instant) {
        self.sweeper.wake_at(self, expires_at);
    }

    pub(crate) fn sweeper(&self) -> &Sweeper {
        &self.sweeper
    }

    /// Removes what has expired and says when the next entry will.
    pub(crate) fn sweep(&self) -> Option<Instant> {
        let next_of = |shard: &RwLock<Shard>| {
            let due = shard.read().next_expiry()?;
            if due > Instant::now() {
                return Some(due);
            }
            let mut shard = shard.write();
            shard.remove_expired(Instant::now());
            shard.next_expiry()
        };
        self.shards.iter().filter_map(next_of).min()
    }

    /// Starts a watch: the snapshot and the watcher that gets every later change, taken under one lock.
    pub(crate) fn watch(&self, scope: &[u8], prefix: &[u8]) -> (Vec<NamedEntry>, Arc<Watcher>) {
        let watcher = Arc::new(Watcher::new(Bytes::copy_from_slice(prefix)));
        let mut shard = self.shard(scope).write();
        shard.add_watcher(scope, Arc::clone(&watcher));
        (shard.snapshot(scope, prefix, Instant::now()), watcher)
    }

    /// Starts a watcher over: what waits for it is dropped and the state taken under one lock.
    pub(crate) fn resync(&self, scope: &[u8], watcher: &Watcher) -> Vec<NamedEntry> {
        let shard = self.shard(scope).write();
        watcher.mailbox().clear();
        shard.snapshot(scope, watcher.prefix(), Instant::now())
    }

    pub(crate) fn remove_watcher(&self, scope: &[u8], watcher: &Arc<Watcher>) {
        self.shard(scope).write().remove_watcher(scope, watcher);
    }

    #[cfg(test)]
    fn sizes(&self) -> [usize; 4] {
        self.shards.iter().fold([0; 4], |mut sum, shard| {
            let sizes = shard.read().sizes();
            sum.iter_mut().zip(sizes).for_each(|(sum, size)| *sum += size);
            sum
        })
    }
}
