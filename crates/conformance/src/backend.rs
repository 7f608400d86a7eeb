//! What the kit asks of an implementer.

use std::sync::Arc;

use async_trait::async_trait;
use mcpg_cluster::{Coordinator, Result};

/// One deployment on a backend that the kit has for itself.
///
/// Each case gets a backend of its own, built by the expression that is given to
/// [`conformance_tests!`](crate::conformance_tests); on a shared server that is a fresh prefix. Nothing is in it at first.
#[async_trait]
pub trait Backend: Send + Sync {
    /// Opens a coordinator; each call is another replica of the same deployment.
    async fn open(&self) -> Result<Arc<dyn Coordinator>>;
}
