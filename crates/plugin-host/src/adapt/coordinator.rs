//! The coordinator.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt, future, stream};
use mcpg_cluster::{Connection, ConnectionStream, Coordinator, Primitives, Result, Support};
use mcpg_plugin_abi::{AbiCoordinator, AbiItem, CoordinatorObject};
use tracing::warn;

use super::key_value::PluginKeyValue;
use super::lease::PluginLease;
use super::presence::PluginPresence;
use super::pubsub::PluginPubSub;
use super::stream::finite;
use super::watch::PluginWatch;
use crate::bounded::Bounds;
use crate::convert;

/// Adapts what a plugin opened; the error says what of it cannot be.
pub(crate) async fn coordinator(
    opened: AbiCoordinator,
    kind: String,
    bounds: &Bounds,
) -> Result<Arc<dyn Coordinator>, String> {
    if opened.kind.as_str() != kind {
        return Err(format!(
            "its manifest says kind {kind:?}, its coordinator {:?}",
            opened.kind.as_str()
        ));
    }
    let node = opened.node.into_string();
    if !(1..=255).contains(&node.len()) || node.contains(char::is_control) {
        return Err(format!("its node {node:?} is no name"));
    }
    let declared = Declared::read(opened.coordinator, bounds.clone()).await?;
    let primitives = Primitives {
        key_value: Arc::new(PluginKeyValue::new(opened.key_value, bounds)),
        pubsub: Arc::new(PluginPubSub::new(opened.pubsub, bounds)),
        lease: Arc::new(PluginLease::new(opened.lease, bounds)),
        watch: Arc::new(PluginWatch::new(opened.watch, bounds)),
        presence: Arc::new(PluginPresence::new(opened.presence, bounds)),
    };
    Ok(Arc::new(PluginCoordinator {
        declared: Arc::new(declared),
        kind,
        node,
        primitives,
    }))
}

fn plausible(support: Support) -> Result<Support, String> {
    let lived_with = support.min_ttl > Duration::ZERO
        && support.max_ttl.is_none_or(|longest| longest > support.min_ttl)
        && support.max_value_bytes > 0
        && support.max_message_bytes > 0;
    if !lived_with {
        return Err(format!(
            "it declares limits that nobody can live with: ttl {:?} to {:?}, values of {} and messages of {} bytes",
            support.min_ttl, support.max_ttl, support.max_value_bytes, support.max_message_bytes
        ));
    }
    let longest = support.max_ttl.unwrap_or(Duration::MAX);
    if !(support.min_ttl..=longest).contains(&support.lease_ttl) {
        return Err(format!(
            "it declares a lease ttl of {:?}, which is not from {:?} to {longest:?}",
            support.lease_ttl, support.min_ttl
        ));
    }
    Ok(support)
}

/// The plugin's object and what it declared last: a declaration is asked for with a deadline, and read without one.
struct Declared {
    object: CoordinatorObject,
    bounds: Bounds,
    support: Mutex<Support>,
}

impl Declared {
    async fn read(object: CoordinatorObject, bounds: Bounds) -> Result<Self, String> {
        let support = ask(&object, &bounds).await?;
        Ok(Self {
            object,
            bounds,
            support: Mutex::new(support),
        })
    }

    fn support(&self) -> Support {
        self.support
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Asks again; where there is no answer the last one stays.
    async fn renew(&self) {
        match ask(&self.object, &self.bounds).await {
            Ok(support) => *self.support.lock().unwrap_or_else(PoisonError::into_inner) = support,
            Err(error) => {
                warn!(message = "A plugin does not say what it supports; the last answer stays.", plugin = %self.bounds.id, %error);
            }
        }
    }
}

async fn ask(object: &CoordinatorObject, bounds: &Bounds) -> Result<Support, String> {
    let support = bounds.read("support", object.support()).await;
    let support = support.map_err(|error| error.to_string())?;
    plausible(convert::support(&support))
}

struct PluginCoordinator {
    declared: Arc<Declared>,
    kind: String,
    node: String,
    primitives: Primitives,
}

#[async_trait]
impl Coordinator for PluginCoordinator {
    fn kind(&self) -> &str {
        &self.kind
    }

    fn node(&self) -> &str {
        &self.node
    }

    fn support(&self) -> Support {
        self.declared.support()
    }

    fn primitives(&self) -> &Primitives {
        &self.primitives
    }

    fn connection(&self) -> ConnectionStream {
        let opening = states(Arc::clone(&self.declared));
        let renewing = Arc::clone(&self.declared);
        stream::once(opening)
            .flatten()
            .then(move |state| {
                let declared = Arc::clone(&renewing);
                async move {
                    // Whoever hears of a new connection must find what the server behind it guarantees.
                    if matches!(state, Connection::Up(_)) {
                        declared.renew().await;
                    }
                    state
                }
            })
            .boxed()
    }

    async fn close(&self) -> Result<()> {
        let Declared { object, bounds, .. } = &*self.declared;
        bounds.write("close", object.close()).await
    }
}

/// The plugin's own stream of states; one that cannot be had is a connection that is down.
async fn states(declared: Arc<Declared>) -> ConnectionStream {
    let bounds = declared.bounds.clone();
    let states = match bounds.read("connection", declared.object.connection()).await {
        Ok(states) => states,
        Err(error) => {
            warn!(message = "A plugin does not show its connection.", plugin = %bounds.id, %error);
            return stream::iter([Connection::Down]).boxed();
        }
    };
    let id = Arc::clone(&bounds.id);
    finite(states, "connection", bounds, |item| match item {
        AbiItem::Up(number) => Some(Connection::Up(number)),
        AbiItem::Down => Some(Connection::Down),
        _ => None,
    })
    .scan(false, move |ended, state| {
        let shown = (!*ended).then(|| {
            state.unwrap_or_else(|error| {
                warn!(message = "A plugin's connection cannot be followed any more.", plugin = %id, %error);
                *ended = true;
                Connection::Down
            })
        });
        future::ready(shown)
    })
    .boxed()
}
