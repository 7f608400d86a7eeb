//! The whole kit through the border.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use mcpg_cluster::{Coordinator, Result};
use mcpg_conformance::Backend;
use mcpg_plugin_host::Deadlines;
use serde_json::json;

use crate::libraries::fixture;

struct Deployment {
    number: u32,
    probation: u32,
}

impl Deployment {
    fn fresh(probation: u32) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { number, probation }
    }
}

#[async_trait]
impl Backend for Deployment {
    async fn open(&self) -> Result<Arc<dyn Coordinator>> {
        let config = json!({"deployment": format!("kit {}", self.number)});
        let deadlines = Deadlines {
            probation: self.probation,
            ..Deadlines::default()
        };
        Ok(fixture(deadlines).open(&config).await.unwrap())
    }
}

mod polled_by_its_callers {
    use super::Deployment;

    mcpg_conformance::conformance_tests!(Deployment::fresh(0));
}

mod polled_on_its_own_threads {
    use super::Deployment;

    mcpg_conformance::conformance_tests!(Deployment::fresh(u32::MAX));
}
