//! The signals that stop the program, and the one that does not.

use std::sync::{Arc, OnceLock};

use mcpg_gateway::Audit;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::info;

/// SIGTERM and SIGINT.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

/// What the program was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// SIGTERM: a supervisor wants it to go, and clients may stand behind a balancer.
    Terminate,
    /// SIGINT: somebody at a keyboard waits for its end.
    Interrupt,
}

impl Signals {
    /// Starts listening; from now on the signals no longer end the program by themselves.
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next of them.
    pub(crate) async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::Terminate,
            _ = self.interrupt.recv() => Told::Interrupt,
        }
    }
}

/// SIGHUP, which asks for files to be opened again. Without anybody to hear it, it would end the program.
pub(crate) struct Hangup(Signal);

impl Hangup {
    /// Starts listening; from now on the signal no longer ends the program.
    pub(crate) fn listen() -> std::io::Result<Self> {
        signal(SignalKind::hangup()).map(Self)
    }

    /// Opens the files of the audit log again whenever the signal comes. One that comes while the program starts is
    /// only kept from ending it: the files are fresh then.
    pub(crate) async fn reopen(mut self, audit: AuditLog) {
        while self.0.recv().await.is_some() {
            match audit.get() {
                Some(audit) => {
                    info!("The audit log is opened again.");
                    audit.reopen();
                }
                None => info!("Nothing is opened again: there is no audit log."),
            }
        }
    }
}

/// The audit log, once the gateway has started and if it has one.
#[derive(Clone, Default)]
pub(crate) struct AuditLog(Arc<OnceLock<Arc<Audit>>>);

impl AuditLog {
    pub(crate) fn set(&self, audit: Arc<Audit>) {
        // A program starts one gateway.
        let _ = self.0.set(audit);
    }

    pub(crate) fn get(&self) -> Option<&Arc<Audit>> {
        self.0.get()
    }
}
