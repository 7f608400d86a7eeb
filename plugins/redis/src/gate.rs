//! The gate through which every call of one replica goes until the replica is closed.

use mcpg_plugin_sdk::cluster::{Error, ErrorKind, Result};
use tokio::sync::watch;

pub(crate) struct Gate {
    closed: watch::Sender<bool>,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            closed: watch::Sender::new(false),
        }
    }
}

impl Gate {
    pub(crate) fn check(&self) -> Result<()> {
        if *self.closed.borrow() {
            return Err(closed_error());
        }
        Ok(())
    }

    pub(crate) fn close(&self) {
        self.closed.send_replace(true);
    }

    pub(crate) async fn closed(&self) {
        let mut closed = self.closed.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let _ = closed.wait_for(|closed| *closed).await;
    }
}

pub(crate) fn closed_error() -> Error {
    Error::new(ErrorKind::Closed, "the redis coordinator was closed")
}
