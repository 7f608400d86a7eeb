//! Looks whether the owners of followed calls live: nobody may wait on a stream in silence.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use mcpg_capabilities::owner::{Judge, OwnerPair};
use tokio::time::{MissedTickBehavior, interval};
use tracing::debug;

use super::registry::Followed;
use crate::router::core::Router;

/// How often an owner is looked at.
const EVERY: Duration = Duration::from_secs(1);

impl Router {
    /// Ends followed calls whose owner is dead, for as long as the router runs.
    pub(crate) fn watch_owners(self: &Arc<Self>) {
        let router = Arc::clone(self);
        self.tasks.spawn(async move {
            let mut rounds = interval(EVERY);
            rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let watching = async {
                loop {
                    rounds.tick().await;
                    router.look_at_owners().await;
                }
            };
            let _: Option<()> = router.stop.run_until_cancelled(watching).await;
        });
    }

    async fn look_at_owners(&self) {
        let mut owners: HashMap<OwnerPair, Vec<Arc<Followed>>> = HashMap::new();
        for followed in self.streams.followers.all() {
            let owner = followed.owner.lock().clone();
            if let Some(owner) = owner {
                owners.entry(owner).or_default().push(followed);
            }
        }
        for (owner, followed) in owners {
            match self.heads.replica.is_dead(&owner).await {
                Ok(true) => self.end_calls(followed).await,
                Ok(false) => {}
                Err(error) => {
                    debug!(message = "Nobody can say whether an owner lives.", ?owner, %error);
                }
            }
        }
    }

    async fn end_calls(&self, followed: Vec<Arc<Followed>>) {
        for stream in followed {
            match self.heads.calls.end_if_dead(&stream.key, stream.birth).await {
                // Two connections may follow one call.
                Ok(true) => self.streams.followers.look(&stream.key, None),
                Ok(false) => {}
                Err(error) => debug!(message = "A call of a dead owner could not be ended.", %error),
            }
        }
    }
}
