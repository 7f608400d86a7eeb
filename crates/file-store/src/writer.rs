//! The thread that writes. Changes that wait together become one transaction, so that they share one wait for the disk.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use mcpg_cluster::{Error, Result, Version};
use redb::WriteTransaction;
use tokio::sync::oneshot;
use tracing::{debug, error};

use crate::error::{unavailable, undecided};
use crate::jobs::Job;
use crate::shared::Shared;
use crate::tables::Tables;

/// The most changes of one transaction.
const BATCH: usize = 256;

/// How often it is looked for what has expired.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// The most entries that one sweep removes: writes must not wait long for it.
const SWEPT_AT_ONCE: usize = 1000;

type Replies = Vec<(oneshot::Sender<Result<Version>>, Result<Version>)>;

/// Writes until nobody can send any more.
pub(crate) fn run(shared: &Arc<Shared>, jobs: &Receiver<Job>) {
    let mut swept = Instant::now();
    loop {
        match jobs.recv_timeout(SWEEP_EVERY) {
            Ok(first) => {
                let mut batch = vec![first];
                batch.extend(jobs.try_iter().take(BATCH - 1));
                write(shared, batch);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        // Also while there is always something to write.
        if swept.elapsed() >= SWEEP_EVERY {
            if let Err(error) = sweep(shared) {
                debug!(message = "Expired records could not be removed.", %error);
            }
            swept = Instant::now();
        }
    }
}

/// Applies all changes of a batch, makes them final together, and answers.
fn write(shared: &Shared, batch: Vec<Job>) {
    let mut replies = Replies::new();
    let outcome = apply_all(shared, batch, &mut replies);
    shared.is_failing.store(outcome.is_err(), Ordering::Relaxed);
    for (reply, result) in replies {
        // Whoever has stopped waiting has its write all the same.
        let _ = reply.send(match &outcome {
            Ok(()) => result,
            Err(failed) => Err(failed.again()),
        });
    }
}

/// Why a whole batch failed.
enum Failed {
    /// Nothing of it was written.
    Before(redb::Error),
    /// All or nothing of it was written.
    AtTheEnd(redb::Error),
}

impl Failed {
    /// The error for one of those who wait.
    fn again(&self) -> Error {
        match self {
            Self::Before(source) => unavailable(copied(source)),
            Self::AtTheEnd(source) => undecided(copied(source)),
        }
    }
}

fn copied(error: &redb::Error) -> redb::Error {
    redb::Error::Io(std::io::Error::other(error.to_string()))
}

fn apply_all(shared: &Shared, batch: Vec<Job>, replies: &mut Replies) -> Result<(), Failed> {
    let before = |error: redb::Error| Failed::Before(error);
    let mut batch = batch.into_iter();
    let applied = begin(shared).and_then(|transaction| {
        let mut tables = Tables::open(&transaction)?;
        for job in batch.by_ref() {
            // What is refused has changed nothing, and the others go on.
            match tables.apply(&shared.clock, &job) {
                Ok(result) => replies.push((job.reply, result)),
                Err(error) => {
                    replies.push((job.reply, Ok(Version::new(0))));
                    return Err(error);
                }
            }
        }
        tables.keep_version()?;
        drop(tables);
        Ok(transaction)
    });
    // Those after a failure share it.
    replies.extend(batch.map(|job| (job.reply, Ok(Version::new(0)))));
    let transaction = applied.map_err(before)?;
    transaction.commit().map_err(|cause| {
        error!(message = "The file store could not write and takes no more writes.", %cause);
        Failed::AtTheEnd(cause.into())
    })
}

fn begin(shared: &Shared) -> Result<WriteTransaction, redb::Error> {
    let mut transaction = shared.database.begin_write()?;
    // After a crash the store is open at once, however large it is.
    transaction.set_quick_repair(true);
    Ok(transaction)
}

/// Removes what has expired. Reads never depend on it: they compare the time themselves.
fn sweep(shared: &Shared) -> Result<(), redb::Error> {
    let now = shared.clock.now();
    let transaction = begin(shared)?;
    let mut tables = Tables::open(&transaction)?;
    let due = tables.expired(now, SWEPT_AT_ONCE)?;
    for (expires_at, key) in &due {
        tables.remove_expired(*expires_at, key)?;
    }
    drop(tables);
    if due.is_empty() {
        transaction.abort()?;
    } else {
        transaction.commit()?;
    }
    Ok(())
}
