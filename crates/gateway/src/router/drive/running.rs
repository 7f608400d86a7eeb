//! A call while it runs.

use std::collections::HashMap;
use std::pin::Pin;

use bytes::Bytes;
use http::StatusCode;
use mcpg_capabilities::calls::Version;
use mcpg_capabilities::calls::{QuestionAnswer, Refused};
use mcpg_capabilities::sessions::SessionError;
use mcpg_mcp::error::ErrorObject;
use mcpg_mcp::id::RequestId;
use mcpg_mcp::initialize::ClientCapabilities;
use mcpg_mcp::version::Era;
use mcpg_mcp::write;
use serde_json::value::RawValue;
use tokio::sync::oneshot;
use tokio::time::{Instant, Interval, MissedTickBehavior, Sleep, interval_at};

use super::answer::answer;
use super::log_filter::LogFilter;
use super::{Disconnect, Driver, InSession, Output};
use crate::audit;
use crate::exchange::{Answer, Event, Outcome, Question};
use crate::observe::{CancelCause, Ending};
use crate::router::head::{Met, Verdict};

pub(super) struct Running {
    pub(super) driver: Driver,
    /// Whether the response is becoming a stream, or is one.
    pub(super) is_upgrading: bool,
    /// Whether anything was said that made the response a stream.
    is_stream: bool,
    timed_out: bool,
    pub(super) connected: bool,
    pub(super) deadline: Pin<Box<Sleep>>,
    /// When the head is to be kept from running out, once it stands.
    pub(super) keeping: Option<Interval>,
    /// Events that wait for the head. The executor waits after the first; the rest comes with the outcome.
    waiting: Vec<Event>,
    /// The questions that the client owes an answer to, by their numbers.
    pending: HashMap<u64, oneshot::Sender<Answer>>,
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
            Refused::Claimed | Refused::Gone | Refused::OverBudget => {
                Self::Outcome(Err(outcome_unknown().into()))
            }
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
            timed_out: false,
            connected: true,
            keeping: None,
            waiting: Vec::new(),
            pending: HashMap::new(),
        }
    }

    /// While the head is being written, the executor waits with what it has to say.
    pub(super) fn takes_events(&self) -> bool {
        let session = self.driver.session.as_ref();
        session.is_none_or(|session| !session.head.is_on_its_way())
    }

    /// Takes an event of the executor: to the client, or as the reason to become a stream.
    pub(super) async fn take(&mut self, event: Event) -> Option<Ended> {
        self.alive();
        let event = self.wanted(event).await?;
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

    /// Looks at the head, because somebody said that it was changed.
    pub(super) async fn look(&mut self, version: Option<Version>) -> Option<Ended> {
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
        let error = ErrorObject::timeout(if self.pending.is_empty() {
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

    /// Tells the client how its call ended, if it is still there.
    pub(super) async fn finish(mut self, ended: Ended) {
        self.pending.clear();
        let last = match ended {
            Ended::Outcome(outcome) => self.conclude(outcome).await,
            Ended::Cancelled => self.without_answer(Output::Cancelled),
            Ended::SessionClosed => self.without_answer(Output::SessionClosed),
            Ended::Abandoned => return self.ends_without_answer(audit::Ending::Disconnected),
        };
        match last {
            Output::Cancelled => self.ends_without_answer(audit::Ending::Cancelled),
            Output::SessionClosed => self.ends_without_answer(audit::Ending::SessionClosed),
            Output::Stream | Output::Event(_) | Output::Answer(_) => {}
        }
        let (ending, status) = (self.ending(&last), self.status(&last));
        let Running {
            driver, connected, ..
        } = self;
        // Counted before the client can know: whoever has an answer finds it in the numbers.
        driver.meter.end(ending, status);
        if connected {
            // Nothing comes after this, so a client that takes it no more has no consequence.
            let _ = tokio::time::timeout(driver.patience.silence, driver.output.send(last)).await;
        }
    }

    fn status(&self, last: &Output) -> StatusCode {
        let era = if self.driver.disconnect == Disconnect::Cancel {
            Era::Modern
        } else {
            Era::Legacy
        };
        match last {
            _ if self.is_stream => StatusCode::OK,
            Output::Answer(answer) => answer.status(era),
            Output::SessionClosed => StatusCode::NOT_FOUND,
            _ => StatusCode::OK,
        }
    }

    fn ending(&self, last: &Output) -> Ending {
        match last {
            Output::Answer(answer) if answer.not_started => Ending::Unavailable,
            Output::Answer(answer) if answer.is_result => Ending::Ok,
            Output::Answer(_) if self.timed_out => Ending::Timeout,
            Output::Answer(_) => Ending::Error,
            _ => Ending::Cancelled,
        }
    }

    /// What may be sent, now that there is an outcome.
    async fn conclude(&mut self, outcome: Outcome) -> Output {
        let Some(mut session) = self.driver.session.take() else {
            return self.response(outcome);
        };
        let last = match session.head.settle().await {
            Met::Cancelled => Output::Cancelled,
            Met::Duplicate => {
                let duplicate = self.duplicate();
                self.response(Err(duplicate.into()))
            }
            Met::Unknown => self.response(Err(outcome_unknown().into())),
            met @ (Met::Stands | Met::Delayed) => {
                if met == Met::Stands {
                    self.send_waiting().await;
                }
                match session.head.end().await {
                    Verdict::Outcome => self.response(outcome),
                    Verdict::Nothing => Output::Cancelled,
                    Verdict::Unknown => self.response(Err(outcome_unknown().into())),
                }
            }
        };
        // Before the answer is sent: the client may use the id again as soon as it has the answer.
        self.driver.live.end(&session.id, &self.driver.id);
        last
    }

    /// Sends the notifications that waited for the head; questions have come too late.
    async fn send_waiting(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        let notifications: Vec<Bytes> = waiting.iter().filter_map(notification).collect();
        if notifications.is_empty() {
            return;
        }
        self.say(Output::Stream).await;
        for message in notifications {
            self.say(Output::Event(message)).await;
        }
    }

    fn without_answer(&mut self, last: Output) -> Output {
        if let Some(InSession { id, head, .. }) = self.driver.session.take() {
            self.driver.live.end(&id, &self.driver.id);
            head.abandon();
        }
        last
    }

    fn ends_without_answer(&mut self, ending: audit::Ending) {
        if let Some(line) = &mut self.driver.audit {
            line.ended(ending);
        }
    }

    fn response(&mut self, outcome: Outcome) -> Output {
        if let Some(line) = &mut self.driver.audit {
            line.answered(&outcome);
        }
        Output::Answer(Box::new(answer(&self.driver.id, outcome)))
    }

    /// The event, unless this client does not want it or cannot answer it.
    async fn wanted(&mut self, event: Event) -> Option<Event> {
        match event {
            Event::Notification { method, params } => {
                if method == "notifications/message" {
                    self.learn_level().await;
                }
                let hidden = self.driver.log_level.hides(&method, params.as_deref());
                (!hidden).then_some(Event::Notification { method, params })
            }
            Event::Question(question) => self.answerable(question).map(Event::Question),
        }
    }

    /// Reads the client's log level, once, where it may have been set at another replica meanwhile.
    async fn learn_level(&mut self) {
        let Some(session) = &mut self.driver.session else {
            return;
        };
        if !std::mem::replace(&mut session.level_may_be_old, false) {
            return;
        }
        if let Ok(record) = session.sessions.current(&session.id).await {
            self.driver.log_level = LogFilter::of(record.log_level.as_deref(), Era::Legacy);
        }
    }

    fn answerable(&self, question: Question) -> Option<Question> {
        // The modern era has no requests to the client: dropping the question tells the executor.
        self.driver.session.as_ref()?;
        if !answers(&self.driver.capabilities, &question.method) {
            let refusal = ErrorObject::method_not_found(&question.method);
            let _ = question.answer.send(Err(refusal.to_raw()));
            return None;
        }
        self.connected.then_some(question)
    }

    async fn pass_on(&mut self, event: Event) -> Option<Ended> {
        if let Some(message) = notification(&event) {
            self.say(Output::Event(message)).await;
        }
        match event {
            Event::Question(question) => self.ask(question).await,
            Event::Notification { .. } => None,
        }
    }

    async fn ask(&mut self, question: Question) -> Option<Ended> {
        let session = self.driver.session.as_mut().filter(|_| self.connected)?;
        match session.head.ask().await {
            Ok(Some((number, id))) => {
                self.pending.insert(number, question.answer);
                self.alive();
                let id = RequestId::from_string(&id);
                let message = write::request(&id, &question.method, question.params.as_deref());
                self.say(Output::Event(message)).await;
                None
            }
            // Dropping the question tells the executor.
            Ok(None) => None,
            Err(refused) => Some(refused.into()),
        }
    }

    fn answered(&mut self, answers: Vec<(u64, QuestionAnswer)>) {
        if answers.is_empty() {
            return;
        }
        for (number, answer) in answers {
            if let Some(waiting) = self.pending.remove(&number) {
                // The executor may have given the question up; then nobody needs the answer.
                let _ = waiting.send(answer.into());
            }
        }
        self.alive();
    }

    /// Counts the silence from now on.
    fn alive(&mut self) {
        let patience = self.driver.patience;
        let silence = if self.pending.is_empty() {
            patience.silence
        } else {
            patience.question
        };
        self.deadline.as_mut().reset(Instant::now() + silence);
    }

    fn keep_from_now_on(&mut self) {
        if let Some(session) = &self.driver.session {
            let every = session.head.keep_every();
            let mut keeping = interval_at(Instant::now() + every, every);
            keeping.set_missed_tick_behavior(MissedTickBehavior::Delay);
            self.keeping = Some(keeping);
        }
    }

    async fn say(&mut self, output: Output) {
        if !std::mem::replace(&mut self.is_stream, true) {
            self.driver.meter.upgraded();
        }
        if !self.connected {
            return;
        }
        let patience = self.driver.patience.silence;
        let sent = tokio::time::timeout(patience, self.driver.output.send(output)).await;
        if !matches!(sent, Ok(Ok(()))) {
            // Gone, or so slow that its stream is given up: the call itself goes on.
            self.lose_client();
        }
    }

    fn lose_client(&mut self) {
        self.connected = false;
        // Nobody can answer any more.
        self.pending.clear();
    }

    fn duplicate(&self) -> ErrorObject {
        ErrorObject::invalid_request(format!(
            "id {} is still in use by a running request of this session",
            self.driver.id
        ))
    }
}

fn notification(event: &Event) -> Option<Bytes> {
    match event {
        Event::Notification { method, params } => Some(write::notification(method, params.as_deref())),
        Event::Question(_) => None,
    }
}

fn outcome_unknown() -> ErrorObject {
    ErrorObject::internal_with_reason(
        "outcome_unknown",
        "this replica lost track of the call: whether it was executed is unknown",
    )
}

/// Whether a client with these capabilities answers such a question.
fn answers(capabilities: &RawValue, method: &str) -> bool {
    let declared = ClientCapabilities::new(capabilities);
    match method {
        "elicitation/create" => declared.has("elicitation"),
        "sampling/createMessage" => declared.sampling(),
        "roots/list" => declared.roots(),
        "ping" => true,
        _ => false,
    }
}
