//! A call that was started: it runs wherever somebody waits for it, and by itself when nobody does.
//!
//! Most calls are done at once and have nothing to stream. They run inside the request that started them, which saves
//! the hand-over between two tasks. Whoever stops waiting - to stream, or because the client is gone - thereby makes
//! the call a task of its own.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::drive::Output;

pub(super) type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A call that was started.
pub(crate) struct Call {
    outputs: mpsc::Receiver<Output>,
    /// The call's driver, until it has ended or runs by itself.
    work: Option<Work>,
    calls: TaskTracker,
}

impl Call {
    pub(super) fn new(work: Work, outputs: mpsc::Receiver<Output>, calls: TaskTracker) -> Self {
        Self {
            outputs,
            work: Some(work),
            calls,
        }
    }

    /// Waits for what the call sends next and runs it meanwhile; `None` after its end.
    pub(crate) async fn next(&mut self) -> Option<Output> {
        std::future::poll_fn(|ctx| self.poll_next(ctx)).await
    }

    /// Polls for what the call sends next and runs it meanwhile.
    pub(crate) fn poll_next(&mut self, ctx: &mut Context<'_>) -> Poll<Option<Output>> {
        if let Poll::Ready(output) = self.outputs.poll_recv(ctx) {
            return Poll::Ready(output);
        }
        match self.work.as_mut().map(|work| work.as_mut().poll(ctx)) {
            Some(Poll::Ready(())) => self.work = None,
            Some(Poll::Pending) | None => {}
        }
        self.outputs.poll_recv(ctx)
    }

    /// Lets the call run by itself from now on.
    pub(crate) fn run_on(&mut self) {
        if let Some(work) = self.work.take() {
            self.calls.spawn(work);
        }
    }
}

impl Drop for Call {
    /// Nobody waits any more. What that means - a cancel, or nothing - is decided by the driver, which has to run to
    /// find out.
    fn drop(&mut self) {
        self.outputs.close();
        self.run_on();
    }
}

impl std::fmt::Debug for Call {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Call")
            .field("runs_alone", &self.work.is_none())
            .finish_non_exhaustive()
    }
}
