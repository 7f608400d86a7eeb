//! The coordinator.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use mcpg_cluster::{Connection, ConnectionStream, Coordinator, Primitives, Result, Support};
use mcpg_plugin_abi::{AbiCoordinator, AbiItem, CoordinatorObject};
use tracing::warn;

use super::key_value::PluginKeyValue;
use super::lease::PluginLease;
use super::presence::PluginPresence;
use super::pubsub::PluginPubSub;
use super::stream::items;
use super::watch::PluginWatch;
use crate::bounded::Bounds;
use crate::convert;

/// Adapts what a plugin opened; the error says what of it cannot be.
pub(crate) fn coordinator(
    opened: AbiCoordinator,
    kind: String,
    bounds: &Bounds,
) -> Result<Arc<dyn Coordinator>, String> {
    let told = convert::result(opened.coordinator.kind()).map_err(|error| error.to_string())?;
    if told.as_str() != kind {
        return Err(format!(
            "its manifest says kind {kind:?}, its coordinator {:?}",
            told.as_str()
        ));
    }
    let support = convert::result(opened.coordinator.support()).map_err(|error| error.to_string())?;
    let support = plausible(convert::support(&support))?;
    let primitives = Primitives {
        key_value: Arc::new(PluginKeyValue::new(opened.key_value, bounds)),
        pubsub: Arc::new(PluginPubSub::new(opened.pubsub, bounds)),
        lease: Arc::new(PluginLease::new(opened.lease, bounds)),
        watch: Arc::new(PluginWatch::new(opened.watch, bounds)),
        presence: Arc::new(PluginPresence::new(opened.presence, bounds)),
    };
    Ok(Arc::new(PluginCoordinator {
        object: opened.coordinator,
        kind,
        support: Mutex::new(support),
        primitives,
        bounds: bounds.clone(),
    }))
}

fn plausible(support: Support) -> Result<Support, String> {
    let lived_with = support.min_ttl > Duration::ZERO
        && support.max_ttl.is_none_or(|longest| longest > support.min_ttl)
        && support.max_value_bytes > 0
        && support.max_message_bytes > 0;
    if lived_with {
        return Ok(support);
    }
    Err(format!(
        "it declares limits that nobody can live with: ttl {:?} to {:?}, values of {} and messages of {} bytes",
        support.min_ttl, support.max_ttl, support.max_value_bytes, support.max_message_bytes
    ))
}

struct PluginCoordinator {
    object: CoordinatorObject,
    kind: String,
    /// What was declared last, for when the plugin fails at it.
    support: Mutex<Support>,
    primitives: Primitives,
    bounds: Bounds,
}

#[async_trait]
impl Coordinator for PluginCoordinator {
    fn kind(&self) -> &str {
        &self.kind
    }

    fn support(&self) -> Support {
        let told = convert::result(self.object.support()).map_err(|error| error.to_string());
        let told = told.and_then(|support| plausible(convert::support(&support)));
        let mut last = self.support.lock().unwrap_or_else(PoisonError::into_inner);
        match told {
            Ok(support) => *last = support,
            Err(error) => {
                warn!(message = "A plugin does not say what it supports; the last answer stays.", plugin = %self.bounds.id, %error);
            }
        }
        last.clone()
    }

    fn primitives(&self) -> &Primitives {
        &self.primitives
    }

    fn connection(&self) -> ConnectionStream {
        let states = match convert::result(self.object.connection()) {
            Ok(states) => states,
            Err(error) => {
                warn!(message = "A plugin does not show its connection.", plugin = %self.bounds.id, %error);
                return stream::iter([Connection::Down]).boxed();
            }
        };
        let id = Arc::clone(&self.bounds.id);
        items(states, "connection", self.bounds.clone(), |item| match item {
            AbiItem::Up(number) => Some(Connection::Up(number)),
            AbiItem::Down => Some(Connection::Down),
            _ => None,
        })
        .map(move |state| {
            state.unwrap_or_else(|error| {
                warn!(message = "A plugin's connection cannot be followed any more.", plugin = %id, %error);
                Connection::Down
            })
        })
        .boxed()
    }

    async fn close(&self) -> Result<()> {
        self.bounds.write("close", self.object.close()).await
    }
}
