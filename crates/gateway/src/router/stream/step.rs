//! One change of a head, or one look at it, at a time.

use std::pin::Pin;
use std::sync::Arc;

use mcpg_capabilities::calls::{Appended, CallsError, Ended, Entry, Look, OpenCall, Refused, Version};
use mcpg_capabilities::owner::OwnerPair;

/// What is done with a head.
pub(super) enum Step {
    Append {
        after: u64,
        entries: Arc<[Entry]>,
        ends: bool,
    },
    Look(Option<Version>),
    Keep(OwnerPair),
    Cancel,
    /// Only to end it, where nothing can be appended.
    End,
}

/// Which sort of step it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Write,
    Look,
    Keep,
    Cancel,
    End,
}

/// How it went.
pub(super) enum Done {
    Appended(Appended),
    Seen(Look),
    Cancelled,
    Ended(Ended),
    Refused(Refused),
    Failed(CallsError),
}

pub(super) type Running = Pin<Box<dyn Future<Output = (Box<OpenCall>, Done)> + Send>>;

/// The head in the hands of the stream task.
pub(super) enum Hold {
    Idle(Box<OpenCall>),
    Busy(Running),
    /// Nothing is left to be done with it.
    Over,
}

impl Hold {
    /// Begins a step where none runs.
    pub(super) fn begin(&mut self, step: Step) {
        match std::mem::replace(self, Self::Over) {
            Self::Idle(call) => *self = Self::Busy(Box::pin(run(call, step))),
            other => *self = other,
        }
    }

    /// Waits until the running step is done.
    pub(super) async fn done(&mut self) -> Done {
        let Self::Busy(running) = self else {
            return std::future::pending().await;
        };
        let (call, done) = running.await;
        *self = Self::Idle(call);
        done
    }

    pub(super) fn is_idle(&self) -> bool {
        matches!(self, Self::Idle(_))
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self, Self::Over)
    }

    pub(super) fn idle(&self) -> Option<&OpenCall> {
        match self {
            Self::Idle(call) => Some(call),
            Self::Busy(_) | Self::Over => None,
        }
    }

    /// Lets go of the head.
    pub(super) fn take(&mut self) -> Option<Box<OpenCall>> {
        match std::mem::replace(self, Self::Over) {
            Self::Idle(call) => Some(call),
            Self::Busy(_) | Self::Over => None,
        }
    }
}

async fn run(mut call: Box<OpenCall>, step: Step) -> (Box<OpenCall>, Done) {
    let done = match step {
        Step::Append { after, entries, ends } => match call.append(after, &entries, ends).await {
            Ok(Ok(appended)) => Done::Appended(appended),
            Ok(Err(refused)) => Done::Refused(refused),
            Err(error) => Done::Failed(error),
        },
        Step::Look(at_least) => seen(call.look(at_least).await),
        Step::Keep(owner) => seen(call.keep_alive(&owner).await),
        Step::Cancel => match call.cancel().await {
            Ok(Ok(())) => Done::Cancelled,
            Ok(Err(refused)) => Done::Refused(refused),
            Err(error) => Done::Failed(error),
        },
        Step::End => match call.end().await {
            Ok(ended) => Done::Ended(ended),
            Err(error) => Done::Failed(error),
        },
    };
    (call, done)
}

fn seen(look: Result<Look, CallsError>) -> Done {
    match look {
        Ok(Look::Refused(refused)) => Done::Refused(refused),
        Ok(look) => Done::Seen(look),
        Err(error) => Done::Failed(error),
    }
}
