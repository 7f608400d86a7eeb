//! Drives one call from its start to its only answer.
//!
//! The driver owns the call's future: when it lets go of it, the executor cancels. It passes events on to whoever
//! holds the client's connection, waits for answers to questions, and ends the call that shows no sign of life. A call
//! that becomes a stream in a legacy session gets a head first, by which other replicas find it.

mod answer;
mod ending;
mod log_filter;
mod running;
mod speaking;

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mcpg_capabilities::sessions::{SessionId, Sessions};
use mcpg_mcp::id::RequestId;
use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Interval, sleep};

pub(crate) use self::answer::Final;
pub(super) use self::log_filter::LogFilter;
use self::running::{Ended, Running};
pub(in crate::router) use self::running::{outcome_unknown, stream_overflow};
pub(in crate::router) use self::speaking::answers;
use super::head::{CallHead, Met};
use super::live::{Control, LiveCalls};
use super::stream::{State, Stream, Streams};
use crate::audit::Entry;
use crate::exchange::{Event, Outcome};
use crate::frames::Frames;
use crate::observe::Meter;

/// How many events wait for a slow client before the call itself waits.
pub(super) const EVENT_QUEUE: usize = 32;

/// What a call sends to the connection of its client.
#[derive(Debug)]
pub(crate) enum Output {
    /// The response is a stream from here on, whatever comes.
    Stream,
    /// The response is a stream from here on, and what comes out of this is all of it.
    Frames(Frames),
    /// A notification or a request to the client, as a whole JSON-RPC message.
    Event(Bytes),
    /// The call's only answer; nothing follows.
    Answer(Box<Final>),
    /// The client cancelled the call: there is no answer.
    Cancelled,
    /// The session was closed while the call ran.
    SessionClosed,
}

/// Where is told whether a cancel was taken; if not, it has to go by the head of the call.
pub(super) type CancelTaken = oneshot::Sender<bool>;

/// What the loss of the client's connection means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disconnect {
    /// Nothing: the call runs on (legacy era).
    RunOn,
    /// A cancel (modern era).
    Cancel,
}

/// How long a call may take for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Until its response becomes a stream.
    pub(super) upgrade: Duration,
    /// Without any sign of life of the executor.
    pub(super) silence: Duration,
    /// While the client owes an answer: people need longer than programs.
    pub(super) question: Duration,
}

/// The legacy session of a call.
pub(super) struct InSession {
    pub(super) id: SessionId,
    pub(super) sessions: Arc<Sessions>,
    pub(super) head: CallHead,
    /// How its stream is logged; `None` where the client cannot come back for it.
    pub(super) streams: Option<Arc<Streams>>,
    /// Whether the client understands an event without data.
    pub(super) places: bool,
    /// Whether the record that the call started with may lack the latest change of the log level.
    pub(super) level_may_be_old: bool,
}

/// Everything about a call but its future.
pub(super) struct Driver {
    pub(super) id: RequestId,
    /// `None` in the modern era.
    pub(super) session: Option<InSession>,
    pub(super) live: Arc<LiveCalls>,
    pub(super) patience: Patience,
    pub(super) disconnect: Disconnect,
    /// What the client declared, and with it which questions it answers.
    pub(super) capabilities: Arc<RawValue>,
    pub(super) log_level: LogFilter,
    /// The line of the call in the audit log, handed over when the driver is dropped.
    pub(super) audit: Option<Box<Entry>>,
    pub(super) output: mpsc::Sender<Output>,
    pub(super) meter: Meter,
}

/// A call whose end is decided, but not told yet.
pub(super) struct Decided {
    running: Running,
    ended: Ended,
}

impl Driver {
    /// Runs the call until it is decided how it ends.
    ///
    /// The caller then lets go of the call - where it had not ended, its executor cancels - and tells the client with
    /// [`Decided::tell`]. The call comes by reference because a future that is handed on by value is copied.
    pub(super) async fn run(
        self,
        mut call: Pin<&mut (impl Future<Output = Outcome> + Send)>,
        mut events: mpsc::Receiver<Event>,
        mut control: Option<mpsc::Receiver<Control>>,
    ) -> Decided {
        let mut upgrade = pin!(sleep(self.patience.upgrade));
        let mut running = Running::new(self);
        let ended = loop {
            let ended = tokio::select! {
                // Events first: they were sent before the outcome and must not be overtaken by it.
                biased;
                Some(event) = events.recv(), if running.takes_events() => running.take(event).await,
                outcome = &mut call => {
                    while let Ok(event) = events.try_recv() {
                        running.hold(event).await;
                    }
                    Some(Ended::Outcome(outcome))
                }
                Some(control) = next_control(&mut control) => match control {
                    Control::Cancel(taken) => running.cancel(taken),
                    Control::CloseSession => Some(Ended::SessionClosed),
                    Control::Look(version) => running.look(version).await,
                },
                met = opened(&mut running.driver.session) => running.met(met).await,
                () = &mut upgrade, if !running.is_upgrading => running.upgrade().await,
                () = tick(&mut running.keeping) => running.keep().await,
                news = news(&mut running.stream) => news.and_then(|state| running.heard(state)),
                () = &mut running.deadline, if !running.waits_for_room() => Some(running.time_out()),
                () = running.driver.output.closed(), if running.connected => running.disconnected(),
            };
            if let Some(ended) = ended {
                break ended;
            }
        };
        running.count_cut_off(&ended);
        Decided { running, ended }
    }
}

async fn next_control(control: &mut Option<mpsc::Receiver<Control>>) -> Option<Control> {
    match control {
        Some(control) => control.recv().await,
        None => std::future::pending().await,
    }
}

async fn news(stream: &mut Option<Stream>) -> Option<State> {
    match stream {
        Some(stream) => stream.news().await,
        None => std::future::pending().await,
    }
}

async fn opened(session: &mut Option<InSession>) -> Met {
    match session {
        Some(session) => session.head.opened().await,
        None => std::future::pending().await,
    }
}

async fn tick(keeping: &mut Option<Interval>) {
    match keeping {
        Some(interval) => drop(interval.tick().await),
        None => std::future::pending().await,
    }
}

impl Decided {
    /// Tells the client how its call ended, if it is still there.
    pub(super) async fn tell(self) {
        self.running.finish(self.ended).await;
    }
}

#[cfg(test)]
mod tests;
