//! Opens and closes sessions over HTTP.

use std::sync::Arc;
use std::time::Duration;

use mcpg_mcp::headers::{SESSION_ID, is_session_id};
use mcpg_mcp::version::ProtocolVersion;
use tokio::time::timeout;
use tracing::debug;

use super::body;
use super::client::HttpClient;
use crate::upstream::conversation::{Answered, Conversation};
use crate::upstream::core::Upstream;
use crate::upstream::error::UpstreamError;
use crate::upstream::peer::Peer;
use crate::upstream::sending::Sending;
use crate::upstream::session::Session;

impl HttpClient {
    /// Sends `initialize`. The session is put into `session` as soon as the upstream has given its id, which is before
    /// it has answered to the end.
    pub(in crate::upstream) async fn greet(
        &self,
        upstream: &Upstream,
        version: ProtocolVersion,
        sending: Sending<'_>,
        session: &mut Option<Session>,
    ) -> Answered {
        let peer = Peer::Opening;
        let response = self.post(self.post_headers(), sending.body).await?;
        let given = response
            .headers()
            .get(SESSION_ID)
            .map(|id| id.to_str().unwrap_or_default().to_owned());
        if given.as_deref().is_some_and(|id| !is_session_id(id)) {
            return Err(UpstreamError::protocol(
                "the session id has characters that are not allowed",
            ));
        }
        *session = given.map(|id| Session::new(Some(id), version));
        Conversation::new(upstream, peer, Some(sending.id), None)
            .read(self, response)
            .await
    }

    /// Closes a session, without holding on to the upstream; `false` when it gave no answer.
    pub(in crate::upstream) fn deletion(
        self: &Arc<Self>,
        upstream: &str,
        session: Session,
        limit: Duration,
    ) -> impl Future<Output = bool> + Send + use<> {
        let (http, name) = (Arc::clone(self), upstream.to_owned());
        async move {
            let mut headers = http.get_headers();
            Peer::Legacy(&session).add_headers(&mut headers);
            let deleted = timeout(limit, async {
                body::discard(http.delete(headers).await?.into_body()).await;
                Ok::<_, UpstreamError>(())
            });
            match deleted.await {
                Ok(Ok(())) => true,
                Ok(Err(error)) => {
                    debug!(message = "A session could not be closed.", upstream = name, %error);
                    false
                }
                Err(_) => {
                    debug!(
                        message = "A session could not be closed in time.",
                        upstream = name
                    );
                    false
                }
            }
        }
    }
}
