//! Where the records of client sessions are: in the coordinator, or pinned to this replica.

use std::sync::Arc;

use mcpg_capabilities::fleet::Fleet;
use mcpg_capabilities::incarnation::Incarnation;
use mcpg_capabilities::mac::MacKey;
use mcpg_cluster::{Coordinator as _, KeyValue, Result, Support, Survival};
use mcpg_config::app::{Configurations, Store};
use mcpg_file_store::{FileStore, LARGEST_VALUE_BYTES, MIN_TTL};
use mcpg_metrics::table::CAPABILITY_PINNED;
use mcpg_single_node::SingleNode;
use tracing::warn;

use crate::failure::Failure;
use crate::readiness::IsFailing;

/// A store that was opened before the fleet was joined: nobody has to hear of a replica that cannot start.
pub(crate) struct Opened {
    /// `None` is the coordinator.
    own: Option<Own>,
}

/// A store of this replica only.
struct Own {
    key_value: Arc<dyn KeyValue>,
    support: Support,
    /// The same, where it outlives this process and so has to keep the key for ids too.
    file: Option<Arc<FileStore>>,
}

/// What the directory of sessions needs of its store.
pub(crate) struct SessionStore {
    pub(crate) key_value: Arc<dyn KeyValue>,
    pub(crate) incarnation: Arc<Incarnation>,
    pub(crate) mac: MacKey,
    pub(crate) support: Support,
    /// Whether no other replica can look after what expires here.
    pub(crate) is_pinned: bool,
    pub(crate) is_failing: IsFailing,
}

/// Opens the store that the configuration names.
///
/// # Errors
/// When it cannot be used.
pub(crate) fn open(configurations: &Configurations, is_single_node: bool) -> Result<Opened, Failure> {
    if !is_single_node {
        for (capability, store) in configurations.pinned() {
            CAPABILITY_PINNED.set(&[capability, store], 1.0);
            warn!(
                message = "A capability is pinned to this replica: the others know nothing of its records.",
                capability, store
            );
        }
    }
    let own = match &configurations.sessions {
        Store::Cluster => None,
        Store::Memory => {
            let memory = SingleNode::new();
            Some(Own {
                key_value: Arc::clone(&memory.primitives().key_value),
                support: memory.support(),
                file: None,
            })
        }
        Store::File { dir } => {
            let store = FileStore::open(dir).map_err(|error| {
                Failure::boot(
                    &format!("mcp.configurations.sessions.store.dir: {error}"),
                    error.remedy(),
                )
            })?;
            let store = Arc::new(store);
            Some(Own {
                key_value: Arc::clone(&store) as _,
                support: of_file(),
                file: Some(store),
            })
        }
    };
    Ok(Opened { own })
}

impl Opened {
    /// Gets the store ready, with the fleet's own where it is the coordinator's. `mac` is the deployment's key.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn prepare(self, fleet: &Fleet, mac: &MacKey) -> Result<SessionStore> {
        let Some(own) = self.own else {
            return Ok(SessionStore {
                key_value: Arc::clone(&fleet.primitives().key_value),
                incarnation: Arc::clone(fleet.incarnation()),
                mac: mac.clone(),
                support: fleet.support().clone(),
                is_pinned: false,
                is_failing: Box::new(|| false),
            });
        };
        let incarnation = Incarnation::new(Arc::clone(&own.key_value));
        incarnation.compare().await?;
        Ok(SessionStore {
            mac: if own.file.is_some() {
                // The coordinator of a single node forgets its key, and ids would be worth nothing then.
                MacKey::load(&own.key_value).await?
            } else {
                mac.clone()
            },
            incarnation: Arc::new(incarnation),
            key_value: own.key_value,
            support: own.support,
            is_pinned: true,
            is_failing: match own.file {
                Some(file) => Box::new(move || file.is_failing()),
                None => Box::new(|| false),
            },
        })
    }
}

/// What a store in a folder guarantees.
fn of_file() -> Support {
    let mut support = SingleNode::new().support();
    support.acked_survives_crash = Survival::Yes;
    support.min_ttl = MIN_TTL;
    support.max_value_bytes = LARGEST_VALUE_BYTES;
    support
}
