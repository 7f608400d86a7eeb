//! The kit: each case with a prefix of its own on one server.

use std::sync::Arc;

use async_trait::async_trait;
use mcpg_conformance::{Backend, conformance_tests};
use mcpg_plugin_sdk::cluster::{Coordinator, Result};

use crate::server::{Server, shared};

struct Deployment {
    server: Arc<Server>,
    prefix: String,
}

impl Deployment {
    fn fresh() -> Self {
        Self {
            server: shared(),
            prefix: Server::fresh_prefix(),
        }
    }
}

#[async_trait]
impl Backend for Deployment {
    async fn open(&self) -> Result<Arc<dyn Coordinator>> {
        self.server.open(&self.prefix).await
    }
}

conformance_tests!(Deployment::fresh());
