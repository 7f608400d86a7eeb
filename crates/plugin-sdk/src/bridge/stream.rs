//! Streams, which end for good after an error or a panic.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use mcpg_cluster::Result;
use mcpg_plugin_abi::{
    AbiItem, AbiResult, FfiFuture, ROption, StreamObject, StreamTrait, StreamTrait_TO, TD_Opaque,
};
use tokio::sync::Mutex;

use crate::guard::{Call, Held, future};

type Items = BoxStream<'static, Result<AbiItem>>;

pub(super) fn object(name: &'static str, items: Items) -> StreamObject {
    let items = Held::new(Arc::new(Mutex::new(Some(items))));
    StreamTrait_TO::from_value(Bridge { name, items }, TD_Opaque)
}

struct Bridge {
    name: &'static str,
    items: Held<Arc<Mutex<Option<Items>>>>,
}

impl StreamTrait for Bridge {
    fn next(&self) -> FfiFuture<ROption<AbiResult<AbiItem>>> {
        let items = Arc::clone(&self.items);
        future(Call::Read(self.name), async move {
            let mut slot = items.lock().await;
            // Taken out while it is polled: after a panic it is gone and not polled again.
            let mut stream = slot.take()?;
            let item = stream.next().await;
            if matches!(item, Some(Ok(_))) {
                *slot = Some(stream);
            }
            item
        })
    }
}
