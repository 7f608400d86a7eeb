//! The primitives, each call of which is counted.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use mcpg_cluster::{
    Cursor, Entry, ErrorKind, EventStream, Expect, Grant, Holder, Key, KeyValue, Lease, LeaseRequest,
    Membership, Page, PeerEventStream, PeerInfo, Presence, PubSub, Result, Token, Value, Version, Watch,
    WatchStream,
};

use mcpg_metrics::table::REFUSED_FENCES;

use super::operations::{Operation, Operations};

/// One primitive and the counters that all share.
pub(super) struct Counted<P: ?Sized> {
    inner: Arc<P>,
    operations: Arc<Operations>,
}

impl<P: ?Sized> Counted<P> {
    pub(super) fn new(inner: Arc<P>, operations: &Arc<Operations>) -> Self {
        Self {
            inner,
            operations: Arc::clone(operations),
        }
    }
}

#[async_trait]
impl KeyValue for Counted<dyn KeyValue> {
    async fn get(&self, key: &Key) -> Result<Option<Entry>> {
        self.operations.count(Operation::GET, self.inner.get(key)).await
    }

    async fn put(&self, key: &Key, value: Value, expect: Expect, ttl: Option<Duration>) -> Result<Version> {
        let put = self.inner.put(key, value, expect, ttl);
        self.operations.count(Operation::PUT, put).await
    }

    async fn delete(&self, key: &Key, expect: Expect) -> Result<()> {
        let delete = self.inner.delete(key, expect);
        self.operations.count(Operation::DELETE, delete).await
    }

    async fn list(&self, scope: &[u8], prefix: &[u8], cursor: Option<&Cursor>, limit: usize) -> Result<Page> {
        let list = self.inner.list(scope, prefix, cursor, limit);
        self.operations.count(Operation::LIST, list).await
    }

    async fn touch(&self, key: &Key, ttl: Duration, expect: Version) -> Result<Version> {
        let touch = self.inner.touch(key, ttl, expect);
        self.operations.count(Operation::TOUCH, touch).await
    }
}

#[async_trait]
impl PubSub for Counted<dyn PubSub> {
    async fn publish(&self, topic: &[u8], payload: Bytes) -> Result<()> {
        let publish = self.inner.publish(topic, payload);
        self.operations.count(Operation::PUBLISH, publish).await
    }

    async fn subscribe(&self, topic: &[u8]) -> Result<EventStream> {
        let subscribe = self.inner.subscribe(topic);
        self.operations.count(Operation::SUBSCRIBE, subscribe).await
    }
}

#[async_trait]
impl Lease for Counted<dyn Lease> {
    async fn acquire(&self, request: &LeaseRequest) -> Result<Option<Grant>> {
        let acquire = self.inner.acquire(request);
        self.operations.count(Operation::ACQUIRE, acquire).await
    }

    async fn renew(&self, request: &LeaseRequest, token: Token) -> Result<Grant> {
        let renew = self.inner.renew(request, token);
        let renewed = self.operations.count(Operation::RENEW, renew).await;
        if renewed
            .as_ref()
            .is_err_and(|error| error.kind() == ErrorKind::NotHeld)
        {
            REFUSED_FENCES.count(&["lease"]);
        }
        renewed
    }

    async fn release(&self, name: &[u8], token: Token) -> Result<()> {
        let release = self.inner.release(name, token);
        self.operations.count(Operation::RELEASE, release).await
    }

    async fn holder(&self, name: &[u8]) -> Result<Option<Holder>> {
        self.operations
            .count(Operation::HOLDER, self.inner.holder(name))
            .await
    }
}

#[async_trait]
impl Watch for Counted<dyn Watch> {
    async fn watch(&self, scope: &[u8], prefix: &[u8]) -> Result<WatchStream> {
        let watch = self.inner.watch(scope, prefix);
        self.operations.count(Operation::WATCH, watch).await
    }
}

#[async_trait]
impl Presence for Counted<dyn Presence> {
    async fn join(&self, info: PeerInfo) -> Result<Box<dyn Membership>> {
        let join = self.inner.join(info);
        let inner = self.operations.count(Operation::JOIN, join).await?;
        let operations = Arc::clone(&self.operations);
        Ok(Box::new(Stay { inner, operations }))
    }

    async fn peers(&self) -> Result<Vec<PeerInfo>> {
        self.operations.count(Operation::PEERS, self.inner.peers()).await
    }

    async fn peer_events(&self) -> Result<PeerEventStream> {
        let events = self.inner.peer_events();
        self.operations.count(Operation::PEER_EVENTS, events).await
    }
}

/// A membership whose end is counted.
struct Stay {
    inner: Box<dyn Membership>,
    operations: Arc<Operations>,
}

#[async_trait]
impl Membership for Stay {
    async fn leave(self: Box<Self>) -> Result<()> {
        let Self { inner, operations } = *self;
        operations.count(Operation::LEAVE, inner.leave()).await
    }
}
