//! A coordinator whose operations are counted, and that does nothing else than the one behind it.

mod operations;
mod primitives;

use std::sync::Arc;

use async_trait::async_trait;
use mcpg_cluster::{ConnectionStream, Coordinator, Primitives, Result, Support};

use self::operations::Operations;
use self::primitives::Counted;

/// Counts what goes to the coordinator behind it.
pub(crate) struct Metered {
    inner: Arc<dyn Coordinator>,
    primitives: Primitives,
}

impl Metered {
    /// Puts itself before a coordinator.
    pub(crate) fn new(inner: Arc<dyn Coordinator>) -> Self {
        let operations = Arc::new(Operations::new());
        let Primitives {
            key_value,
            pubsub,
            lease,
            watch,
            presence,
        } = inner.primitives().clone();
        let primitives = Primitives {
            key_value: Arc::new(Counted::new(key_value, &operations)),
            pubsub: Arc::new(Counted::new(pubsub, &operations)),
            lease: Arc::new(Counted::new(lease, &operations)),
            watch: Arc::new(Counted::new(watch, &operations)),
            presence: Arc::new(Counted::new(presence, &operations)),
        };
        Self { inner, primitives }
    }
}

#[async_trait]
impl Coordinator for Metered {
    fn kind(&self) -> &str {
        self.inner.kind()
    }

    fn node(&self) -> &str {
        self.inner.node()
    }

    fn support(&self) -> Support {
        self.inner.support()
    }

    fn primitives(&self) -> &Primitives {
        &self.primitives
    }

    fn connection(&self) -> ConnectionStream {
        self.inner.connection()
    }

    async fn close(&self) -> Result<()> {
        self.inner.close().await
    }
}

#[cfg(test)]
mod tests;
