//! What a case works with.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mcpg_cluster::{
    Coordinator, Entry, Key, KeyValue, Lease, LeaseRequest, NamedEntry, Nonce, Presence, PubSub, Support,
    Watch,
};

use crate::{Backend, Outcome};

/// The shortest TTL that cases use, however short a backend allows: long enough to do something within it.
const SHORT_TTL: Duration = Duration::from_millis(500);

/// A TTL that does not run out during a case.
const LONG_TTL: Duration = Duration::from_secs(600);

/// Two replicas on one backend, and names that nobody else uses.
pub struct Context {
    here: Arc<dyn Coordinator>,
    there: Arc<dyn Coordinator>,
    backend: Arc<dyn Backend>,
    support: Support,
    unique: Nonce,
}

impl Context {
    /// Opens two replicas on a backend.
    ///
    /// # Errors
    /// When one cannot be opened.
    pub async fn open(backend: Arc<dyn Backend>) -> Outcome<Self> {
        let here = backend.open().await?;
        let there = backend.open().await?;
        Ok(Self {
            support: here.support(),
            unique: Nonce::random()?,
            here,
            there,
            backend,
        })
    }

    /// Closes both replicas.
    ///
    /// # Errors
    /// When closing fails.
    pub async fn close(&self) -> Outcome {
        self.here.close().await?;
        self.there.close().await?;
        Ok(())
    }

    /// Opens one more replica.
    pub(crate) async fn third(&self) -> Outcome<Arc<dyn Coordinator>> {
        Ok(self.backend.open().await?)
    }

    pub(crate) fn here(&self) -> &dyn Coordinator {
        &*self.here
    }

    pub(crate) fn there(&self) -> &dyn Coordinator {
        &*self.there
    }

    pub(crate) fn support(&self) -> &Support {
        &self.support
    }

    pub(crate) fn kv(&self) -> &Arc<dyn KeyValue> {
        &self.here.primitives().key_value
    }

    pub(crate) fn kv_there(&self) -> &Arc<dyn KeyValue> {
        &self.there.primitives().key_value
    }

    pub(crate) fn pubsub(&self) -> &Arc<dyn PubSub> {
        &self.here.primitives().pubsub
    }

    pub(crate) fn pubsub_there(&self) -> &Arc<dyn PubSub> {
        &self.there.primitives().pubsub
    }

    pub(crate) fn lease(&self) -> &Arc<dyn Lease> {
        &self.here.primitives().lease
    }

    pub(crate) fn lease_there(&self) -> &Arc<dyn Lease> {
        &self.there.primitives().lease
    }

    pub(crate) fn watch(&self) -> &Arc<dyn Watch> {
        &self.here.primitives().watch
    }

    pub(crate) fn presence(&self) -> &Arc<dyn Presence> {
        &self.here.primitives().presence
    }

    pub(crate) fn presence_there(&self) -> &Arc<dyn Presence> {
        &self.there.primitives().presence
    }

    /// A scope, topic or lease name of this case alone.
    pub(crate) fn unique(&self, purpose: &str) -> Bytes {
        format!("{purpose}/{}", self.unique).into()
    }

    /// A key in the case's own scope.
    pub(crate) fn key(&self, name: impl Into<Bytes>) -> Key {
        Key::new(self.unique("scope"), name)
    }

    /// A request for the case's own lease.
    pub(crate) fn lease_request(&self, holder: &str, ttl: Duration) -> Outcome<LeaseRequest> {
        let holder = Bytes::copy_from_slice(holder.as_bytes());
        Ok(LeaseRequest::new(self.unique("lease"), holder, ttl)?)
    }

    pub(crate) fn short_ttl(&self) -> Duration {
        self.support.min_ttl.max(SHORT_TTL)
    }

    pub(crate) fn long_ttl(&self) -> Duration {
        let long = LONG_TTL.max(self.support.min_ttl * 10);
        self.support.max_ttl.map_or(long, |max_ttl| long.min(max_ttl))
    }

    /// TTLs that must be refused.
    pub(crate) fn ttls_out_of_bounds(&self) -> Vec<Duration> {
        let mut ttls = vec![Duration::ZERO, self.support.min_ttl / 2];
        ttls.extend(self.support.max_ttl.map(|max_ttl| max_ttl * 2));
        ttls
    }

    /// Reads an entry; where reads may be old, again until it is as wanted or cannot be old any more.
    pub(crate) async fn read(
        &self,
        key: &Key,
        wanted: impl Fn(&Option<Entry>) -> bool,
    ) -> Outcome<Option<Entry>> {
        self.reread(async || Ok(self.kv().get(key).await?), wanted).await
    }

    /// Reads the value of an entry, like [`read`](Self::read).
    pub(crate) async fn read_value(&self, key: &Key, wanted: Option<&[u8]>) -> Outcome<Option<Bytes>> {
        let as_wanted = |entry: &Option<Entry>| entry.as_ref().map(|entry| entry.value.as_ref()) == wanted;
        let entry = self.read(key, as_wanted).await?;
        Ok(entry.map(|entry| entry.value))
    }

    /// Lists a prefix with pages of `limit`; where reads may be old, again like [`read`](Self::read).
    pub(crate) async fn list(
        &self,
        scope: &[u8],
        prefix: &[u8],
        limit: usize,
        wanted: impl Fn(&Vec<NamedEntry>) -> bool,
    ) -> Outcome<Vec<NamedEntry>> {
        let list = async || {
            let pages = self.pages(scope, prefix, limit).await?;
            Ok(pages.into_iter().flatten().collect())
        };
        self.reread(list, wanted).await
    }
}
