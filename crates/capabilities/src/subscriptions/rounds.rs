//! Looking after what is held.

use std::convert::Infallible;
use std::time::Duration;

use mcpg_cluster::{ErrorKind, Expect};
use tracing::debug;

use super::error::SubscriptionError;
use super::handle::Subscriptions;
use super::index::{self, IndexEntry};
use super::name::{SubscriptionName, key};

const LONGEST_INTERVAL: Duration = Duration::from_secs(60);
const SHORTEST_INTERVAL: Duration = Duration::from_millis(250);

impl Subscriptions {
    /// Keeps alive what this replica holds and gives up what nobody wants or another replica has taken over, until it is
    /// dropped.
    pub async fn run(&self) -> Infallible {
        let interval = (self.config.ttl / 8).clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL);
        loop {
            tokio::time::sleep(interval).await;
            let held: Vec<SubscriptionName> = self.local.held.lock().values().cloned().collect();
            for name in held {
                if let Err(error) = self.keep(&name).await {
                    debug!(message = "A subscription is looked after later.", upstream = name.upstream(), %error);
                }
            }
        }
    }

    async fn keep(&self, name: &SubscriptionName) -> Result<(), SubscriptionError> {
        self.look_at(name).await?;
        if !self.holds(name) {
            return Ok(());
        }
        let holder = self.this_holder()?;
        let value = IndexEntry::of(name, &holder).encode()?;
        let index = index::key(self.boot(), name.digest());
        let ttl = self.config.ttl;
        self.key_value.put(&index, value, Expect::Any, Some(ttl)).await?;
        let Some(stored) = self.read(name).await? else {
            return Ok(());
        };
        if !stored.record.is_held_by(self.boot()) {
            return Ok(());
        }
        match self
            .key_value
            .touch(&key(name.digest()), ttl, stored.version)
            .await
        {
            // Whoever wrote it has given it its full life.
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(()),
            other => Ok(other.map(drop)?),
        }
    }
}
