//! The audit log of a gateway.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use mcpg_capabilities::replica::Replica;
use mcpg_config::app::{self, AuditSink, OnFailure};
use parking_lot::Mutex;
use tracing::warn;

use super::called::Called;
use super::entry::{Entry, Way};
use super::line::Layout;
use super::queue::Queue;
use super::sink::Sink;
use super::writer::{Lines, Writer};
use crate::boot_error::BootError;

/// How much memory may wait for one sink.
const LIMIT: usize = 64 * 1024 * 1024;

/// The audit log of a gateway: every call of a tool, prompt or resource leaves one line in each of its sinks.
#[derive(Debug)]
pub struct Audit {
    sinks: Arc<[Lines]>,
    on_failure: OnFailure,
    with_arguments: bool,
    /// The threads that have not ended.
    running: Mutex<Vec<Receiver<()>>>,
}

/// A line could not be written, so the call must not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unavailable;

/// Who writes the lines, and what they may be about.
#[derive(Debug)]
pub(crate) struct Writing<'p> {
    pub(crate) replica: &'p Replica,
    /// The names of the upstreams, in the order of the configuration.
    pub(crate) upstreams: Vec<String>,
}

impl Audit {
    /// Opens the sinks.
    ///
    /// # Errors
    /// Why one that is required cannot be opened.
    pub(crate) fn open(config: app::Audit, writing: Writing<'_>) -> Result<Arc<Self>, BootError> {
        let layout = Arc::new(Layout {
            node: writing.replica.node().to_owned(),
            boot: writing.replica.boot().as_str().to_owned(),
            upstreams: writing.upstreams,
            redact: config.redact,
        });
        let mut sinks = Vec::new();
        let mut running = Vec::new();
        for (index, place) in config.sinks.into_iter().enumerate() {
            let (sink, opened) = open(place, index, config.required)?;
            let queue = Queue::new(LIMIT);
            let writer = Writer::new(sink, Arc::clone(&queue), Arc::clone(&layout), config.on_failure);
            if !opened {
                // The thread goes on trying from the start.
                queue.reopen();
            }
            running.push(writer.start().map_err(|error| {
                BootError::new(
                    format!("the thread of the audit log cannot start: {error}"),
                    "free some resources",
                )
            })?);
            sinks.push(queue);
        }
        Ok(Arc::new(Self {
            sinks: sinks.into(),
            on_failure: config.on_failure,
            with_arguments: config.include_arguments,
            running: Mutex::new(running),
        }))
    }

    /// Begins the line of a call.
    ///
    /// # Errors
    /// [`Unavailable`] where the call must not run because its line might be lost.
    pub(crate) fn begin(&self, called: Called<'_>) -> Result<Entry, Unavailable> {
        let record = called.record(self.with_arguments);
        let bytes = record.bytes();
        let way = match self.on_failure {
            OnFailure::FailOpen => Way::Open(Arc::clone(&self.sinks)),
            OnFailure::FailClosed => {
                let places = self.sinks.iter().map(|sink| sink.reserve(bytes));
                Way::Kept(places.collect::<Option<_>>().ok_or(Unavailable)?)
            }
        };
        Ok(Entry::begin(record, bytes, way))
    }

    /// Opens the files again, as after a rotation. What waits is written to the old ones first.
    pub fn reopen(&self) {
        for sink in self.sinks.iter() {
            sink.reopen();
        }
    }

    /// Writes what is left, for `limit` at the most, and waits for it. Lines of calls that end later are lost.
    pub fn close(&self, limit: Duration) {
        for sink in self.sinks.iter() {
            sink.close();
        }
        let deadline = Instant::now() + limit;
        for thread in self.running.lock().drain(..) {
            let left = deadline.saturating_duration_since(Instant::now());
            // Nothing is ever sent: the thread drops the other end when it has written everything.
            if thread.recv_timeout(left) == Err(RecvTimeoutError::Timeout) {
                warn!("The audit log is left before all of its lines were written.");
            }
        }
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        for sink in self.sinks.iter() {
            sink.close();
        }
    }
}

fn open(place: AuditSink, index: usize, required: bool) -> Result<(Sink, bool), BootError> {
    let (sink, opened) = Sink::open(place);
    match opened {
        Ok(()) => Ok((sink, true)),
        Err(error) if required => Err(BootError::new(
            format!("the audit log cannot be opened at {}: {error}", sink.name()),
            format!(
                "give this user the right to write there, or change governance.audit.sinks[{index}].path"
            ),
        )),
        Err(error) => {
            warn!(message = "The audit log cannot be opened; lines wait until it can.", sink = sink.name(), %error);
            Ok((sink, false))
        }
    }
}
