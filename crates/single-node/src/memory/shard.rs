//! One shard: some scopes, their expiries and their watchers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use mcpg_cluster::{Entry, Key, NamedEntry, Value, Version, WatchEvent};
use tokio::time::Instant;

use crate::mailbox::Mailbox;

/// What is kept of one entry.
#[derive(Clone)]
pub(crate) struct Stored {
    pub(crate) value: Value,
    pub(crate) version: Version,
    pub(crate) expires_at: Option<Instant>,
}

impl Stored {
    pub(crate) fn is_live(&self, now: Instant) -> bool {
        self.expires_at.is_none_or(|expires_at| now < expires_at)
    }

    fn entry(&self) -> Entry {
        Entry {
            value: self.value.clone(),
            version: self.version,
        }
    }
}

/// One watch of a scope.
pub(crate) struct Watcher {
    prefix: Bytes,
    mailbox: Mailbox<WatchEvent>,
}

impl Watcher {
    pub(crate) fn new(prefix: Bytes) -> Self {
        Self {
            prefix,
            mailbox: Mailbox::default(),
        }
    }

    pub(crate) fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    pub(crate) fn mailbox(&self) -> &Mailbox<WatchEvent> {
        &self.mailbox
    }
}

type Scope = BTreeMap<Bytes, Stored>;

#[derive(Default)]
pub(crate) struct Shard {
    scopes: HashMap<Bytes, Scope>,
    /// Every entry that expires, soonest first; exact, so that frequent touches leave nothing behind.
    expiries: BTreeSet<(Instant, Key)>,
    watchers: HashMap<Bytes, Vec<Arc<Watcher>>>,
}

impl Shard {
    pub(crate) fn get(&self, key: &Key, now: Instant) -> Option<Entry> {
        self.live(key, now).map(Stored::entry)
    }

    pub(crate) fn version(&self, key: &Key, now: Instant) -> Option<Version> {
        self.live(key, now).map(|stored| stored.version)
    }

    fn live(&self, key: &Key, now: Instant) -> Option<&Stored> {
        let stored = self.scopes.get(&key.scope)?.get(&key.name)?;
        stored.is_live(now).then_some(stored)
    }

    /// Writes an entry and keeps the bytes of key and value as they are.
    pub(crate) fn put(&mut self, key: &Key, stored: Stored) {
        let (entry, expires_at) = (stored.entry(), stored.expires_at);
        let scope = self.scopes.entry(key.scope.clone()).or_default();
        let former = scope.insert(key.name.clone(), stored);
        if let Some(former_expiry) = former.and_then(|former| former.expires_at) {
            self.expiries.remove(&(former_expiry, key.clone()));
        }
        if let Some(expires_at) = expires_at {
            self.expiries.insert((expires_at, key.clone()));
        }
        let name = key.name.clone();
        self.tell(key, || {
            WatchEvent::Put(NamedEntry {
                name: name.clone(),
                entry: entry.clone(),
            })
        });
    }

    /// Gives a live entry another expiry without a new version; watchers have nothing to learn from it.
    pub(crate) fn touch(&mut self, key: &Key, expires_at: Instant) {
        let Some(stored) = self
            .scopes
            .get_mut(&key.scope)
            .and_then(|scope| scope.get_mut(&key.name))
        else {
            return;
        };
        if let Some(former) = stored.expires_at.replace(expires_at) {
            self.expiries.remove(&(former, key.clone()));
        }
        let key = Key::copied(&key.scope, &key.name);
        self.expiries.insert((expires_at, key));
    }

    pub(crate) fn remove(&mut self, key: &Key) {
        let Some(scope) = self.scopes.get_mut(&key.scope) else {
            return;
        };
        let Some(former) = scope.remove(&key.name) else {
            return;
        };
        if scope.is_empty() {
            self.scopes.remove(&key.scope);
        }
        if let Some(expires_at) = former.expires_at {
            self.expiries.remove(&(expires_at, key.clone()));
        }
        let name = key.name.clone();
        self.tell(key, || WatchEvent::Delete { name: name.clone() });
    }

    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        self.expiries.first().map(|(expires_at, _)| *expires_at)
    }

    pub(crate) fn remove_expired(&mut self, now: Instant) {
        while self.next_expiry().is_some_and(|due| due <= now) {
            if let Some((_, key)) = self.expiries.pop_first() {
                self.remove(&key);
            }
        }
    }

    /// The live entries from `start` on that have the prefix, in the order of their names.
    pub(crate) fn entries<'a>(
        &'a self,
        scope: &[u8],
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        now: Instant,
    ) -> impl Iterator<Item = NamedEntry> + 'a {
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        self.scopes
            .get(scope)
            .into_iter()
            .flat_map(move |scope| scope.range::<[u8], _>((start, Bound::Unbounded)))
            .take_while(move |(name, _)| name.starts_with(prefix))
            .filter(move |(_, stored)| stored.is_live(now))
            .map(|(name, stored)| NamedEntry {
                name: name.clone(),
                entry: stored.entry(),
            })
    }

    pub(crate) fn snapshot(&self, scope: &[u8], prefix: &[u8], now: Instant) -> Vec<NamedEntry> {
        self.entries(scope, prefix, None, now).collect()
    }

    pub(crate) fn add_watcher(&mut self, scope: &[u8], watcher: Arc<Watcher>) {
        let scope = Bytes::copy_from_slice(scope);
        self.watchers.entry(scope).or_default().push(watcher);
    }

    pub(crate) fn remove_watcher(&mut self, scope: &[u8], watcher: &Arc<Watcher>) {
        let Some(watchers) = self.watchers.get_mut(scope) else {
            return;
        };
        watchers.retain(|other| !Arc::ptr_eq(other, watcher));
        if watchers.is_empty() {
            self.watchers.remove(scope);
        }
    }

    fn tell(&self, key: &Key, event: impl Fn() -> WatchEvent) {
        let watchers = self.watchers.get(&key.scope).into_iter().flatten();
        for watcher in watchers.filter(|watcher| key.name.starts_with(&watcher.prefix)) {
            watcher.mailbox.push(event());
        }
    }

    /// How many entries, expiries, scopes and watched scopes are kept.
    #[cfg(test)]
    pub(crate) fn sizes(&self) -> [usize; 4] {
        let entries = self.scopes.values().map(Scope::len).sum();
        let (scopes, watched) = (self.scopes.len(), self.watchers.len());
        [entries, self.expiries.len(), scopes, watched]
    }
}
