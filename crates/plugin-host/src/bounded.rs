//! A deadline on every call, without a timer on the way of a call that is answered at once.

use std::sync::Arc;
use std::time::Duration;

use mcpg_cluster::{Error, ErrorKind, Result};
use mcpg_plugin_abi::Answer;

use crate::convert;
use crate::poller::{First, Poller};

/// How long a plugin may take.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// For validating, which connects to nothing.
    pub validate: Duration,
    /// For opening, which connects.
    pub open: Duration,
    /// For every other call.
    pub call: Duration,
    /// How many polls in a row must have been quick before the plugin is polled on the threads that call it.
    pub probation: u32,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            validate: Duration::from_secs(5),
            open: Duration::from_secs(30),
            call: Duration::from_secs(10),
            probation: 1000,
        }
    }
}

/// What all adapters of one coordinator know.
#[derive(Clone)]
pub(crate) struct Bounds {
    pub(crate) id: Arc<str>,
    pub(crate) call: Duration,
    pub(crate) poller: Poller,
}

impl Bounds {
    /// A call that changes nothing: without an answer it has surely had no effect.
    pub(crate) async fn read<T: Send + 'static>(&self, name: &'static str, answer: Answer<T>) -> Result<T> {
        self.bounded(ErrorKind::Unavailable, name, answer).await
    }

    /// A call that may have had its effect although there is no answer.
    pub(crate) async fn write<T: Send + 'static>(&self, name: &'static str, answer: Answer<T>) -> Result<T> {
        self.bounded(ErrorKind::Indeterminate, name, answer).await
    }

    async fn bounded<T>(&self, kind: ErrorKind, name: &'static str, mut answer: Answer<T>) -> Result<T>
    where
        T: Send + 'static,
    {
        // Most calls of a coordinator in memory are answered by the first poll; a timer would cost more than they do.
        let polled = match self.poller.first(&mut answer).await {
            First::Ready(Ok(answer)) => return convert::result(answer),
            First::Ready(Err(failure)) => return Err(self.failure(kind, name, failure)),
            First::Pending => true,
            First::Elsewhere => false,
        };
        let driven = tokio::time::timeout(self.call, self.poller.drive(answer, polled)).await;
        match driven.unwrap_or(Err(Failure::Late)) {
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
