//! The calls that run for the pipe.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use mcpg_mcp::error::ErrorObject;
use mcpg_mcp::id::RequestId;
use mcpg_mcp::write;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::output::Output;
use crate::router::{Call, Output as Said};

/// How many calls of one client run at once; more are refused. Nothing else bounds a client that never waits.
const MOST: usize = 1024;

/// The calls that run for the pipe.
#[derive(Clone, Debug, Default)]
pub(super) struct RunningCalls {
    tasks: TaskTracker,
    /// How modern calls are cancelled. Legacy ones are found by their session.
    modern: Arc<Mutex<HashMap<RequestId, CancellationToken>>>,
}

impl RunningCalls {
    /// Why no further call may start, if so.
    pub(super) fn refuse(&self, id: &RequestId, is_modern: bool) -> Option<ErrorObject> {
        if self.tasks.len() >= MOST {
            return Some(ErrorObject::overloaded(format!("{MOST} requests are running")));
        }
        let in_use = is_modern && self.modern.lock().contains_key(id);
        in_use.then(|| ErrorObject::invalid_request(format!("id {id} is still in use by a running request")))
    }

    /// Runs a legacy call and says what it says.
    pub(super) fn run(&self, id: RequestId, mut call: Call, output: &Output) {
        let output = output.clone();
        self.tasks.spawn(async move {
            if let Some(answer) = follow(&id, &mut call, &output).await {
                output.say(answer).await;
            }
        });
    }

    /// Runs a modern call, which [`cancel`](Self::cancel) ends.
    pub(super) fn run_modern(&self, id: RequestId, mut call: Call, output: &Output) {
        let (modern, output) = (Arc::clone(&self.modern), output.clone());
        let cancelled = CancellationToken::new();
        modern.lock().insert(id.clone(), cancelled.clone());
        self.tasks.spawn(async move {
            // Letting go of the call is the cancel.
            let answer = cancelled
                .run_until_cancelled(follow(&id, &mut call, &output))
                .await;
            drop(call);
            modern.lock().remove(&id);
            if let Some(Some(answer)) = answer {
                output.say(answer).await;
            }
        });
    }

    /// Cancels the modern call with this id; `false` when there is none.
    pub(super) fn cancel(&self, id: &RequestId) -> bool {
        let running = self.modern.lock();
        let found = running.get(id);
        if let Some(call) = found {
            call.cancel();
        }
        found.is_some()
    }

    /// Runs a task that counts as a call.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Waits until none runs.
    pub(super) async fn ended(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Passes on what a call says until its end; `Some` is its answer.
pub(super) async fn follow(id: &RequestId, call: &mut Call, output: &Output) -> Option<Bytes> {
    loop {
        match call.next().await {
            // Frames are for clients that come back, which this one cannot.
            Some(Said::Stream | Said::Frames(_)) => {}
            Some(Said::Event(message)) => output.say(message).await,
            Some(Said::Answer(answer)) => return Some(answer.message),
            // Whoever cancels wants no answer, and a closed session has nobody to hear one.
            Some(Said::Cancelled | Said::SessionClosed) => return None,
            None => {
                let why = ErrorObject::internal("the call ended without an answer");
                return Some(write::error(Some(id), &why));
            }
        }
    }
}
