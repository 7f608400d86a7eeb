//! The task that removes what has expired.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

use crate::memory::Memory;

/// Started by the first write that expires; until then a memory needs no runtime.
///
/// Reads never depend on it: they compare the time themselves. It frees memory and tells watchers.
#[derive(Default)]
pub(crate) struct Sweeper {
    state: Mutex<State>,
    earlier: Arc<Notify>,
}

#[derive(Default)]
struct State {
    task: Option<AbortHandle>,
    /// When the task wakes; `None` while it has nothing to wait for.
    wakes_at: Option<Instant>,
}

impl Sweeper {
    pub(crate) fn wake_at(&self, memory: &Arc<Memory>, expires_at: Instant) {
        let mut state = self.state.lock();
        // A runtime that was shut down took its task with it.
        let runs = state.task.as_ref().is_some_and(|task| !task.is_finished());
        let is_early_enough = state.wakes_at.is_some_and(|wakes_at| wakes_at <= expires_at);
        if runs && is_early_enough {
            return;
        }
        if !is_early_enough {
            state.wakes_at = Some(expires_at);
        }
        if runs {
            self.earlier.notify_one();
        } else {
            let run = run(Arc::downgrade(memory), Arc::clone(&self.earlier));
            state.task = Some(tokio::spawn(run).abort_handle());
        }
    }

    fn planned(&self) -> Option<Instant> {
        self.state.lock().wakes_at
    }

    fn begin_sweep(&self) {
        self.state.lock().wakes_at = None;
    }

    /// Plans the next sweep, unless a write during the sweep has planned an earlier one.
    fn end_sweep(&self, next: Option<Instant>) {
        let mut state = self.state.lock();
        state.wakes_at = match (state.wakes_at, next) {
            (Some(planned), Some(next)) => Some(planned.min(next)),
            (planned, next) => planned.or(next),
        };
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        if let Some(task) = self.state.get_mut().task.take() {
            task.abort();
        }
    }
}

async fn run(memory: Weak<Memory>, earlier: Arc<Notify>) {
    loop {
        let Some(planned) = memory.upgrade().map(|memory| memory.sweeper().planned()) else {
            return;
        };
        match planned {
            None => earlier.notified().await,
            Some(at) if at > Instant::now() => {
                // Either the time has come or an earlier expiry was planned: look again.
                let _ = timeout_at(at, earlier.notified()).await;
            }
            Some(_) => {
                let Some(memory) = memory.upgrade() else {
                    return;
                };
                memory.sweeper().begin_sweep();
                let next = memory.sweep();
                memory.sweeper().end_sweep(next);
            }
        }
    }
}
