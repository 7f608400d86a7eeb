//! Every case of the kit as a test of its own, in paused time.

use std::sync::Arc;

use async_trait::async_trait;
use mcpg_cluster::{Coordinator, Result};
use mcpg_conformance::{Backend, conformance_tests};
use mcpg_single_node::SingleNode;

#[derive(Default)]
pub(crate) struct Memory(SingleNode);

#[async_trait]
impl Backend for Memory {
    async fn open(&self) -> Result<Arc<dyn Coordinator>> {
        Ok(Arc::new(self.0.another_replica()))
    }
}

pub(crate) fn run_in_paused_time(test: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build();
    runtime.unwrap().block_on(test);
}

conformance_tests!(Memory::default(), run_in_paused_time);
