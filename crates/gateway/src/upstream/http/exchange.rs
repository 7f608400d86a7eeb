//! One request and what is said around it, over HTTP.

use std::sync::Arc;

use bytes::Bytes;

use super::cancel::CancelGuard;
use super::client::HttpClient;
use super::{body, refusal};
use crate::upstream::conversation::{Answered, Conversation};
use crate::upstream::core::Upstream;
use crate::upstream::error::UpstreamError;
use crate::upstream::peer::Peer;
use crate::upstream::sending::Sending;

impl HttpClient {
    /// Sends a request and reads until it is answered. Dropping the future cancels what was asked for a client.
    pub(in crate::upstream) async fn exchange(
        self: &Arc<Self>,
        upstream: &Upstream,
        peer: Peer<'_>,
        sending: Sending<'_>,
    ) -> Answered {
        let mut headers = self.post_headers();
        peer.add_headers(&mut headers);
        peer.add_request_headers(
            &mut headers,
            sending.method,
            sending.name,
            sending.parameter_headers,
        );
        if let Some(caller) = sending.caller {
            caller.trace.add_to(&mut headers);
        }
        let cancel = sending
            .caller
            .map(|_| CancelGuard::new(upstream, self, peer, sending.id));
        let response = self.post(headers, sending.body).await;
        let result = match response {
            Ok(response) => {
                Conversation::new(upstream, peer, Some(sending.id), sending.caller)
                    .read(self, response)
                    .await
            }
            Err(error) => Err(error),
        };
        if let Some(cancel) = cancel {
            cancel.answered();
        }
        result
    }

    /// Posts a message that has no answer.
    pub(in crate::upstream) async fn post_message(
        &self,
        upstream: &Upstream,
        peer: Peer<'_>,
        message: Bytes,
    ) -> Result<(), UpstreamError> {
        let mut headers = self.post_headers();
        peer.add_headers(&mut headers);
        let response = self.post(headers, message).await?;
        if !response.status().is_success() {
            let limit = upstream.settings.max_response_bytes;
            return Err(refusal::read(response, peer, None, limit).await);
        }
        body::discard(response.into_body()).await;
        Ok(())
    }
}
