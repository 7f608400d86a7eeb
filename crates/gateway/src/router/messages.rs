//! What a client sends besides requests: notifications, and answers to questions.

use std::sync::Arc;

use mcpg_capabilities::sessions::SessionError;
use mcpg_mcp::id::RequestId;
use mcpg_mcp::object::Object;
use serde_json::value::RawValue;
use tracing::debug;

use super::core::Router;
use super::live::Control;
use super::sessions::recorded;
use super::start::SessionRef;
use crate::exchange::Answer;
use crate::upstream::Via;

impl Router {
    /// Takes a notification of a client. What is unknown or too late has no effect, as JSON-RPC demands.
    ///
    /// # Errors
    /// Why a change of the session could not be recorded: then the client must not be told that it was.
    pub(crate) async fn notification(
        self: &Arc<Self>,
        session: &SessionRef,
        method: &str,
        params: Option<&RawValue>,
    ) -> Result<(), SessionError> {
        match method {
            "notifications/initialized" => {
                let changed = self.sessions.change(&session.id, |record| {
                    !std::mem::replace(&mut record.initialized, true)
                });
                changed.await.map(|_| ())
            }
            "notifications/cancelled" => {
                self.cancel(session, params).await;
                Ok(())
            }
            "notifications/roots/list_changed" => {
                self.roots_changed(session);
                Ok(())
            }
            other => {
                debug!(message = "Ignored a notification of a client.", method = other);
                Ok(())
            }
        }
    }

    /// Takes a client's answer to a question. A late, doubled or foreign one has no effect.
    pub(crate) async fn answer(&self, session: &SessionRef, question: &RequestId, answer: Answer) {
        if let Some(call) = self.live.take_question(&session.id, question) {
            // The call may have ended since; then nobody needs the answer.
            let _ = call.send(Control::Answer(question.clone(), answer)).await;
        }
    }

    async fn cancel(&self, session: &SessionRef, params: Option<&RawValue>) {
        let id = params
            .and_then(|params| Object::parse(params).ok())
            .and_then(|params| {
                params
                    .get("requestId")
                    .and_then(|id| RequestId::from_raw(id).ok())
            });
        if let Some(call) = id.and_then(|id| self.live.find(&session.id, &id)) {
            // The call may have ended since; then there is nothing to cancel.
            let _ = call.send(Control::Cancel).await;
        }
    }

    /// Tells the upstream sessions of this client that its roots changed.
    fn roots_changed(self: &Arc<Self>, session: &SessionRef) {
        for (federation, upstream) in &self.members {
            let Ok(Some(upstream_session)) = recorded(&session.record, &federation.name) else {
                continue;
            };
            let (upstream, name) = (Arc::clone(upstream), federation.name.clone());
            self.tasks.spawn(async move {
                let via = Via::Session(&upstream_session);
                if let Err(error) = upstream
                    .notify(via, "notifications/roots/list_changed", None)
                    .await
                {
                    debug!(message = "An upstream did not take a notification.", upstream = name, %error);
                }
            });
        }
    }
}
