//! What upstreams say was updated, and being subscribed to it.

use std::sync::{Arc, Weak};

use async_trait::async_trait;
use indexmap::IndexSet;
use mcpg_capabilities::levels::Raised;
use mcpg_capabilities::subscriptions::{Keeper, NotSubscribed};
use tracing::debug;

use super::core::Router;
use crate::upstream::{Updated, Upstream, UpstreamError};

/// Subscribes at the router's upstreams.
pub(super) struct UpstreamKeeper {
    router: Weak<Router>,
}

impl UpstreamKeeper {
    pub(super) fn of(router: &Arc<Router>) -> Arc<Self> {
        Arc::new(Self {
            router: Arc::downgrade(router),
        })
    }

    fn upstream(&self, name: &str) -> Option<Arc<Upstream>> {
        let router = self.router.upgrade()?;
        let mut members = router.members.iter();
        let member = members.find(|(federation, _)| federation.name == name)?;
        Some(Arc::clone(&member.1))
    }
}

#[async_trait]
impl Keeper for UpstreamKeeper {
    async fn subscribe(&self, upstream: &str, uri: &str) -> Result<(), NotSubscribed> {
        let Some(upstream) = self.upstream(upstream) else {
            let why = format!("no upstream is called {upstream} here");
            return Err(NotSubscribed::Unreachable(why));
        };
        match upstream.subscribe(uri).await {
            Ok(()) => Ok(()),
            Err(UpstreamError::Rpc(error)) => Err(NotSubscribed::Refused(error)),
            Err(error) => Err(NotSubscribed::Unreachable(error.to_string())),
        }
    }

    async fn unsubscribe(&self, upstream: &str, uri: &str) {
        if let Some(upstream) = self.upstream(upstream) {
            upstream.unsubscribe(uri).await;
        }
    }
}

impl Router {
    /// Raises the levels of what an upstream says was updated, and subscribes anew where that is needed, until the gateway
    /// stops.
    pub(super) async fn follow_updates(self: Arc<Self>, at: usize) {
        let (federation, upstream) = &self.members[at];
        let mut renewals = upstream.renewals();
        loop {
            tokio::select! {
                biased;
                () = renewals.next() => {
                    let held = self.subscriptions.held_at(&federation.name);
                    for uri in &held {
                        if let Err(error) = upstream.subscribe(uri).await {
                            debug!(message = "A subscription could not be renewed.", upstream = federation.name, %error);
                        }
                    }
                    // What was updated while nobody listened is not known.
                    self.raise_uris(held);
                }
                updated = upstream.updated_resources() => {
                    let held = self.subscriptions.held_at(&federation.name);
                    self.raise_uris(meant_by(&updated, held));
                }
            }
        }
    }

    fn raise_uris(&self, uris: impl IntoIterator<Item = String>) {
        self.levels.raise_soon(Raised {
            uris: uris.into_iter().collect(),
            ..Raised::default()
        });
    }
}

/// Which of the resources that are subscribed to were updated. An upstream may name a part of one.
fn meant_by(updated: &Updated, held: Vec<String>) -> IndexSet<String> {
    let Updated::Uris(updated) = updated else {
        return held.into_iter().collect();
    };
    held.into_iter()
        .filter(|uri| {
            updated.contains(uri)
                || updated.iter().any(|part| {
                    let rest = part.strip_prefix(uri.as_str());
                    rest.is_some_and(|rest| uri.ends_with('/') || rest.starts_with(['/', '#', '?']))
                })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_of_a_part_means_the_whole() {
        let held = || {
            ["file:///a", "file:///dir/", "test://x"]
                .map(str::to_owned)
                .to_vec()
        };
        let meant = |uris: &[&str]| {
            let updated = Updated::Uris(uris.iter().map(|uri| (*uri).to_owned()).collect());
            meant_by(&updated, held())
                .into_iter()
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(meant(&["test://x"]), "test://x");
        assert_eq!(meant(&["file:///dir/b", "file:///ab"]), "file:///dir/");
        assert_eq!(meant(&["file:///a#part"]), "file:///a");
        assert_eq!(meant(&["other://"]), "");
        assert_eq!(meant_by(&Updated::All, held()).len(), 3);
    }
}
