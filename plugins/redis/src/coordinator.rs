//! The coordinator itself.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream;
use mcpg_plugin_sdk::cluster::{Connection, ConnectionStream, Coordinator, Primitives, Result, Support};

use crate::client::{Client, State};
use crate::config::Settings;
use crate::key_value::RedisKeyValue;
use crate::lease::RedisLease;
use crate::names::Space;
use crate::presence::RedisPresence;
use crate::pubsub::RedisPubSub;
use crate::store::Store;
use crate::watch::RedisWatch;

/// A coordinator on one Redis server.
pub(crate) struct RedisCoordinator {
    client: Arc<Client>,
    primitives: Primitives,
}

impl RedisCoordinator {
    /// Connects to the server and reads what it guarantees.
    ///
    /// # Errors
    /// `Invalid` for certificates that cannot be used, `Denied` for wrong credentials and for a server that evicts
    /// keys, `Unavailable` for a server that is not reached within five seconds.
    pub(crate) async fn open(settings: Settings) -> Result<Self> {
        let client = Client::open(settings).await?;
        let store = |space| Store {
            client: Arc::clone(&client),
            space,
        };
        let primitives = Primitives {
            key_value: Arc::new(RedisKeyValue(store(Space::Values))),
            pubsub: Arc::new(RedisPubSub(Arc::clone(&client))),
            lease: Arc::new(RedisLease(Arc::clone(&client))),
            watch: Arc::new(RedisWatch(store(Space::Values))),
            presence: Arc::new(RedisPresence(store(Space::Peers))),
        };
        Ok(Self { client, primitives })
    }
}

#[async_trait]
impl Coordinator for RedisCoordinator {
    fn kind(&self) -> &str {
        "redis"
    }

    fn node(&self) -> &str {
        &self.client.settings.node_id
    }

    fn support(&self) -> Support {
        self.client.support()
    }

    fn primitives(&self) -> &Primitives {
        &self.primitives
    }

    fn connection(&self) -> ConnectionStream {
        let client = Arc::clone(&self.client);
        let mut states = self.client.states();
        states.mark_changed();
        let closed = async move { client.gate.closed().await };
        stream::unfold(states, |mut states| async {
            states.changed().await.ok()?;
            let state = shown(&states.borrow_and_update());
            Some((state, states))
        })
        .take_until(closed)
        .boxed()
    }

    async fn close(&self) -> Result<()> {
        self.client.close().await;
        Ok(())
    }
}

impl Drop for RedisCoordinator {
    fn drop(&mut self) {
        self.client.gate.close();
    }
}

fn shown(state: &State) -> Connection {
    match state.link {
        Some(_) => Connection::Up(state.generation),
        None => Connection::Down,
    }
}
