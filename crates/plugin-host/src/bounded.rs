//! A deadline on every call, without a timer on the way of a call that is answered at once.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use mcpg_cluster::{Error, ErrorKind, Result};
use mcpg_plugin_abi::{Answer, FfiFuture};

use crate::convert;

/// How long a plugin may take.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// For validating, which connects to nothing.
    pub validate: Duration,
    /// For opening, which connects.
    pub open: Duration,
    /// For every other call.
    pub call: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            validate: Duration::from_secs(5),
            open: Duration::from_secs(30),
            call: Duration::from_secs(10),
        }
    }
}

/// What all adapters of one coordinator know.
#[derive(Clone)]
pub(crate) struct Bounds {
    pub(crate) id: Arc<str>,
    pub(crate) call: Duration,
}

impl Bounds {
    /// A call that changes nothing: without an answer it has surely had no effect.
    pub(crate) async fn read<T>(&self, name: &'static str, answer: Answer<T>) -> Result<T> {
        self.bounded(ErrorKind::Unavailable, name, answer).await
    }

    /// A call that may have had its effect although there is no answer.
    pub(crate) async fn write<T>(&self, name: &'static str, answer: Answer<T>) -> Result<T> {
        self.bounded(ErrorKind::Indeterminate, name, answer).await
    }

    async fn bounded<T>(&self, kind: ErrorKind, name: &'static str, answer: Answer<T>) -> Result<T> {
        match within(self.call, answer).await {
            Ok(answer) => convert::result(answer),
            Err(failure) => Err(self.failure(kind, name, failure)),
        }
    }

    fn failure(&self, kind: ErrorKind, name: &'static str, failure: Failure) -> Error {
        let error = match failure {
            Failure::Late => Error::new(kind, "the plugin did not answer in time")
                .with_context("deadline", format!("{:?}", self.call)),
            Failure::Panicked => Error::new(kind, "the plugin panicked across its border"),
        };
        error.with_context("plugin", &*self.id).with_context("call", name)
    }

    /// The error for an answer that the contract does not allow.
    pub(crate) fn garbage(&self, name: &'static str, what: impl Into<String>) -> Error {
        Error::new(
            ErrorKind::Internal,
            format!("the plugin does not keep the contract: {}", what.into()),
        )
        .with_context("plugin", &*self.id)
        .with_context("call", name)
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Failure {
    Late,
    Panicked,
}

/// Waits for an answer, but not longer than the deadline.
pub(crate) async fn within<T>(deadline: Duration, answer: FfiFuture<T>) -> Result<T, Failure> {
    let mut answer = pin!(answer);
    // Most calls of a coordinator in memory are answered by the first poll; a timer would cost more than they do.
    if let Poll::Ready(polled) = poll_fn(|context| Poll::Ready(poll(answer.as_mut(), context))).await {
        return polled;
    }
    let polled = poll_fn(|context| poll(answer.as_mut(), context));
    tokio::time::timeout(deadline, polled)
        .await
        .unwrap_or(Err(Failure::Late))
}

/// Polls once; the SDK catches every panic, a library without it may not.
pub(crate) fn poll<T>(
    answer: Pin<&mut FfiFuture<T>>,
    context: &mut std::task::Context<'_>,
) -> Poll<Result<T, Failure>> {
    match catch_unwind(AssertUnwindSafe(|| answer.poll(context))) {
        Ok(polled) => polled.map(Ok),
        Err(_) => Poll::Ready(Err(Failure::Panicked)),
    }
}
