//! Watch.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use mcpg_cluster::{Watch, WatchEvent};
use mcpg_plugin_abi::{
    AbiItem, Answer, RSlice, RVec, StreamObject, TD_Opaque, WatchObject, WatchTrait, WatchTrait_TO,
};

use super::stream;
use crate::convert::named_entry;
use crate::guard::{Call, Held, future};

pub(super) fn object(watch: Arc<dyn Watch>) -> WatchObject {
    WatchTrait_TO::from_value(Bridge(Held::new(watch)), TD_Opaque)
}

struct Bridge(Held<Arc<dyn Watch>>);

impl WatchTrait for Bridge {
    fn watch(&self, scope: RSlice<'_, u8>, prefix: RSlice<'_, u8>) -> Answer<StreamObject> {
        let watch = Arc::clone(&self.0);
        let scope = Bytes::copy_from_slice(scope.as_slice());
        let prefix = Bytes::copy_from_slice(prefix.as_slice());
        future(Call::Read("watch"), async move {
            let events = watch.watch(&scope, &prefix).await?;
            Ok(stream::object(
                "watch",
                events.map(|event| event.map(item)).boxed(),
            ))
        })
    }
}

fn item(event: WatchEvent) -> AbiItem {
    match event {
        WatchEvent::Snapshot(entries) => AbiItem::Snapshot(entries.into_iter().map(named_entry).collect()),
        WatchEvent::Put(entry) => AbiItem::Put(named_entry(entry)),
        WatchEvent::Delete { name } => AbiItem::Delete(RVec::from(Vec::from(name))),
        WatchEvent::Resync(entries) => AbiItem::Resync(entries.into_iter().map(named_entry).collect()),
    }
}
