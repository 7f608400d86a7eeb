//! A judge who says what it is told.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;

use crate::owner::{Judge, OwnerPair};

/// Knows who is dead because the test said so.
#[derive(Debug, Default)]
pub(crate) struct Verdicts {
    dead: Mutex<HashSet<OwnerPair>>,
}

impl Verdicts {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn kill(&self, owner: &OwnerPair) {
        self.dead.lock().insert(owner.clone());
    }
}

#[async_trait]
impl Judge for Verdicts {
    async fn is_dead(&self, owner: &OwnerPair) -> mcpg_cluster::Result<bool> {
        Ok(self.dead.lock().contains(owner))
    }
}
