//! Where the records of each capability are: in the coordinator, or pinned to this replica.

use std::path::Path;
use std::sync::Arc;

use mcpg_capabilities::fleet::Fleet;
use mcpg_capabilities::incarnation::Incarnation;
use mcpg_capabilities::inherit::{Bus, Inherited, Overrides, Records};
use mcpg_capabilities::mac::MacKey;
use mcpg_cluster::{Coordinator, Result, Support, Survival};
use mcpg_config::app::{self, Configurations, Store};
use mcpg_file_store::{FileStore, LARGEST_VALUE_BYTES, MIN_TTL};
use mcpg_metrics::table::CAPABILITY_PINNED;
use mcpg_single_node::SingleNode;
use tracing::warn;

use crate::failure::Failure;
use crate::readiness::IsFailing;

/// The stores of this replica alone, opened before the fleet was joined: nobody has to hear of a replica that cannot
/// start.
pub(crate) struct Opened {
    overrides: Overrides,
    /// The folders among them.
    sessions: Option<Arc<FileStore>>,
    subscriptions: Option<Arc<FileStore>>,
}

/// What the directory of sessions needs besides its records.
pub(crate) struct SessionStore {
    pub(crate) records: Records,
    pub(crate) incarnation: Arc<Incarnation>,
    pub(crate) mac: MacKey,
}

/// Opens the stores that the configuration names.
///
/// # Errors
/// When one cannot be used.
pub(crate) fn open(configurations: &Configurations, is_single_node: bool) -> Result<Opened, Failure> {
    if !is_single_node {
        warn_of_pins(configurations);
    }
    // One memory is enough: no two capabilities use the same keys.
    let memory = SingleNode::new();
    let memory = Bus::of_this_process(&memory);
    let mut opened = Opened {
        overrides: Overrides {
            is_cancellation_local: configurations.cancellation == app::Bus::Memory,
            ..Overrides::default()
        },
        sessions: None,
        subscriptions: None,
    };
    (opened.overrides.sessions, opened.sessions) = own("sessions", &configurations.sessions, &memory)?;
    (opened.overrides.subscriptions, opened.subscriptions) =
        own("subscriptions", &configurations.subscriptions.store, &memory)?;
    if configurations.delivery.bus == app::Bus::Memory {
        opened.overrides.delivery = Some(memory);
    }
    Ok(opened)
}

/// The records of a capability that are not the coordinator's, and their folder if they have one.
fn own(
    capability: &str,
    store: &Store,
    memory: &Bus,
) -> Result<(Option<Records>, Option<Arc<FileStore>>), Failure> {
    Ok(match store {
        Store::Cluster => (None, None),
        Store::Memory => (Some(memory.records.clone()), None),
        Store::File { dir } => {
            let file = Arc::new(folder(capability, dir)?);
            let records = Records {
                key_value: Arc::clone(&file) as _,
                support: of_file(),
                is_shared: false,
            };
            (Some(records), Some(file))
        }
    })
}

fn folder(capability: &str, dir: &Path) -> Result<FileStore, Failure> {
    FileStore::open(dir).map_err(|error| {
        Failure::boot(
            &format!("mcp.configurations.{capability}.store.dir: {error}"),
            error.remedy(),
        )
    })
}

fn warn_of_pins(configurations: &Configurations) {
    for (capability, store) in configurations.pinned() {
        CAPABILITY_PINNED.set(&[capability, store], 1.0);
        warn!(
            message = "A capability is pinned to this replica: the others know nothing of its records.",
            capability, store
        );
    }
}

impl Opened {
    /// What each capability stands on.
    pub(crate) fn inherit(&self, coordinator: &dyn Coordinator) -> Inherited {
        Inherited::new(coordinator, self.overrides.clone())
    }

    /// Gets the store of the sessions ready, with the fleet's own where it is the coordinator's. `mac` is the
    /// deployment's key.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn prepare(
        &self,
        records: Records,
        fleet: &Fleet,
        mac: &MacKey,
    ) -> Result<SessionStore> {
        if records.is_shared {
            return Ok(SessionStore {
                records,
                incarnation: Arc::clone(fleet.incarnation()),
                mac: mac.clone(),
            });
        }
        let incarnation = Incarnation::new(Arc::clone(&records.key_value));
        incarnation.compare().await?;
        Ok(SessionStore {
            mac: if self.sessions.is_some() {
                // The coordinator of a single node forgets its key, and ids would be worth nothing then.
                MacKey::load(&records.key_value).await?
            } else {
                mac.clone()
            },
            incarnation: Arc::new(incarnation),
            records,
        })
    }

    /// Says from now on whether a folder takes no writes.
    pub(crate) fn is_failing(&self) -> IsFailing {
        let folders: Vec<_> = [&self.sessions, &self.subscriptions]
            .into_iter()
            .flatten()
            .cloned()
            .collect();
        Box::new(move || folders.iter().any(|folder| folder.is_failing()))
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
