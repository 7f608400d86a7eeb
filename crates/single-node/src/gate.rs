//! The gate through which every call of one replica goes until the replica is closed.

use std::sync::atomic::{AtomicBool, Ordering};

use mcpg_cluster::{Error, ErrorKind, Result};
use tokio::sync::watch;

pub(crate) struct Gate {
    /// The same as `signal`, readable without a lock on the hot path.
    closed: AtomicBool,
    signal: watch::Sender<bool>,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            closed: AtomicBool::new(false),
            signal: watch::Sender::new(false),
        }
    }
}

impl Gate {
    pub(crate) fn check(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(closed_error());
        }
        Ok(())
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.signal.send_replace(true);
    }

    pub(crate) async fn closed(&self) {
        let mut signal = self.signal.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let _ = signal.wait_for(|closed| *closed).await;
    }
}

pub(crate) fn closed_error() -> Error {
    Error::new(ErrorKind::Closed, "the single node coordinator was closed")
}
