//! The backend's data: the contract's semantics without any network.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use mcpg_cluster::{
    Cursor, Entry, Error, ErrorKind, Expect, Key, NamedEntry, Page, Result, Value, Version, WatchEvent,
};
use tokio::time::Instant;

use super::leases::Leases;

/// What is kept of one entry.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    value: Value,
    version: Version,
    expires_at: Option<Instant>,
}

impl Stored {
    fn is_live(&self, now: Instant) -> bool {
        self.expires_at.is_none_or(|expires_at| now < expires_at)
    }

    fn entry(&self) -> Entry {
        Entry {
            value: self.value.clone(),
            version: self.version,
        }
    }
}

/// What stood under a key until `at`.
struct Past {
    at: Instant,
    key: Key,
    before: Option<Stored>,
}

/// A change that watchers of the key's scope have to see.
pub(super) struct Change {
    pub(super) key: Key,
    pub(super) event: WatchEvent,
}

/// The data of one backend.
#[derive(Default)]
pub(super) struct Store {
    entries: BTreeMap<Key, Stored>,
    past: VecDeque<Past>,
    last_version: u64,
    /// How often each key was put since the data was last lost.
    pub(super) puts: BTreeMap<Key, usize>,
    changes: Vec<Change>,
    /// How far back a stale read may look.
    pub(super) keeps_past: Duration,
    /// Whether a touch makes a new version and wakes watchers, as it does on some backends.
    pub(super) touch_is_write: bool,
    pub(super) leases: Leases,
}

impl Store {
    pub(super) fn get(&self, key: &Key, as_of: Instant) -> Option<Entry> {
        let mut stored = self.entries.get(key);
        for past in self.newer_than(as_of).filter(|past| past.key == *key) {
            stored = past.before.as_ref();
        }
        stored.filter(|stored| stored.is_live(as_of)).map(Stored::entry)
    }

    pub(super) fn list(
        &self,
        scope: &[u8],
        prefix: &[u8],
        cursor: Option<&Cursor>,
        limit: usize,
        as_of: Instant,
    ) -> Page {
        let after = cursor.map(|cursor| cursor.as_bytes().as_ref());
        let mut all = self.state(scope, prefix, as_of);
        all.retain(|named| after.is_none_or(|after| named.name.as_ref() > after));
        let more = all.len() > limit;
        all.truncate(limit);
        let next = all.last().filter(|_| more);
        let next = next.map(|last| Cursor::new(last.name.clone()));
        Page { entries: all, next }
    }

    /// All entries of a scope with the prefix as they were at `as_of`, ordered by name.
    pub(super) fn state(&self, scope: &[u8], prefix: &[u8], as_of: Instant) -> Vec<NamedEntry> {
        let wanted = |key: &Key| key.scope == scope && key.name.starts_with(prefix);
        let mut state: BTreeMap<&Bytes, &Stored> = self
            .entries
            .iter()
            .filter(|(key, _)| wanted(key))
            .map(|(key, stored)| (&key.name, stored))
            .collect();
        for past in self.newer_than(as_of).filter(|past| wanted(&past.key)) {
            match &past.before {
                Some(stored) => state.insert(&past.key.name, stored),
                None => state.remove(&past.key.name),
            };
        }
        let live = state.into_iter().filter(|(_, stored)| stored.is_live(as_of));
        live.map(|(name, stored)| named(name, stored)).collect()
    }

    pub(super) fn put(
        &mut self,
        key: &Key,
        value: &Value,
        expect: Expect,
        ttl: Option<Duration>,
    ) -> Result<Version> {
        let now = Instant::now();
        self.expect(key, expect, now)?;
        let version = self.next_version();
        *self.puts.entry(key.clone()).or_default() += 1;
        let stored = Stored {
            value: value.clone(),
            version,
            expires_at: ttl.map(|ttl| now + ttl),
        };
        self.changes.push(Change {
            key: key.clone(),
            event: WatchEvent::Put(named(&key.name, &stored)),
        });
        self.set(key, Some(stored), now);
        Ok(version)
    }

    pub(super) fn delete(&mut self, key: &Key, expect: Expect) -> Result<()> {
        let now = Instant::now();
        self.expect(key, expect, now)?;
        self.remove(key, now);
        Ok(())
    }

    pub(super) fn touch(&mut self, key: &Key, ttl: Duration, expect: Version) -> Result<Version> {
        let now = Instant::now();
        self.expect(key, Expect::Version(expect), now)?;
        let version = if self.touch_is_write {
            self.next_version()
        } else {
            expect
        };
        let Some(former) = self.entries.get(key) else {
            return Err(conflict(key));
        };
        let stored = Stored {
            value: former.value.clone(),
            version,
            expires_at: Some(now + ttl),
        };
        if self.touch_is_write {
            self.changes.push(Change {
                key: key.clone(),
                event: WatchEvent::Put(named(&key.name, &stored)),
            });
        }
        self.set(key, Some(stored), now);
        Ok(version)
    }

    /// Removes what has expired, so that watchers are told.
    pub(super) fn expire(&mut self) {
        let now = Instant::now();
        let expired: Vec<Key> = self
            .entries
            .iter()
            .filter(|(_, stored)| !stored.is_live(now))
            .map(|(key, _)| key.clone())
            .collect();
        for key in expired {
            self.remove(&key, now);
        }
    }

    /// Loses one entry without a word.
    pub(super) fn lose(&mut self, key: &Key) {
        self.remove(key, Instant::now());
    }

    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.entries.values().filter_map(|stored| stored.expires_at).min()
    }

    pub(super) fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// Loses everything; the numbers go on, as on a backend that takes them from its clock.
    pub(super) fn lose_everything(&mut self) {
        self.entries.clear();
        self.puts.clear();
        self.past.clear();
        self.changes.clear();
        self.leases.lose_everything();
        self.last_version += 1_000;
    }

    fn next_version(&mut self) -> Version {
        self.last_version += 1;
        Version::new(self.last_version)
    }

    fn expect(&self, key: &Key, expect: Expect, now: Instant) -> Result<()> {
        let present = self.entries.get(key).filter(|stored| stored.is_live(now));
        let holds = match expect {
            Expect::Any => true,
            Expect::Absent => present.is_none(),
            Expect::Version(version) => present.is_some_and(|stored| stored.version == version),
        };
        if holds { Ok(()) } else { Err(conflict(key)) }
    }

    fn remove(&mut self, key: &Key, now: Instant) {
        if self.entries.contains_key(key) {
            let name = key.name.clone();
            self.changes.push(Change {
                key: key.clone(),
                event: WatchEvent::Delete { name },
            });
            self.set(key, None, now);
        }
    }

    fn set(&mut self, key: &Key, stored: Option<Stored>, now: Instant) {
        let before = match stored {
            Some(stored) => self.entries.insert(key.clone(), stored),
            None => self.entries.remove(key),
        };
        while self
            .past
            .front()
            .is_some_and(|past| past.at + self.keeps_past < now)
        {
            self.past.pop_front();
        }
        if !self.keeps_past.is_zero() {
            self.past.push_back(Past {
                at: now,
                key: key.clone(),
                before,
            });
        }
    }

    /// The changes since `as_of`, the latest first.
    fn newer_than(&self, as_of: Instant) -> impl Iterator<Item = &Past> {
        self.past.iter().rev().take_while(move |past| past.at > as_of)
    }
}

fn named(name: &Bytes, stored: &Stored) -> NamedEntry {
    NamedEntry {
        name: name.clone(),
        entry: stored.entry(),
    }
}

fn conflict(key: &Key) -> Error {
    Error::new(ErrorKind::Conflict, "what is there is not what was expected")
        .with_context("key", key.to_string())
}
