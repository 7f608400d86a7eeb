//! PubSub.

use async_trait::async_trait;
use bytes::Bytes;
use mcpg_cluster::{Event, EventStream, PubSub, Result};
use mcpg_plugin_abi::{AbiItem, PubSubObject};

use super::stream::items;
use crate::bounded::Bounds;
use crate::convert::{bytes, slice, vector};

pub(super) struct PluginPubSub {
    object: PubSubObject,
    bounds: Bounds,
}

impl PluginPubSub {
    pub(super) fn new(object: PubSubObject, bounds: &Bounds) -> Self {
        let bounds = bounds.clone();
        Self { object, bounds }
    }
}

#[async_trait]
impl PubSub for PluginPubSub {
    async fn publish(&self, topic: &[u8], payload: Bytes) -> Result<()> {
        let answer = self.object.publish(slice(topic), vector(&payload));
        self.bounds.write("publish", answer).await
    }

    async fn subscribe(&self, topic: &[u8]) -> Result<EventStream> {
        let stream = self
            .bounds
            .read("subscribe", self.object.subscribe(slice(topic)))
            .await?;
        Ok(items(
            stream,
            "subscription",
            self.bounds.clone(),
            |item| match item {
                AbiItem::Message(payload) => Some(Event::Message(bytes(payload))),
                AbiItem::Gap => Some(Event::Gap),
                _ => None,
            },
        ))
    }
}
