//! Watch.

use async_trait::async_trait;
use mcpg_cluster::{Result, Watch, WatchEvent, WatchStream};
use mcpg_plugin_abi::{AbiItem, WatchObject};

use super::stream::items;
use crate::bounded::Bounds;
use crate::convert::{bytes, named_entry, slice};

pub(super) struct PluginWatch {
    object: WatchObject,
    bounds: Bounds,
}

impl PluginWatch {
    pub(super) fn new(object: WatchObject, bounds: &Bounds) -> Self {
        let bounds = bounds.clone();
        Self { object, bounds }
    }
}

#[async_trait]
impl Watch for PluginWatch {
    async fn watch(&self, scope: &[u8], prefix: &[u8]) -> Result<WatchStream> {
        let answer = self.object.watch(slice(scope), slice(prefix));
        let stream = self.bounds.read("watch", answer).await?;
        Ok(items(stream, "watch", self.bounds.clone(), event))
    }
}

fn event(item: AbiItem) -> Option<WatchEvent> {
    Some(match item {
        AbiItem::Snapshot(entries) => WatchEvent::Snapshot(entries.into_iter().map(named_entry).collect()),
        AbiItem::Put(entry) => WatchEvent::Put(named_entry(entry)),
        AbiItem::Delete(name) => WatchEvent::Delete { name: bytes(name) },
        AbiItem::Resync(entries) => WatchEvent::Resync(entries.into_iter().map(named_entry).collect()),
        _ => return None,
    })
}
