//! The store.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::error::OpenError;
use crate::jobs::{Job, MOST_WAITING};
use crate::shared::Shared;
use crate::writer;

/// The largest value: as large as what the coordinator of one process takes.
pub const LARGEST_VALUE_BYTES: usize = 8 * 1024 * 1024;

/// The shortest TTL.
pub const MIN_TTL: Duration = Duration::from_millis(1);

/// KeyValue in a folder that no other process uses. Dropped, it waits for what it was asked to write.
pub struct FileStore {
    pub(crate) shared: Arc<Shared>,
    /// Given up first when the store is dropped, which ends the writer.
    jobs: Option<SyncSender<Job>>,
    writer: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for FileStore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("FileStore").finish_non_exhaustive()
    }
}

impl FileStore {
    /// Opens the store in a folder, which is made where there is none.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        let shared = Arc::new(Shared::open(folder)?);
        let (jobs, waiting) = sync_channel(MOST_WAITING);
        let writer = thread::Builder::new().name("mcpg-file-store".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || writer::run(&shared, &waiting)
        });
        Ok(Self {
            shared,
            jobs: Some(jobs),
            writer: Some(writer.map_err(|error| OpenError::broken(folder, error))?),
        })
    }

    /// Whether the disk refused the last write. Most failures end only with a restart.
    pub fn is_failing(&self) -> bool {
        self.shared.is_failing.load(Ordering::Relaxed)
    }

    pub(crate) fn jobs(&self) -> Option<&SyncSender<Job>> {
        self.jobs.as_ref()
    }
}

impl Drop for FileStore {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has nothing left to write.
            let _ = writer.join();
        }
    }
}
