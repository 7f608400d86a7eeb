//! A coordinator that holds a replica at one of its operations: the replica is paused there, or has crashed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use mcpg_cluster::{Cursor, Entry, Error, ErrorKind, Expect, Key, KeyValue, Page, Result, Value, Version};
use tokio::sync::Semaphore;

/// Where a replica is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Before the operation leaves it.
    Before,
    /// After the operation was applied, before its answer arrives.
    After,
    /// After the operation was applied, and the answer is then "unknown".
    Unanswered,
}

/// One replica's way to a coordinator.
pub(crate) struct Held {
    inner: Arc<dyn KeyValue>,
    operations: AtomicUsize,
    at: usize,
    side: Side,
    reached: Semaphore,
    released: Semaphore,
}

impl Held {
    /// Holds the replica at its operation number `at`, counted from zero.
    pub(crate) fn new(inner: Arc<dyn KeyValue>, at: usize, side: Side) -> Arc<Self> {
        Arc::new(Self {
            inner,
            operations: AtomicUsize::new(0),
            at,
            side,
            reached: Semaphore::new(0),
            released: Semaphore::new(0),
        })
    }

    /// Waits until the replica is held.
    pub(crate) async fn reached(&self) {
        let permit = self.reached.acquire().await;
        permit.expect("it is never closed").forget();
    }

    /// Lets the replica go on.
    pub(crate) fn release(&self) {
        self.released.add_permits(1);
    }

    async fn hold(&self) {
        self.reached.add_permits(1);
        let permit = self.released.acquire().await;
        permit.expect("it is never closed").forget();
    }

    async fn pass<T>(&self, write: bool, operation: impl Future<Output = Result<T>>) -> Result<T> {
        if self.operations.fetch_add(1, Ordering::SeqCst) != self.at {
            return operation.await;
        }
        if self.side == Side::Before {
            self.hold().await;
            return operation.await;
        }
        let answer = operation.await;
        self.hold().await;
        if write && self.side == Side::Unanswered {
            return Err(Error::new(ErrorKind::Indeterminate, "the answer was lost"));
        }
        answer
    }
}

#[async_trait]
impl KeyValue for Held {
    async fn get(&self, key: &Key) -> Result<Option<Entry>> {
        self.pass(false, self.inner.get(key)).await
    }

    async fn put(&self, key: &Key, value: Value, expect: Expect, ttl: Option<Duration>) -> Result<Version> {
        self.pass(true, self.inner.put(key, value, expect, ttl)).await
    }

    async fn delete(&self, key: &Key, expect: Expect) -> Result<()> {
        self.pass(true, self.inner.delete(key, expect)).await
    }

    async fn list(&self, scope: &[u8], prefix: &[u8], cursor: Option<&Cursor>, limit: usize) -> Result<Page> {
        self.pass(false, self.inner.list(scope, prefix, cursor, limit))
            .await
    }

    async fn touch(&self, key: &Key, ttl: Duration, expect: Version) -> Result<Version> {
        self.pass(true, self.inner.touch(key, ttl, expect)).await
    }
}
