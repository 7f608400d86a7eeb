//! A coordinator that is out of reach for a while.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mcpg_cluster::{Cursor, Entry, Error, ErrorKind, Expect, Key, KeyValue, Page, Result, Value, Version};
use parking_lot::Mutex;
use tokio::time::Instant;

/// One replica's way to a coordinator that breaks.
pub(crate) struct Blackout {
    inner: Arc<dyn KeyValue>,
    until: Mutex<Option<Instant>>,
    /// The put that is applied just before it breaks, counted down, and for how long it does.
    last_put: Mutex<Option<(usize, Duration)>>,
}

impl Blackout {
    /// Works until [`begin`](Self::begin) is called.
    pub(crate) fn to_come(inner: Arc<dyn KeyValue>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            until: Mutex::default(),
            last_put: Mutex::default(),
        })
    }

    /// Breaks after so many puts and one more, whose answer is lost.
    pub(crate) fn after_puts(inner: Arc<dyn KeyValue>, puts: usize, length: Duration) -> Arc<Self> {
        let blackout = Self::to_come(inner);
        *blackout.last_put.lock() = Some((puts, length));
        blackout
    }

    /// Is out of reach from now on, for so long.
    pub(crate) fn begin(&self, length: Duration) {
        *self.until.lock() = Some(Instant::now() + length);
    }

    fn reach(&self) -> Result<()> {
        match *self.until.lock() {
            Some(until) if Instant::now() < until => Err(Error::new(ErrorKind::Unavailable, "out of reach")),
            _ => Ok(()),
        }
    }

    fn breaks_now(&self) -> Option<Duration> {
        let mut last_put = self.last_put.lock();
        let (puts, length) = last_put.take()?;
        if puts == 0 {
            return Some(length);
        }
        *last_put = Some((puts - 1, length));
        None
    }
}

#[async_trait]
impl KeyValue for Blackout {
    async fn get(&self, key: &Key) -> Result<Option<Entry>> {
        self.reach()?;
        self.inner.get(key).await
    }

    async fn put(&self, key: &Key, value: Value, expect: Expect, ttl: Option<Duration>) -> Result<Version> {
        self.reach()?;
        let written = self.inner.put(key, value, expect, ttl).await;
        if let Some(length) = self.breaks_now() {
            self.begin(length);
            return Err(Error::new(ErrorKind::Indeterminate, "the answer was lost"));
        }
        written
    }

    async fn delete(&self, key: &Key, expect: Expect) -> Result<()> {
        self.reach()?;
        self.inner.delete(key, expect).await
    }

    async fn list(&self, scope: &[u8], prefix: &[u8], cursor: Option<&Cursor>, limit: usize) -> Result<Page> {
        self.reach()?;
        self.inner.list(scope, prefix, cursor, limit).await
    }

    async fn touch(&self, key: &Key, ttl: Duration, expect: Version) -> Result<Version> {
        self.reach()?;
        self.inner.touch(key, ttl, expect).await
    }
}
