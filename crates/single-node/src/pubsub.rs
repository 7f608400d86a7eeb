//! PubSub in memory.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use mcpg_cluster::{Error, ErrorKind, Event, EventStream, PubSub, Result, check_length};
use parking_lot::RwLock;

use crate::gate::Gate;
use crate::mailbox::{Mailbox, Reader, read};
use crate::single_node::LARGEST_BYTES;

type Messages = Mailbox<Bytes>;

/// The live subscriptions of all topics.
#[derive(Default)]
pub(crate) struct Topics {
    subscriptions: RwLock<HashMap<Bytes, Vec<Arc<Messages>>>>,
}

pub(crate) struct MemoryPubSub {
    topics: Arc<Topics>,
    gate: Arc<Gate>,
}

impl MemoryPubSub {
    pub(crate) fn new(topics: &Arc<Topics>, gate: &Arc<Gate>) -> Self {
        Self {
            topics: Arc::clone(topics),
            gate: Arc::clone(gate),
        }
    }
}

#[async_trait]
impl PubSub for MemoryPubSub {
    async fn publish(&self, topic: &[u8], payload: Bytes) -> Result<()> {
        self.gate.check()?;
        check_length("topic", topic)?;
        if payload.len() > LARGEST_BYTES {
            let size = payload.len();
            let message = format!("message of {size} bytes is larger than {LARGEST_BYTES} bytes");
            return Err(Error::new(ErrorKind::TooLarge, message)
                .with_context("topic", topic.escape_ascii().to_string()));
        }
        let subscriptions = self.topics.subscriptions.read();
        for messages in subscriptions.get(topic).into_iter().flatten() {
            messages.push(payload.clone());
        }
        Ok(())
    }

    async fn subscribe(&self, topic: &[u8]) -> Result<EventStream> {
        self.gate.check()?;
        check_length("topic", topic)?;
        let subscription = Subscription {
            topics: Arc::clone(&self.topics),
            topic: Bytes::copy_from_slice(topic),
            messages: Arc::default(),
        };
        self.topics
            .subscriptions
            .write()
            .entry(subscription.topic.clone())
            .or_default()
            .push(Arc::clone(&subscription.messages));
        Ok(read(subscription, Arc::clone(&self.gate)))
    }
}

struct Subscription {
    topics: Arc<Topics>,
    topic: Bytes,
    messages: Arc<Messages>,
}

impl Reader for Subscription {
    type Event = Bytes;
    type Item = Event;

    fn mailbox(&self) -> &Messages {
        &self.messages
    }

    fn event(&self, message: Bytes) -> Event {
        Event::Message(message)
    }

    fn overflow(&self) -> Result<Event> {
        Ok(Event::Gap)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut topics = self.topics.subscriptions.write();
        let Some(subscriptions) = topics.get_mut(&self.topic) else {
            return;
        };
        subscriptions.retain(|messages| !Arc::ptr_eq(messages, &self.messages));
        if subscriptions.is_empty() {
            topics.remove(&self.topic);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures_util::StreamExt;

    use super::*;
    use crate::mailbox::CAPACITY;

    #[tokio::test]
    async fn a_slow_reader_gets_one_gap_and_then_what_came_last() {
        let topics = Arc::<Topics>::default();
        let pubsub = MemoryPubSub::new(&topics, &Arc::default());
        let mut stream = pubsub.subscribe(b"topic").await.unwrap();
        for number in 0..CAPACITY + 2 {
            let message = Bytes::from(number.to_string());
            pubsub.publish(b"topic", message).await.unwrap();
        }
        assert_eq!(stream.next().await.unwrap().unwrap(), Event::Gap);
        for number in CAPACITY..CAPACITY + 2 {
            let event = stream.next().await.unwrap().unwrap();
            assert_eq!(event, Event::Message(number.to_string().into()));
        }
    }

    #[tokio::test]
    async fn a_topic_without_subscriptions_is_forgotten() {
        let topics = Arc::<Topics>::default();
        let pubsub = MemoryPubSub::new(&topics, &Arc::default());
        let stream = pubsub.subscribe(b"topic").await.unwrap();
        assert_eq!(topics.subscriptions.read().len(), 1);
        drop(stream);
        assert_eq!(topics.subscriptions.read().len(), 0);
    }
}
