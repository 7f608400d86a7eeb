//! The whole kit through the border.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use mcpg_cluster::{Coordinator, Result};
use mcpg_conformance::{Backend, conformance_tests};
use mcpg_plugin_host::Deadlines;
use serde_json::json;

use crate::libraries::fixture;

struct Deployment(u32);

impl Deployment {
    fn fresh() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

#[async_trait]
impl Backend for Deployment {
    async fn open(&self) -> Result<Arc<dyn Coordinator>> {
        let config = json!({"deployment": format!("kit {}", self.0)});
        Ok(fixture(Deadlines::default()).open(&config).await.unwrap())
    }
}

conformance_tests!(Deployment::fresh());
