//! The task that keeps the two connections up.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use mcpg_plugin_sdk::cluster::{Error, ErrorKind, Nonce, Result};
use redis::aio::{MultiplexedConnection, PubSubStream};
use redis::{AsyncConnectionConfig, RedisError};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::{Client, Link, OPERATION_TIMEOUT, State};
use crate::error::{Effect, from_redis};
use crate::support;

/// How often the connections are tried by a message that goes out on one and comes back on the other.
const PULSE_INTERVAL: Duration = Duration::from_secs(2);

const LONGEST_BACK_OFF: Duration = Duration::from_secs(1);

pub(super) struct Connected {
    generation: u64,
    link: Link,
    messages: PubSubStream,
    pulse: Vec<u8>,
}

impl Client {
    /// Keeps the connections up until the client is closed.
    pub(super) async fn keep_up(self: Arc<Self>, connected: Connected) {
        let mut connected = connected;
        loop {
            self.follow(connected).await;
            if self.gate.check().is_err() {
                return;
            }
            let generation = self.generation();
            self.state.send_replace(State {
                generation,
                link: None,
            });
            let reconnected = tokio::select! {
                () = self.gate.closed() => return,
                reconnected = self.reconnect() => reconnected,
            };
            connected = reconnected;
        }
    }

    async fn reconnect(&self) -> Connected {
        let mut back_off = Duration::from_millis(20);
        loop {
            match self.connect().await {
                Ok(connected) => return connected,
                Err(error) => {
                    tracing::warn!(message = "Connecting to redis failed.", %error);
                }
            }
            // Replicas that lost the same server must not come back in step.
            let jitter = Nonce::random().map_or(0, |nonce| nonce.as_u128() % 100);
            let jitter = u32::try_from(jitter).unwrap_or(0);
            sleep(back_off + back_off * jitter / 100).await;
            back_off = (back_off * 2).min(LONGEST_BACK_OFF);
        }
    }

    pub(super) async fn connect(&self) -> Result<Connected> {
        match timeout(OPERATION_TIMEOUT, self.connect_both()).await {
            Ok(connected) => connected,
            Err(_) => Err(
                Error::new(ErrorKind::Unavailable, "redis did not let us in in time")
                    .with_context("server", self.settings.shown_url()),
            ),
        }
    }

    async fn connect_both(&self) -> Result<Connected> {
        let unreached = |error: RedisError| {
            from_redis(&error, Effect::Read, &self.secrets).with_context("server", self.settings.shown_url())
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(OPERATION_TIMEOUT))
            .set_response_timeout(None);
        let mut commands = self
            .server
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .map_err(unreached)?;
        let mut name = redis::cmd("CLIENT");
        name.arg("SETNAME").arg(&self.settings.node_id);
        // It only serves who looks at the server's list of clients; not every node id is a name that redis takes.
        let _ = name.exec_async(&mut commands).await;
        let support = support::read(&mut commands).await?;
        let pubsub = self.server.get_async_pubsub().await.map_err(unreached)?;
        let (mut sink, messages) = pubsub.split();
        let pulse = self.names.pulse(&Nonce::random()?.to_string());
        sink.subscribe(&pulse[..]).await.map_err(unreached)?;
        for channel in self.subscriptions.channels() {
            sink.subscribe(&channel[..]).await.map_err(unreached)?;
        }
        *self.support.lock() = support;
        let link = Link { commands, sink };
        let generation = self.generation() + 1;
        if generation > 1 {
            self.subscriptions.gap();
        }
        self.state.send_replace(State {
            generation,
            link: Some(link.clone()),
        });
        Ok(Connected {
            generation,
            link,
            messages,
            pulse,
        })
    }

    /// Hands out messages until the connection is lost or the client closed.
    async fn follow(&self, connected: Connected) {
        let Connected {
            generation,
            link,
            mut messages,
            pulse,
        } = connected;
        let mut broken = self.broken.subscribe();
        let mut beat = interval(PULSE_INTERVAL);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        loop {
            tokio::select! {
                () = self.gate.closed() => return,
                _ = broken.wait_for(|broken| *broken >= generation) => return,
                message = messages.next() => {
                    let Some(message) = message else { return };
                    let channel: Vec<u8> = message.get_channel().unwrap_or_default();
                    if channel == pulse {
                        heard = Instant::now();
                    } else {
                        let payload = Bytes::copy_from_slice(message.get_payload_bytes());
                        self.subscriptions.deliver(&channel, &payload);
                    }
                }
                _ = beat.tick() => {
                    if heard.elapsed() > OPERATION_TIMEOUT + PULSE_INTERVAL {
                        return;
                    }
                    send_pulse(link.commands.clone(), &pulse);
                }
            }
        }
    }
}

/// Sends the pulse without waiting: a connection that swallows it must not stop the messages that still arrive.
fn send_pulse(mut commands: MultiplexedConnection, pulse: &[u8]) {
    let mut command = redis::cmd("PUBLISH");
    command.arg(pulse).arg("");
    tokio::spawn(async move {
        // What does not come back is noticed by the receiver.
        let _ = timeout(OPERATION_TIMEOUT, command.exec_async(&mut commands)).await;
    });
}
