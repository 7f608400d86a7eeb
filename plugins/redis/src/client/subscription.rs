//! Reading a channel.

use std::sync::Arc;

use mcpg_plugin_sdk::cluster::{Event, Result};
use tokio::time::timeout;

use super::{Client, OPERATION_TIMEOUT};
use crate::error::Effect;
use crate::gate::closed_error;
use crate::subscriptions::Mailbox;

/// One reader of one channel.
pub(crate) struct Subscription {
    client: Arc<Client>,
    channel: Vec<u8>,
    mailbox: Arc<Mailbox>,
}

impl Subscription {
    pub(super) fn new(client: &Arc<Client>, channel: Vec<u8>, mailbox: Arc<Mailbox>) -> Self {
        Self {
            client: Arc::clone(client),
            channel,
            mailbox,
        }
    }

    pub(super) fn channel(&self) -> &[u8] {
        &self.channel
    }

    /// The next event; an error once the coordinator is closed.
    pub(crate) async fn next(&self) -> Result<Event> {
        tokio::select! {
            biased;
            () = self.client.gate.closed() => Err(closed_error()),
            event = self.mailbox.next() => Ok(event),
        }
    }

    /// Forgets what waits.
    pub(crate) fn clear(&self) {
        self.mailbox.clear();
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if !self.client.subscriptions.remove(&self.channel, &self.mailbox) {
            return;
        }
        let Ok((_, mut link)) = self.client.link(Effect::Read) else {
            return;
        };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let (client, channel) = (Arc::clone(&self.client), std::mem::take(&mut self.channel));
        runtime.spawn(async move {
            if client.subscriptions.is_wanted(&channel) {
                return;
            }
            let _ = timeout(OPERATION_TIMEOUT, link.sink.unsubscribe(&channel[..])).await;
            // Somebody may have come just before the request left, and have lost messages to it.
            if client.subscriptions.is_wanted(&channel) {
                let _ = timeout(OPERATION_TIMEOUT, link.sink.subscribe(&channel[..])).await;
                client.subscriptions.gap_in(&channel);
            }
        });
    }
}
