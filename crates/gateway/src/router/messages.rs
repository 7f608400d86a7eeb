//! What a client sends besides requests: notifications, and answers to questions.

use std::sync::Arc;

use mcpg_capabilities::calls::Version;
use mcpg_capabilities::calls::{Answered, CallKey, Calls, CallsError, Cancelled, QuestionId};
use mcpg_capabilities::mailbox::Note;
use mcpg_capabilities::owner::BootId;
use mcpg_capabilities::sessions::SessionError;
use mcpg_mcp::id::RequestId;
use mcpg_mcp::object::Object;
use serde_json::value::RawValue;
use tokio::sync::oneshot;
use tracing::debug;

use super::core::Router;
use super::live::Control;
use super::sessions::recorded;
use super::start::SessionRef;
use crate::exchange::Answer;
use crate::observe::carried;

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
            "notifications/cancelled" => self.cancel(session, params).await,
            "notifications/roots/list_changed" => self.roots_changed(session).await,
            // Not even its name is told: it is text of the client's.
            _ => {
                debug!("Ignored a notification of a client that means nothing here.");
                Ok(())
            }
        }
    }

    /// Takes a client's answer to a question, wherever the call runs that asked. A late, doubled or foreign one has no
    /// effect.
    ///
    /// # Errors
    /// Why it could not be recorded: then the client must not be told that it was taken.
    pub(crate) async fn answer(
        &self,
        session: &SessionRef,
        question: &RequestId,
        answer: Answer,
    ) -> Result<(), SessionError> {
        let minted = question
            .as_str()
            .and_then(|text| QuestionId::verify(&self.heads.mac, &session.id, text));
        let Some(question) = minted else {
            return self.answer_outside(session, question, answer).await;
        };
        match self.heads.calls.answer(&question, answer.into()).await {
            Ok(Answered::Taken { owner, version } | Answered::Repeated { owner, version }) => {
                self.wake(owner, &question.call, version).await;
                Ok(())
            }
            Ok(Answered::Late | Answered::Unknown) => Ok(()),
            Err(error) => Err(calls_error(error)),
        }
    }

    /// `notifications/cancelled`. A call that runs here is told; one that does not is found, or its later opening
    /// stopped, through its head.
    async fn cancel(&self, session: &SessionRef, params: Option<&RawValue>) -> Result<(), SessionError> {
        let id = params
            .and_then(|params| Object::parse(params).ok())
            .and_then(|params| {
                params
                    .get("requestId")
                    .and_then(|id| RequestId::from_raw(id).ok())
            });
        let Some(id) = id else {
            return Ok(());
        };
        let Ok(key) = CallKey::new(&session.id, id.as_json()) else {
            return Ok(());
        };
        if let Some(call) = self.live.find(session.id.name(), &id) {
            let (taken, is_taken) = oneshot::channel();
            // One that has ended since, or is about to, is asked no more: its head decides.
            let _ = call.send(Control::Cancel(taken)).await;
            if !is_taken.await.unwrap_or(false) {
                return self.cancel_at_head(&self.heads.calls, &key).await;
            }
            return Ok(());
        }
        match &self.cancels {
            Some(calls) => self.cancel_at_head(calls, &key).await,
            None => Ok(()),
        }
    }

    /// Cancels a call through its head, wherever it runs.
    async fn cancel_at_head(&self, calls: &Calls, key: &CallKey) -> Result<(), SessionError> {
        match calls.cancel(key).await {
            Ok(Cancelled::Stopped { owner, version } | Cancelled::Already { owner, version }) => {
                self.wake(owner, key, version).await;
                Ok(())
            }
            Ok(Cancelled::MarkerLeft | Cancelled::Finished) => Ok(()),
            Err(error) => Err(calls_error(error)),
        }
    }

    /// Tells the owner of a call that its head was changed.
    pub(super) async fn wake(&self, owner: Option<BootId>, call: &CallKey, version: Version) {
        match owner {
            Some(owner) if owner == *self.heads.replica.boot() => self.look_at(call, Some(version)).await,
            Some(owner) => {
                let note = Note {
                    at: call.head(),
                    version,
                };
                // What was written stands; without a note the owner finds it at its own next step.
                if let Err(error) = self.mailbox.wake(&owner, &note).await {
                    debug!(message = "The owner of a call could not be woken.", %owner, %error);
                }
            }
            None => {}
        }
    }

    /// Lets every call that runs here look at its head.
    pub(super) fn look_at_all(&self) {
        for call in self.live.all() {
            // A full queue has a look in it, or belongs to a call that is ending.
            let _ = call.try_send(Control::Look(None));
        }
        self.streams.followers.look_all();
    }

    /// Lets a call that runs here, and whoever follows its stream here, look at its head.
    pub(super) async fn look_at(&self, call: &CallKey, version: Option<Version>) {
        self.streams.followers.look(call, version);
        let Ok(id) = RequestId::from_json(call.id()) else {
            return;
        };
        if let Some(call) = self.live.find(call.session(), &id) {
            // The call may have ended since.
            let _ = call.send(Control::Look(version)).await;
        }
    }

    /// Tells the upstream sessions of this client that its roots changed.
    async fn roots_changed(self: &Arc<Self>, session: &SessionRef) -> Result<(), SessionError> {
        // One that is remembered may lack what another replica opened.
        let record = if session.is_current {
            Arc::clone(&session.record)
        } else {
            self.sessions.current(&session.id).await?
        };
        for (at, (federation, _)) in self.members.iter().enumerate() {
            let Ok(Some(upstream_session)) = recorded(&record, &federation.name) else {
                continue;
            };
            let router = Arc::clone(self);
            self.tasks.spawn(carried(async move {
                let method = "notifications/roots/list_changed";
                router.notify_in(at, &upstream_session, method).await;
            }));
        }
        Ok(())
    }
}

fn calls_error(error: CallsError) -> SessionError {
    match error {
        CallsError::Unavailable(error) => SessionError::Unavailable(error),
        CallsError::Indeterminate(error) => SessionError::Indeterminate(error),
        other => SessionError::Broken(other.to_string()),
    }
}
