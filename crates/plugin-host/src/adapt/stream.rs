//! Streams. They have no deadline: silence is what most streams are made of.

use std::future::poll_fn;
use std::pin::pin;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use mcpg_cluster::{Error, ErrorKind, Result};
use mcpg_plugin_abi::{AbiItem, ROption, StreamObject};

use crate::bounded::{Bounds, Failure, poll};
use crate::convert;

/// Adapts a stream; `take` gives `None` for an item that does not belong on it.
pub(super) fn items<T: Send + 'static>(
    object: StreamObject,
    name: &'static str,
    bounds: Bounds,
    take: fn(AbiItem) -> Option<T>,
) -> BoxStream<'static, Result<T>> {
    stream::unfold(Some(object), move |object| {
        let bounds = bounds.clone();
        async move {
            let object = object?;
            let item = next(&object, name, &bounds).await?;
            let item = item.and_then(|item| {
                take(item).ok_or_else(|| bounds.garbage(name, "an item of another kind of stream"))
            });
            // After an error the plugin's stream is dropped, whatever the plugin would still have said.
            let object = item.is_ok().then_some(object);
            Some((item, object))
        }
    })
    .boxed()
}

async fn next(object: &StreamObject, name: &'static str, bounds: &Bounds) -> Option<Result<AbiItem>> {
    let mut answer = pin!(object.next());
    match poll_fn(|context| poll(answer.as_mut(), context)).await {
        Ok(ROption::RSome(item)) => Some(convert::result(item)),
        Ok(ROption::RNone) => None,
        Err(Failure::Late | Failure::Panicked) => {
            let error = Error::new(ErrorKind::Unavailable, "the plugin panicked across its border");
            let error = error.with_context("plugin", &*bounds.id);
            Some(Err(error.with_context("stream", name)))
        }
    }
}
