//! Watch in memory.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use mcpg_cluster::{Result, Watch, WatchEvent, WatchStream, check_length};

use crate::gate::Gate;
use crate::mailbox::{Mailbox, Reader, read};
use crate::memory::{Memory, Watcher};

pub(crate) struct MemoryWatch {
    memory: Arc<Memory>,
    gate: Arc<Gate>,
}

impl MemoryWatch {
    pub(crate) fn new(memory: &Arc<Memory>, gate: &Arc<Gate>) -> Self {
        Self {
            memory: Arc::clone(memory),
            gate: Arc::clone(gate),
        }
    }
}

#[async_trait]
impl Watch for MemoryWatch {
    async fn watch(&self, scope: &[u8], prefix: &[u8]) -> Result<WatchStream> {
        self.gate.check()?;
        check_length("scope", scope)?;
        check_length("prefix", prefix)?;
        let (snapshot, watcher) = self.memory.watch(scope, prefix);
        let watching = Watching {
            memory: Arc::clone(&self.memory),
            scope: Bytes::copy_from_slice(scope),
            watcher,
        };
        let first = stream::once(async { Ok(WatchEvent::Snapshot(snapshot)) });
        Ok(first.chain(read(watching, Arc::clone(&self.gate))).boxed())
    }
}

struct Watching {
    memory: Arc<Memory>,
    scope: Bytes,
    watcher: Arc<Watcher>,
}

impl Reader for Watching {
    type Event = WatchEvent;
    type Item = WatchEvent;

    fn mailbox(&self) -> &Mailbox<WatchEvent> {
        self.watcher.mailbox()
    }

    fn event(&self, event: WatchEvent) -> WatchEvent {
        event
    }

    fn overflow(&self) -> Result<WatchEvent> {
        let state = self.memory.resync(&self.scope, &self.watcher);
        Ok(WatchEvent::Resync(state))
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.memory.remove_watcher(&self.scope, &self.watcher);
    }
}
