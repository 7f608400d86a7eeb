//! Writes on their way to the writer.

use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::Duration;

use mcpg_cluster::{Error, ErrorKind, Expect, Key, Result, Value, Version};
use tokio::sync::oneshot;

use crate::error::closed;

/// How many writes may wait.
pub(crate) const MOST_WAITING: usize = 1024;

/// A change of one entry.
pub(crate) enum Change {
    Put {
        value: Value,
        expect: Expect,
        ttl: Option<Duration>,
    },
    Delete {
        expect: Expect,
    },
    Touch {
        ttl: Duration,
        expect: Version,
    },
}

/// A change that somebody waits for.
pub(crate) struct Job {
    pub(crate) key: Key,
    pub(crate) change: Change,
    /// Gets the version of the entry afterwards; of one that was deleted it says nothing.
    pub(crate) reply: oneshot::Sender<Result<Version>>,
}

/// Hands a change to the writer and waits until it is on disk.
pub(crate) async fn write(jobs: &SyncSender<Job>, key: &Key, change: Change) -> Result<Version> {
    let (reply, answer) = oneshot::channel();
    let job = Job {
        key: key.clone(),
        change,
        reply,
    };
    jobs.try_send(job).map_err(|error| match error {
        TrySendError::Full(_) => Error::new(
            ErrorKind::Unavailable,
            format!("{MOST_WAITING} writes wait for the disk already"),
        ),
        TrySendError::Disconnected(_) => closed(),
    })?;
    answer.await.unwrap_or_else(|_| {
        // The writer has died over it.
        let message = "the file store could not confirm a write";
        Err(Error::new(ErrorKind::Indeterminate, message))
    })
}
