//! Streams. They have no deadline: silence is what most streams are made of.

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use mcpg_cluster::{Error, ErrorKind, Result};
use mcpg_plugin_abi::{AbiItem, ROption, StreamObject};

use crate::bounded::{Bounds, Failure};
use crate::convert;

/// Adapts a stream that ends after an error and never without one; `take` gives `None` for an item that does not belong
/// on it.
pub(super) fn items<T: Send + 'static>(
    object: StreamObject,
    name: &'static str,
    bounds: Bounds,
    take: fn(AbiItem) -> Option<T>,
) -> BoxStream<'static, Result<T>> {
    let ended = broken(name, &bounds, "the plugin ended the stream");
    let items = finite(object, name, bounds, take);
    stream::unfold(Some((items, ended)), |state| async {
        let (mut items, ended) = state?;
        Some(match items.next().await {
            Some(Ok(item)) => (Ok(item), Some((items, ended))),
            // After an error the plugin's stream is dropped, whatever the plugin would still have said.
            Some(Err(error)) => (Err(error), None),
            None => (Err(ended), None),
        })
    })
    .boxed()
}

/// Adapts a stream that may end.
pub(super) fn finite<T: Send + 'static>(
    object: StreamObject,
    name: &'static str,
    bounds: Bounds,
    take: fn(AbiItem) -> Option<T>,
) -> BoxStream<'static, Result<T>> {
    stream::unfold((object, bounds), move |(object, bounds)| async move {
        let item = match bounds.poller.drive(object.next(), false).await {
            Ok(ROption::RSome(item)) => convert::result(item),
            Ok(ROption::RNone) => return None,
            Err(Failure::Late | Failure::Panicked) => {
                Err(broken(name, &bounds, "the plugin panicked across its border"))
            }
        };
        let item = item.and_then(|item| {
            take(item).ok_or_else(|| bounds.garbage(name, "an item of another kind of stream"))
        });
        Some((item, (object, bounds)))
    })
    .boxed()
}

fn broken(name: &'static str, bounds: &Bounds, how: &str) -> Error {
    let error = Error::new(ErrorKind::Unavailable, how).with_context("plugin", &*bounds.id);
    error.with_context("stream", name)
}
