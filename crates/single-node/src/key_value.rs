//! KeyValue in memory.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mcpg_cluster::{
    Cursor, Entry, Error, ErrorKind, Expect, Key, KeyValue, NamedEntry, Page, Result, Value, Version,
    check_length,
};
use tokio::time::Instant;

use crate::gate::Gate;
use crate::memory::{Memory, Stored};
use crate::single_node::{LARGEST_BYTES, MIN_TTL};

/// The most entries of one page: the lock is not held for longer, whatever limit is asked for.
const LARGEST_PAGE: usize = 1024;

pub(crate) struct MemoryKeyValue {
    memory: Arc<Memory>,
    gate: Arc<Gate>,
}

impl MemoryKeyValue {
    pub(crate) fn new(memory: &Arc<Memory>, gate: &Arc<Gate>) -> Self {
        Self {
            memory: Arc::clone(memory),
            gate: Arc::clone(gate),
        }
    }

    fn check(&self, key: &Key) -> Result<()> {
        self.gate.check()?;
        key.check()
    }
}

#[async_trait]
impl KeyValue for MemoryKeyValue {
    async fn get(&self, key: &Key) -> Result<Option<Entry>> {
        self.check(key)?;
        let shard = self.memory.shard(&key.scope).read();
        Ok(shard.get(key, Instant::now()))
    }

    async fn put(&self, key: &Key, value: Value, expect: Expect, ttl: Option<Duration>) -> Result<Version> {
        self.check(key)?;
        check_size(key, &value)?;
        // Copied before the lock is taken: a slice would keep the whole buffer that it was cut from alive.
        let key = &Key::copied(&key.scope, &key.name);
        let value = Value::copy_from_slice(&value);
        let (version, expires_at) = {
            let mut shard = self.memory.shard(&key.scope).write();
            let now = Instant::now();
            check_expected(key, expect, shard.version(key, now))?;
            let expires_at = ttl.map(|ttl| expiry(now, ttl)).transpose()?;
            let version = self.memory.next_version();
            let stored = Stored {
                value,
                version,
                expires_at,
            };
            shard.put(key, stored);
            (version, expires_at)
        };
        if let Some(expires_at) = expires_at {
            self.memory.sweep_at(expires_at);
        }
        Ok(version)
    }

    async fn delete(&self, key: &Key, expect: Expect) -> Result<()> {
        self.check(key)?;
        if expect == Expect::Absent {
            let message = "a delete cannot expect the key to be absent";
            return Err(Error::new(ErrorKind::Invalid, message).with_context("key", key.to_string()));
        }
        let mut shard = self.memory.shard(&key.scope).write();
        check_expected(key, expect, shard.version(key, Instant::now()))?;
        shard.remove(key);
        Ok(())
    }

    async fn list(&self, scope: &[u8], prefix: &[u8], cursor: Option<&Cursor>, limit: usize) -> Result<Page> {
        self.gate.check()?;
        check_length("scope", scope)?;
        if limit == 0 {
            let message = "a page of no entries never ends a list";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let limit = limit.min(LARGEST_PAGE);
        let after = cursor.map(|cursor| cursor.as_bytes().as_ref());
        let shard = self.memory.shard(scope).read();
        let mut following = shard.entries(scope, prefix, after, Instant::now());
        let entries: Vec<NamedEntry> = following.by_ref().take(limit).collect();
        let more = following.next().is_some();
        let next = entries
            .last()
            .filter(|_| more)
            .map(|last| Cursor::new(last.name.clone()));
        drop(following);
        Ok(Page { entries, next })
    }

    async fn touch(&self, key: &Key, ttl: Duration, expect: Version) -> Result<Version> {
        self.check(key)?;
        let expires_at = {
            let mut shard = self.memory.shard(&key.scope).write();
            let now = Instant::now();
            let expires_at = expiry(now, ttl)?;
            check_expected(key, Expect::Version(expect), shard.version(key, now))?;
            shard.touch(key, expires_at);
            expires_at
        };
        self.memory.sweep_at(expires_at);
        Ok(expect)
    }
}

fn check_size(key: &Key, value: &Value) -> Result<()> {
    if value.len() <= LARGEST_BYTES {
        return Ok(());
    }
    let message = format!(
        "value of {} bytes is larger than {LARGEST_BYTES} bytes",
        value.len()
    );
    Err(Error::new(ErrorKind::TooLarge, message).with_context("key", key.to_string()))
}

fn check_expected(key: &Key, expect: Expect, present: Option<Version>) -> Result<()> {
    let message = match (expect, present) {
        (Expect::Any, _) | (Expect::Absent, None) => return Ok(()),
        (Expect::Version(expected), Some(version)) if expected == version => return Ok(()),
        (Expect::Absent, Some(_)) => "the key is present",
        (Expect::Version(_), None) => "the key is absent",
        (Expect::Version(_), Some(_)) => "the key has another version",
    };
    Err(Error::new(ErrorKind::Conflict, message).with_context("key", key.to_string()))
}

/// The moment at which something with this TTL expires. A TTL beyond the clock's range counts as a hundred years.
pub(crate) fn expiry(now: Instant, ttl: Duration) -> Result<Instant> {
    if ttl < MIN_TTL {
        let message = format!("a ttl of {ttl:?} is shorter than {MIN_TTL:?}");
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    Ok(now + ttl.min(CENTURY))
}
