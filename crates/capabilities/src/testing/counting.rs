//! A coordinator that counts what is asked of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use mcpg_cluster::{Cursor, Entry, Expect, Key, KeyValue, Page, Result, Value, Version};

/// Passes everything on and counts it.
pub(crate) struct Counting {
    inner: Arc<dyn KeyValue>,
    gets: AtomicUsize,
    puts: AtomicUsize,
    deletes: AtomicUsize,
    lists: AtomicUsize,
    touches: AtomicUsize,
}

/// How many operations there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Operations {
    pub(crate) gets: usize,
    pub(crate) puts: usize,
    pub(crate) deletes: usize,
    pub(crate) lists: usize,
    pub(crate) touches: usize,
}

impl Operations {
    pub(crate) fn total(&self) -> usize {
        self.gets + self.puts + self.deletes + self.lists + self.touches
    }
}

impl Counting {
    pub(crate) fn new(inner: Arc<dyn KeyValue>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            gets: AtomicUsize::default(),
            puts: AtomicUsize::default(),
            deletes: AtomicUsize::default(),
            lists: AtomicUsize::default(),
            touches: AtomicUsize::default(),
        })
    }

    /// What was counted since the last time this was called.
    pub(crate) fn take(&self) -> Operations {
        let take = |counter: &AtomicUsize| counter.swap(0, Ordering::SeqCst);
        Operations {
            gets: take(&self.gets),
            puts: take(&self.puts),
            deletes: take(&self.deletes),
            lists: take(&self.lists),
            touches: take(&self.touches),
        }
    }
}

#[async_trait]
impl KeyValue for Counting {
    async fn get(&self, key: &Key) -> Result<Option<Entry>> {
        self.gets.fetch_add(1, Ordering::SeqCst);
        self.inner.get(key).await
    }

    async fn put(&self, key: &Key, value: Value, expect: Expect, ttl: Option<Duration>) -> Result<Version> {
        self.puts.fetch_add(1, Ordering::SeqCst);
        self.inner.put(key, value, expect, ttl).await
    }

    async fn delete(&self, key: &Key, expect: Expect) -> Result<()> {
        self.deletes.fetch_add(1, Ordering::SeqCst);
        self.inner.delete(key, expect).await
    }

    async fn list(&self, scope: &[u8], prefix: &[u8], cursor: Option<&Cursor>, limit: usize) -> Result<Page> {
        self.lists.fetch_add(1, Ordering::SeqCst);
        self.inner.list(scope, prefix, cursor, limit).await
    }

    async fn touch(&self, key: &Key, ttl: Duration, expect: Version) -> Result<Version> {
        self.touches.fetch_add(1, Ordering::SeqCst);
        self.inner.touch(key, ttl, expect).await
    }
}
