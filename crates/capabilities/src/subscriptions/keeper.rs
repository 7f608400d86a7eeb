//! Who speaks with upstreams.

use async_trait::async_trait;
use serde_json::value::RawValue;

/// Why an upstream is not subscribed to.
#[derive(Debug)]
#[non_exhaustive]
pub enum NotSubscribed {
    /// The upstream refused, with this JSON-RPC error.
    Refused(Box<RawValue>),
    /// It could not be asked, or did not answer.
    Unreachable(String),
}

impl std::fmt::Display for NotSubscribed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(error) => write!(formatter, "the upstream refuses the subscription: {error}"),
            Self::Unreachable(why) => write!(formatter, "the upstream could not be subscribed to: {why}"),
        }
    }
}

impl std::error::Error for NotSubscribed {}

/// Subscribes at upstreams, in the sessions that this replica shares.
#[async_trait]
pub trait Keeper: Send + Sync {
    /// Subscribes to a resource. When this returns, the upstream tells this replica of every update that follows.
    /// Subscribing again must do no harm.
    async fn subscribe(&self, upstream: &str, uri: &str) -> Result<(), NotSubscribed>;

    /// Unsubscribes, best effort: what is heard of a resource that is not held is ignored.
    async fn unsubscribe(&self, upstream: &str, uri: &str);
}
