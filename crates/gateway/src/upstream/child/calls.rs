//! One child, as those see it who want something of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use mcpg_mcp::id::RequestId;
use mcpg_mcp::write;
use parking_lot::Mutex;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::program::Program;
use super::routes::{End, Hearing, Routes};
use super::writer::Write;
use crate::upstream::conversation::{Answered, Conversation};
use crate::upstream::core::Upstream;
use crate::upstream::error::UpstreamError;
use crate::upstream::peer::Peer;
use crate::upstream::sending::Sending;
use crate::upstream::session::For;
use crate::upstream::signals::Signals;

/// One child process.
pub(super) struct Child {
    /// Its name, which no other process of any replica ever has.
    pub(super) id: String,
    pub(super) whom: For,
    pub(super) program: Arc<Program>,
    pub(super) signals: Arc<Signals>,
    /// The largest message that is read.
    pub(super) limit: usize,
    pub(super) routes: Routes,
    /// Where messages to it go; gone as soon as its standard input is to be closed.
    pub(super) writes: Mutex<Option<mpsc::Sender<Write>>>,
    /// Asks it to end.
    pub(super) stop: CancellationToken,
    /// Nothing is left of it.
    pub(super) ended: CancellationToken,
}

/// An exchange on a child; dropped before its end, it tells the child that nobody waits any more.
struct Exchange<'a> {
    child: &'a Child,
    id: &'a RequestId,
    /// Whether the child is to be told.
    is_call: bool,
    /// Whether the request is on its way.
    is_sent: bool,
}

impl Child {
    pub(super) fn upstream(&self) -> &str {
        &self.program.upstream
    }

    pub(super) fn writes(&self) -> Option<mpsc::Sender<Write>> {
        self.writes.lock().clone()
    }

    /// Sends a request and converses until it is answered. Dropping the future cancels what was asked for a client.
    ///
    /// # Errors
    /// `NotSent` when the child surely has not seen it, `Lost` when it ended over it.
    pub(super) async fn exchange(
        &self,
        upstream: &Upstream,
        peer: Peer<'_>,
        sending: Sending<'_>,
    ) -> Answered {
        let hearing = self
            .routes
            .open(sending.id.as_json(), sending.caller.is_some())
            .map_err(UpstreamError::not_sent)?;
        let mut exchange = Exchange {
            child: self,
            id: sending.id,
            is_call: sending.caller.is_some(),
            is_sent: false,
        };
        let begun = Arc::new(AtomicBool::new(false));
        self.send(sending.body, Some(Arc::clone(&begun))).await?;
        exchange.is_sent = true;
        let conversation = Conversation::new(upstream, peer, Some(sending.id), sending.caller);
        let answered = converse(conversation, hearing, &begun).await;
        exchange.is_sent = false;
        answered
    }

    /// Gives a message to the writer, and waits while too many are before it.
    pub(super) async fn send(
        &self,
        message: Bytes,
        begun: Option<Arc<AtomicBool>>,
    ) -> Result<(), UpstreamError> {
        let sent = match self.writes() {
            Some(writes) => tokio::select! {
                sent = writes.send(Write { message, begun }) => sent.is_ok(),
                () = self.ended.cancelled() => false,
            },
            None => false,
        };
        if sent {
            return Ok(());
        }
        let cause = self.routes.cause();
        Err(UpstreamError::not_sent(
            cause.unwrap_or_else(|| "it reads no more".to_owned()),
        ))
    }
}

async fn converse(mut conversation: Conversation<'_>, mut hearing: Hearing, begun: &AtomicBool) -> Answered {
    loop {
        let heard = async {
            tokio::select! {
                // What was said before the answer comes before the answer.
                biased;
                Some(message) = hearing.messages.recv() => Ok(message),
                end = &mut hearing.end => Err(end),
            }
        };
        let answer = match conversation.questions.during(heard).await {
            Ok(message) => message,
            Err(Ok(End::Answer(answer))) => answer,
            Err(Ok(End::TooLarge)) => {
                let limit = conversation.upstream.settings.max_response_bytes;
                return Err(UpstreamError::TooLarge { limit });
            }
            Err(Ok(End::Gone(cause))) if !begun.load(Ordering::Acquire) => {
                return Err(UpstreamError::not_sent(cause));
            }
            Err(Ok(End::Gone(cause))) => return Err(UpstreamError::lost(cause)),
            Err(Err(_)) => return Err(UpstreamError::lost("its process has ended")),
        };
        if let Some(answered) = conversation.hear(&answer).await? {
            return answered;
        }
    }
}

impl Drop for Exchange<'_> {
    fn drop(&mut self) {
        self.child.routes.leave(self.id.as_json());
        if !(self.is_sent && self.is_call) {
            return;
        }
        let params = RawValue::from_string(format!(r#"{{"requestId":{}}}"#, self.id.as_json()))
            .expect("the JSON of an id inside an object is JSON");
        let message = write::notification("notifications/cancelled", Some(&params));
        let write = Write { message, begun: None };
        // A child whose queue is full does not read, and has nothing better to do with a cancel.
        if let Some(writes) = self.child.writes() {
            let _ = writes.try_send(write);
        }
    }
}
