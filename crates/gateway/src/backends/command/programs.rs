//! All programs that run, and their end when the gateway stops.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::process::GRACE;
use crate::process_group::Groups;

/// How many programs run at once. A flood of calls must not become a flood of processes.
pub(super) const AT_ONCE: usize = 64;

/// What the calls of programs share.
#[derive(Debug)]
pub(super) struct Running {
    places: Arc<Semaphore>,
    pub(super) groups: Arc<Groups>,
    pub(super) stop: CancellationToken,
    pub(super) tasks: TaskTracker,
}

/// All programs that run, in the hands of whoever owns the gateway. A program is a process of its own and would outlive
/// the gateway, so it ends with this value: killed when the value is dropped, if it was not ended before.
#[derive(Debug)]
pub(crate) struct Programs(Arc<Running>);

impl Running {
    pub(super) fn new() -> Self {
        Self {
            places: Arc::new(Semaphore::new(AT_ONCE)),
            groups: Arc::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
    }

    /// A place for one more program, if there is one.
    pub(super) fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }
}

impl Programs {
    pub(super) fn new(running: &Arc<Running>) -> Self {
        Self(Arc::clone(running))
    }

    /// Ends all programs: they are asked to, and killed if they do not.
    pub(crate) async fn end(&self) {
        self.0.stop.cancel();
        self.0.tasks.close();
        // Each program has its grace; what is left after it is killed when this value is dropped.
        let _ = timeout(GRACE + Duration::from_secs(1), self.0.tasks.wait()).await;
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        self.0.groups.kill();
    }
}
