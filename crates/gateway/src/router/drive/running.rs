//! A call while it runs.

use std::collections::HashMap;
use std::pin::Pin;

use mcpg_capabilities::calls::{Refused, Version};
use mcpg_capabilities::sessions::SessionError;
use mcpg_mcp::error::ErrorObject;
use tokio::sync::oneshot;
use tokio::time::{Interval, Sleep};

use super::{CancelTaken, Disconnect, Driver, Output};
use crate::exchange::{Answer, Event, Outcome};
use crate::observe::CancelCause;
use crate::router::head::Met;
use crate::router::stream::{State, Stream, StreamParts};

pub(super) struct Running {
    pub(super) driver: Driver,
    /// Whether the response is becoming a stream, or is one.
    pub(super) is_upgrading: bool,
    /// Whether anything was said that made the response a stream.
    pub(super) is_stream: bool,
    /// Where everything is said, once the head of a call stands whose client can come back.
    pub(super) stream: Option<Stream>,
    /// How many questions on that stream the client owes an answer to.
    owed: usize,
    pub(super) timed_out: bool,
    pub(super) connected: bool,
    pub(super) deadline: Pin<Box<Sleep>>,
    /// When the head is to be kept from running out, once it stands.
    pub(super) keeping: Option<Interval>,
    /// Events that wait for the head. The executor waits after the first; the rest comes with the outcome.
    pub(super) waiting: Vec<Event>,
    /// The questions of a call without a stream that the client owes an answer to, by their numbers.
    pub(super) pending: HashMap<u64, oneshot::Sender<Answer>>,
}

/// How a call ends.
pub(super) enum Ended {
    Outcome(Outcome),
    Cancelled,
    SessionClosed,
    /// Nobody is there to hear an answer, and that is a cancel.
    Abandoned,
}

impl From<Refused> for Ended {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Cancelled => Self::Cancelled,
            Refused::Claimed | Refused::Gone => Self::Outcome(Err(outcome_unknown().into())),
            Refused::OverBudget => Self::Outcome(Err(stream_overflow().into())),
        }
    }
}

impl Running {
    pub(super) fn new(driver: Driver) -> Self {
        Self {
            deadline: Box::pin(tokio::time::sleep(driver.patience.silence)),
            driver,
            is_upgrading: false,
            is_stream: false,
            stream: None,
            owed: 0,
            timed_out: false,
            connected: true,
            keeping: None,
            waiting: Vec::new(),
            pending: HashMap::new(),
        }
    }

    /// While the head is being written, and while its stream takes no more, the executor waits with what it has to say.
    pub(super) fn takes_events(&self) -> bool {
        let session = self.driver.session.as_ref();
        session.is_none_or(|session| !session.head.is_on_its_way()) && !self.waits_for_room()
    }

    /// Whether the stream takes no more at the moment.
    pub(super) fn waits_for_room(&self) -> bool {
        self.stream.as_ref().is_some_and(|stream| !stream.has_room())
    }

    /// How many answers are owed.
    pub(super) fn owed(&self) -> usize {
        self.owed + self.pending.len()
    }

    /// Takes an event of the executor: to the client, or as the reason to become a stream.
    pub(super) async fn take(&mut self, event: Event) -> Option<Ended> {
        self.alive();
        let event = self.wanted(event).await?;
        if let Some(stream) = &self.stream {
            stream.say(event);
            return None;
        }
        match &mut self.driver.session {
            Some(session) if session.head.is_unwritten() => {
                session.head.start_opening();
                self.is_upgrading = true;
                self.waiting.push(event);
                None
            }
            Some(session) if session.head.is_open() => self.pass_on(event).await,
            // Without a head nothing may be said. Dropping a question tells the executor that nobody answers.
            Some(_) => None,
            None => self.pass_on(event).await,
        }
    }

    /// Takes an event that came just before the outcome.
    pub(super) async fn hold(&mut self, event: Event) {
        if self.takes_events() {
            // Whatever this says about the end of the call, the outcome is there already.
            let _ = self.take(event).await;
        } else if let Some(event) = self.wanted(event).await {
            self.waiting.push(event);
        }
    }

    /// The response becomes a stream because the call takes long.
    pub(super) async fn upgrade(&mut self) -> Option<Ended> {
        self.is_upgrading = true;
        match &mut self.driver.session {
            Some(session) => session.head.start_opening(),
            None => self.say(Output::Stream).await,
        }
        None
    }

    /// The head stands, or will not.
    pub(super) async fn met(&mut self, met: Met) -> Option<Ended> {
        match met {
            Met::Stands if self.can_be_resumed() => {
                self.begin_stream().await;
                let waiting = std::mem::take(&mut self.waiting);
                if let Some(stream) = &self.stream {
                    waiting.into_iter().for_each(|event| stream.say(event));
                }
                None
            }
            Met::Stands => {
                self.keep_from_now_on();
                self.say(Output::Stream).await;
                for event in std::mem::take(&mut self.waiting) {
                    if let Some(ended) = self.pass_on(event).await {
                        return Some(ended);
                    }
                }
                None
            }
            Met::Delayed => {
                self.waiting.clear();
                None
            }
            Met::Cancelled => Some(Ended::Cancelled),
            Met::Duplicate => Some(Ended::Outcome(Err(self.duplicate().into()))),
            Met::Unknown => Some(Ended::Outcome(Err(outcome_unknown().into()))),
        }
    }

    /// The client cancels the call; whether that ends it right away. Where others may read its stream, the cancel has
    /// to stand in the head first.
    pub(super) fn cancel(&self, taken: CancelTaken) -> Option<Ended> {
        let is_taken = self.stream.is_none();
        // Whoever asked may be gone.
        let _ = taken.send(is_taken);
        is_taken.then_some(Ended::Cancelled)
    }

    /// Hears what the stream has to tell.
    pub(super) fn heard(&mut self, state: State) -> Option<Ended> {
        self.owed = state.owed;
        self.alive();
        if state.session_closed {
            return Some(Ended::SessionClosed);
        }
        state.refused.map(Ended::from)
    }

    /// Looks at the head, because somebody said that it was changed.
    pub(super) async fn look(&mut self, version: Option<Version>) -> Option<Ended> {
        if let Some(stream) = &self.stream {
            stream.look(version);
            return None;
        }
        let session = self.driver.session.as_mut()?;
        match session.head.look(version).await {
            Ok(answers) => {
                self.answered(answers);
                None
            }
            Err(refused) => Some(refused.into()),
        }
    }

    /// Keeps the head and the session from running out while the call runs.
    pub(super) async fn keep(&mut self) -> Option<Ended> {
        let session = self.driver.session.as_mut()?;
        if let Err(SessionError::Unknown) = session.sessions.admit_again(session.id.clone()).await {
            return Some(Ended::SessionClosed);
        }
        match session.head.keep().await {
            Ok(answers) => {
                self.answered(answers);
                None
            }
            Err(refused) => Some(refused.into()),
        }
    }

    /// The client's connection is gone.
    pub(super) fn disconnected(&mut self) -> Option<Ended> {
        if self.driver.disconnect == Disconnect::Cancel {
            return Some(Ended::Abandoned);
        }
        self.lose_client();
        None
    }

    pub(super) fn time_out(&mut self) -> Ended {
        self.timed_out = true;
        let patience = self.driver.patience;
        let error = ErrorObject::timeout(if self.owed() == 0 {
            format!("no sign of life for {} ms", patience.silence.as_millis())
        } else {
            format!(
                "the client did not answer for {} ms",
                patience.question.as_millis()
            )
        });
        Ended::Outcome(Err(error.into()))
    }

    /// Counts a call whose executor has not finished.
    pub(super) fn count_cut_off(&self, ended: &Ended) {
        let cause = match ended {
            Ended::Outcome(_) if self.timed_out => CancelCause::Timeout,
            Ended::Outcome(_) => return,
            Ended::Cancelled => CancelCause::Client,
            Ended::SessionClosed => CancelCause::SessionClosed,
            Ended::Abandoned => CancelCause::Disconnect,
        };
        self.driver.meter.cut_off(cause);
    }

    /// Whether the client can come back for what is said.
    pub(super) fn can_be_resumed(&self) -> bool {
        let session = self.driver.session.as_ref();
        session.is_some_and(|session| session.streams.is_some())
    }

    /// From here on everything is said on the stream, whose head stands.
    pub(super) async fn begin_stream(&mut self) {
        let Some(session) = &mut self.driver.session else {
            return;
        };
        let (Some(streams), Some(call)) = (&session.streams, session.head.take_open()) else {
            return;
        };
        let (stream, frames) = streams.begin(StreamParts {
            call,
            session: session.id.clone(),
            places: session.places,
        });
        self.stream = Some(stream);
        self.say(Output::Frames(frames)).await;
    }
}

pub(in crate::router) fn outcome_unknown() -> ErrorObject {
    ErrorObject::internal_with_reason(
        "outcome_unknown",
        "this replica lost track of the call: whether it was executed is unknown",
    )
}

/// What ends a call whose stream may hold nothing more.
pub(in crate::router) fn stream_overflow() -> ErrorObject {
    ErrorObject::internal_with_reason(
        "stream_overflow",
        "the streams of this client hold as much as mcp.configurations.delivery.bytes_per_principal allows: read them to \
         their ends, or ask for less at once",
    )
}
