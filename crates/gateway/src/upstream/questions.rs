//! Answers what an upstream asks while it executes a call.

use std::pin::Pin;

use futures_util::StreamExt;
use futures_util::future::{AbortHandle, abortable};
use futures_util::stream::FuturesUnordered;
use mcpg_mcp::error::ErrorObject;
use mcpg_mcp::id::RequestId;
use mcpg_mcp::write;
use serde_json::value::RawValue;
use tracing::debug;

use super::core::Upstream;
use super::peer::Peer;
use crate::exchange::Caller;

/// More open questions than this in one call are refused at once, and more than twice as many are not even answered.
const MAX_OPEN: usize = 64;

type Work<'a> = Pin<Box<dyn Future<Output = RequestId> + Send + 'a>>;

/// The open questions of one call. They make progress whenever the call waits for something else.
#[derive(Default)]
pub(super) struct Questions<'a> {
    work: FuturesUnordered<Work<'a>>,
    open: Vec<(RequestId, AbortHandle)>,
}

/// A request of the upstream.
pub(super) struct Asked {
    pub(super) id: RequestId,
    pub(super) method: String,
    pub(super) params: Option<Box<RawValue>>,
}

impl<'a> Questions<'a> {
    /// Begins to answer.
    pub(super) fn take(
        &mut self,
        upstream: &'a Upstream,
        peer: Peer<'a>,
        caller: Option<&'a Caller>,
        asked: Asked,
    ) {
        let open = self.open.len();
        if open >= 2 * MAX_OPEN {
            debug!(
                message = "An upstream asks too much.",
                upstream = upstream.name(),
                open
            );
            return;
        }
        let id = asked.id.clone();
        let (work, handle) = abortable(answer(upstream, peer, caller, asked, open < MAX_OPEN));
        self.open.push((id.clone(), handle));
        self.work.push(Box::pin(async move {
            // Aborted means that the upstream no longer wants to know.
            let _ = work.await;
            id
        }));
    }

    /// The upstream takes a question back.
    pub(super) fn withdraw(&mut self, params: Option<&RawValue>) {
        let object = params.and_then(|params| mcpg_mcp::Object::parse(params).ok());
        let id = object.as_ref().and_then(|object| object.get("requestId"));
        let Some(id) = id.and_then(|id| RequestId::from_raw(id).ok()) else {
            return;
        };
        if let Some((_, handle)) = self.open.iter().find(|(open, _)| *open == id) {
            handle.abort();
        }
    }

    /// Waits for something else, and answers questions meanwhile.
    pub(super) async fn during<T>(&mut self, wait: impl Future<Output = T>) -> T {
        let mut wait = std::pin::pin!(wait);
        loop {
            tokio::select! {
                biased;
                value = &mut wait => return value,
                Some(id) = self.work.next(), if !self.work.is_empty() => {
                    self.open.retain(|(open, _)| *open != id);
                }
            }
        }
    }
}

async fn answer(
    upstream: &Upstream,
    peer: Peer<'_>,
    caller: Option<&Caller>,
    asked: Asked,
    is_welcome: bool,
) {
    let Asked { id, method, params } = asked;
    let message = match (method.as_str(), caller) {
        ("ping", _) => write::result(&id, &empty()),
        _ if !is_welcome => write::error(Some(&id), &ErrorObject::overloaded("too many open questions")),
        ("elicitation/create" | "sampling/createMessage" | "roots/list", Some(caller)) => {
            match caller.events.ask(method.as_str(), params).await {
                Ok(Ok(result)) => write::result(&id, &result),
                Ok(Err(error)) => write::raw_error(&id, &error),
                Err(_) => write::error(
                    Some(&id),
                    &ErrorObject::internal_with_reason("no_client", "the client cannot be asked"),
                ),
            }
        }
        _ => write::error(Some(&id), &ErrorObject::method_not_found(&method)),
    };
    if let Err(error) = upstream.post_message(peer, message).await {
        debug!(message = "An upstream did not take an answer.", upstream = upstream.name(), method, %error);
    }
}

fn empty() -> Box<RawValue> {
    RawValue::from_string("{}".to_owned()).expect("an empty object is JSON")
}
