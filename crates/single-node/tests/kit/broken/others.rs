//! PubSub, Watch and Presence with a fault.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future;
use futures_util::stream::StreamExt;
use mcpg_cluster::{
    Event, EventStream, Membership, PeerEventStream, PeerInfo, Presence, PubSub, Result, Watch, WatchEvent,
    WatchStream,
};

use super::Fault;

pub(crate) struct BrokenPubSub {
    pub(crate) inner: Arc<dyn PubSub>,
    pub(crate) fault: Fault,
}

#[async_trait]
impl PubSub for BrokenPubSub {
    async fn publish(&self, topic: &[u8], payload: Bytes) -> Result<()> {
        self.inner.publish(topic, payload).await
    }

    async fn subscribe(&self, topic: &[u8]) -> Result<EventStream> {
        match self.fault {
            Fault::SubscribeReturnsEarly => {
                let (inner, topic) = (Arc::clone(&self.inner), Bytes::copy_from_slice(topic));
                let later = async move { inner.subscribe(&topic).await };
                let stream = futures_util::stream::once(later);
                Ok(stream.flat_map(|live| live.unwrap()).boxed())
            }
            Fault::SlowSubscriberHearsOfNoGap => {
                let events = self.inner.subscribe(topic).await?;
                let is_heard = |event: &Result<Event>| future::ready(!matches!(event, Ok(Event::Gap)));
                Ok(events.filter(is_heard).boxed())
            }
            _ => self.inner.subscribe(topic).await,
        }
    }
}

pub(crate) struct BrokenWatch {
    pub(crate) inner: Arc<dyn Watch>,
    pub(crate) fault: Fault,
}

#[async_trait]
impl Watch for BrokenWatch {
    async fn watch(&self, scope: &[u8], prefix: &[u8]) -> Result<WatchStream> {
        let mut events = self.inner.watch(scope, prefix).await?;
        match self.fault {
            Fault::WatchLosesTheChangesWhileItStarts => {
                // The snapshot is read first and the changes are followed a moment later.
                let snapshot = events.next().await;
                drop(events);
                tokio::task::yield_now().await;
                let later = self.inner.watch(scope, prefix).await?.skip(1);
                Ok(futures_util::stream::iter(snapshot).chain(later).boxed())
            }
            Fault::WatchShowsNoExpiry => {
                let is_shown = |event: &Result<WatchEvent>| {
                    future::ready(!matches!(event, Ok(WatchEvent::Delete { .. })))
                };
                Ok(events.filter(is_shown).boxed())
            }
            Fault::WatchTellsInOrderOfNames => Ok(compared(events, |change| match change {
                WatchEvent::Put(named) => named.name.clone(),
                WatchEvent::Delete { name } => name.clone(),
                _ => Bytes::new(),
            })),
            Fault::WatchTellsDeletesLast => Ok(compared(events, |change| {
                matches!(change, WatchEvent::Delete { .. })
            })),
            _ => Ok(events),
        }
    }
}

/// The changes that were found at once, in another order.
fn compared<O: Ord + 'static>(events: WatchStream, order: fn(&WatchEvent) -> O) -> WatchStream {
    let comparisons = events.ready_chunks(1000).map(move |mut changes| {
        changes.sort_by_key(|change| change.as_ref().ok().map(order));
        futures_util::stream::iter(changes)
    });
    comparisons.flatten().boxed()
}

pub(crate) struct BrokenPresence {
    pub(crate) inner: Arc<dyn Presence>,
    pub(crate) fault: Fault,
}

#[async_trait]
impl Presence for BrokenPresence {
    async fn join(&self, info: PeerInfo) -> Result<Box<dyn Membership>> {
        let inner = self.inner.join(info).await?;
        if self.fault == Fault::LeaveLooksLikeACrash {
            return Ok(Box::new(Crashing(inner)));
        }
        Ok(inner)
    }

    async fn peers(&self) -> Result<Vec<PeerInfo>> {
        self.inner.peers().await
    }

    async fn peer_events(&self) -> Result<PeerEventStream> {
        self.inner.peer_events().await
    }
}

struct Crashing(Box<dyn Membership>);

#[async_trait]
impl Membership for Crashing {
    async fn leave(self: Box<Self>) -> Result<()> {
        drop(self.0);
        Ok(())
    }
}
