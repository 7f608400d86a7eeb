//! Ids that no other replica and no other boot of this one ever mints.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mcpg_mcp::id::RequestId;

/// Mints JSON-RPC ids and progress tokens of the form `<boot id>-<n>`.
///
/// Ids of clients are small numbers that collide; towards an upstream, and towards a client as the id of a
/// server request, only minted ids are used.
#[derive(Clone, Debug)]
pub(crate) struct Mint {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    boot_id: String,
    next: AtomicU64,
}

impl Mint {
    /// Creates a mint for the boot named `boot_id`, which must be unique over replicas and boots.
    pub(crate) fn new(boot_id: impl Into<String>) -> Self {
        Self {
            shared: Arc::new(Shared {
                boot_id: boot_id.into(),
                next: AtomicU64::new(1),
            }),
        }
    }

    /// Mints the next id as text.
    pub(crate) fn text(&self) -> String {
        let number = self.shared.next.fetch_add(1, Ordering::Relaxed);
        format!("{}-{number}", self.shared.boot_id)
    }

    /// Mints the next id as a JSON-RPC id.
    pub(crate) fn id(&self) -> RequestId {
        RequestId::from(self.text())
    }
}
