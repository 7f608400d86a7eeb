//! `PubSub`: one channel per topic.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream;
use mcpg_plugin_sdk::cluster::{EventStream, PubSub, Result, check_length};

use crate::client::Client;
use crate::error::Effect;
use crate::store::check_size;

pub(crate) struct RedisPubSub(pub(crate) Arc<Client>);

#[async_trait]
impl PubSub for RedisPubSub {
    async fn publish(&self, topic: &[u8], payload: Bytes) -> Result<()> {
        check_length("topic", topic)?;
        check_size("message", &payload)?;
        let mut command = redis::cmd("PUBLISH");
        command.arg(self.0.names.topic(topic)).arg(&payload[..]);
        self.0.call::<i64>(&command, Effect::Write).await?;
        Ok(())
    }

    async fn subscribe(&self, topic: &[u8]) -> Result<EventStream> {
        check_length("topic", topic)?;
        let subscription = self.0.subscribe(self.0.names.topic(topic)).await?;
        let events = stream::unfold(Some(subscription), |subscription| async {
            let subscription = subscription?;
            match subscription.next().await {
                Ok(event) => Some((Ok(event), Some(subscription))),
                Err(error) => Some((Err(error), None)),
            }
        });
        Ok(events.boxed())
    }
}
