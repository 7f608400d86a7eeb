//! A coordinator whose messages all get lost, so that tests can tell that nothing rests on them.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use mcpg_cluster::{ConnectionStream, Coordinator, EventStream, Primitives, PubSub, Result, Support};

/// Set to `1`, it makes every message between replicas get lost.
pub(super) const SWITCH: &str = "MCPG_FAULT_DROP_PUBSUB";

/// Whether the environment asks for it.
pub(super) fn is_asked_for() -> bool {
    std::env::var_os(SWITCH).is_some_and(|value| value == "1")
}

/// Passes on everything but messages.
pub(super) struct Silenced {
    inner: Arc<dyn Coordinator>,
    primitives: Primitives,
}

impl Silenced {
    /// Puts itself before a coordinator.
    pub(super) fn new(inner: Arc<dyn Coordinator>) -> Self {
        let mut primitives = inner.primitives().clone();
        primitives.pubsub = Arc::new(Lossy(primitives.pubsub));
        Self { inner, primitives }
    }
}

/// Publishes nothing and says that it did. Subscriptions are real, so that they also break and recover.
struct Lossy(Arc<dyn PubSub>);

#[async_trait]
impl PubSub for Lossy {
    async fn publish(&self, _topic: &[u8], _payload: Bytes) -> Result<()> {
        Ok(())
    }

    async fn subscribe(&self, topic: &[u8]) -> Result<EventStream> {
        self.0.subscribe(topic).await
    }
}

#[async_trait]
impl Coordinator for Silenced {
    fn kind(&self) -> &str {
        self.inner.kind()
    }

    fn node(&self) -> &str {
        self.inner.node()
    }

    fn support(&self) -> Support {
        self.inner.support()
    }

    fn primitives(&self) -> &Primitives {
        &self.primitives
    }

    fn connection(&self) -> ConnectionStream {
        self.inner.connection()
    }

    async fn close(&self) -> Result<()> {
        self.inner.close().await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::Duration;

    use futures_util::StreamExt as _;
    use mcpg_cluster::{Event, Expect, Key};
    use mcpg_single_node::SingleNode;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn i1_a_message_is_lost_and_a_record_is_not() {
        let real: Arc<dyn Coordinator> = Arc::new(SingleNode::new());
        let silenced = Silenced::new(Arc::clone(&real));
        let mut heard = silenced.primitives().pubsub.subscribe(b"t").await.unwrap();
        silenced
            .primitives()
            .pubsub
            .publish(b"t", "lost".into())
            .await
            .unwrap();
        let nothing = tokio::time::timeout(Duration::from_secs(60), heard.next()).await;
        assert!(nothing.is_err(), "{nothing:?}");
        // Only what goes through the switch is lost.
        real.primitives()
            .pubsub
            .publish(b"t", "heard".into())
            .await
            .unwrap();
        assert_eq!(
            heard.next().await.unwrap().unwrap(),
            Event::Message("heard".into())
        );
        let key = Key::new("scope", "name");
        let key_value = &silenced.primitives().key_value;
        key_value
            .put(&key, "value".into(), Expect::Absent, None)
            .await
            .unwrap();
        let found = real.primitives().key_value.get(&key).await.unwrap().unwrap();
        assert_eq!(found.value, "value");
    }
}
