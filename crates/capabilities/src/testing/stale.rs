//! A coordinator whose reads are older than its writes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mcpg_cluster::{Cursor, Entry, Expect, Key, KeyValue, Page, Result, Value, Version};
use parking_lot::Mutex;

/// One replica's way to a coordinator by a follower that lags behind.
pub(crate) struct Stale {
    inner: Arc<dyn KeyValue>,
    old: Mutex<HashMap<Key, Option<Entry>>>,
}

impl Stale {
    pub(crate) fn new(inner: Arc<dyn KeyValue>) -> Arc<Self> {
        let old = Mutex::default();
        Arc::new(Self { inner, old })
    }

    /// Lets reads of a key give what stands now, whatever is written later.
    pub(crate) async fn lag_behind(&self, key: &Key) {
        let entry = self.inner.get(key).await.expect("it works");
        self.old.lock().insert(key.clone(), entry);
    }

    pub(crate) fn catch_up(&self) {
        self.old.lock().clear();
    }
}

#[async_trait]
impl KeyValue for Stale {
    async fn get(&self, key: &Key) -> Result<Option<Entry>> {
        let old = self.old.lock().get(key).cloned();
        match old {
            Some(entry) => Ok(entry),
            None => self.inner.get(key).await,
        }
    }

    async fn put(&self, key: &Key, value: Value, expect: Expect, ttl: Option<Duration>) -> Result<Version> {
        self.inner.put(key, value, expect, ttl).await
    }

    async fn delete(&self, key: &Key, expect: Expect) -> Result<()> {
        self.inner.delete(key, expect).await
    }

    async fn list(&self, scope: &[u8], prefix: &[u8], cursor: Option<&Cursor>, limit: usize) -> Result<Page> {
        self.inner.list(scope, prefix, cursor, limit).await
    }

    async fn touch(&self, key: &Key, ttl: Duration, expect: Version) -> Result<Version> {
        self.inner.touch(key, ttl, expect).await
    }
}
