//! Tells a legacy upstream that nobody waits for an answer any more.

use std::sync::Arc;

use mcpg_mcp::id::RequestId;
use mcpg_mcp::write;
use serde_json::value::RawValue;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::body;
use super::client::HttpClient;
use crate::upstream::core::Upstream;
use crate::upstream::peer::Peer;

/// Dropped before [`CancelGuard::answered`], it sends `notifications/cancelled`, once and in the background.
///
/// The modern era needs no such message: there the end of the connection, which goes with the dropped future, is the
/// cancel.
pub(super) struct CancelGuard<'a> {
    upstream: &'a Upstream,
    http: &'a Arc<HttpClient>,
    peer: Peer<'a>,
    id: Option<&'a RequestId>,
}

impl<'a> CancelGuard<'a> {
    pub(super) fn new(
        upstream: &'a Upstream,
        http: &'a Arc<HttpClient>,
        peer: Peer<'a>,
        id: &'a RequestId,
    ) -> Self {
        let cancellable = matches!(peer, Peer::Legacy(_));
        Self {
            upstream,
            http,
            peer,
            id: cancellable.then_some(id),
        }
    }

    /// The exchange is over, there is nothing left to cancel.
    pub(super) fn answered(mut self) {
        self.id = None;
    }
}

impl Drop for CancelGuard<'_> {
    fn drop(&mut self) {
        let Some(id) = self.id else { return };
        // Without a runtime the whole process is on its way out.
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let params = RawValue::from_string(format!(r#"{{"requestId":{}}}"#, id.as_json()))
            .expect("the JSON of an id inside an object is JSON");
        let message = write::notification("notifications/cancelled", Some(&params));
        let http = Arc::clone(self.http);
        let mut headers = http.post_headers();
        self.peer.add_headers(&mut headers);
        let limit = self.upstream.settings.timing.request;
        self.upstream.tasks.spawn_on(
            async move {
                // An upstream that cannot be told has nothing left to cancel, or will find out by itself.
                let _ = timeout(limit, async {
                    if let Ok(response) = http.post(headers, message).await {
                        body::discard(response.into_body()).await;
                    }
                })
                .await;
            },
            &runtime,
        );
    }
}
