//! How a call ends, and what its client is told.

use bytes::Bytes;
use http::StatusCode;
use mcpg_mcp::error::ErrorObject;
use mcpg_mcp::version::Era;

use super::answer::answer;
use super::running::{Ended, Running, outcome_unknown};
use super::speaking::notification;
use super::{Disconnect, InSession, Output};
use crate::audit;
use crate::exchange::Outcome;
use crate::observe::Ending;
use crate::router::head::{Met, Verdict};
use crate::router::stream::Stream;

impl Running {
    /// Tells the client how its call ended, if it is still there.
    pub(super) async fn finish(mut self, ended: Ended) {
        self.pending.clear();
        if let Ended::Abandoned = ended {
            return self.ends_without_answer(audit::Ending::Disconnected);
        }
        let ended = self.settle(ended).await;
        match self.stream.take() {
            Some(stream) => self.finish_stream(stream, ended).await,
            None => self.finish_quietly(ended).await,
        }
    }

    /// Waits for a head that is being written, which may decide otherwise.
    async fn settle(&mut self, ended: Ended) -> Ended {
        let (Ended::Outcome(_), Some(session)) = (&ended, &mut self.driver.session) else {
            return ended;
        };
        match session.head.settle().await {
            Met::Cancelled => Ended::Cancelled,
            Met::Duplicate => Ended::Outcome(Err(self.duplicate().into())),
            Met::Unknown => Ended::Outcome(Err(outcome_unknown().into())),
            Met::Stands => {
                // Questions have come too late.
                self.waiting.retain(|event| notification(event).is_some());
                if !self.waiting.is_empty() && self.can_be_resumed() {
                    self.begin_stream().await;
                }
                ended
            }
            Met::Delayed => {
                if self.stream.is_none() {
                    self.waiting.clear();
                }
                ended
            }
        }
    }

    /// Ends a call with a stream: its head says what may be sent.
    async fn finish_stream(mut self, stream: Stream, ended: Ended) {
        let (last, concluded) = match ended {
            Ended::Outcome(outcome) => {
                let (last, response) = self.response(outcome);
                let before = std::mem::take(&mut self.waiting);
                let concluded = stream.conclude(before, response).await;
                let last = match concluded.verdict {
                    Verdict::Outcome => last,
                    Verdict::Nothing => Output::Cancelled,
                    Verdict::Unknown => self.response(Err(outcome_unknown().into())).0,
                };
                (last, Some(concluded))
            }
            ended => {
                stream.end_without_answer();
                (without_answer(&ended), None)
            }
        };
        self.forget();
        self.count(&last);
        if let Some(concluded) = concluded {
            concluded.tell(match last {
                Output::Answer(answer) => Some(answer.message),
                _ => None,
            });
        }
    }

    /// Ends a call whose client waits for one answer, or cannot come back.
    async fn finish_quietly(mut self, ended: Ended) {
        let last = match ended {
            Ended::Outcome(outcome) => self.conclude(outcome).await,
            ended => {
                if let Some(session) = self.forget() {
                    session.head.abandon();
                }
                without_answer(&ended)
            }
        };
        let output = self.driver.output.clone();
        let (connected, patience) = (self.connected, self.driver.patience.silence);
        self.count(&last);
        if connected {
            // Nothing comes after this, so a client that takes it no more has no consequence.
            let _ = tokio::time::timeout(patience, output.send(last)).await;
        }
    }

    /// Counts the call, before the client can know: whoever has an answer finds it in the numbers.
    fn count(mut self, last: &Output) {
        match last {
            Output::Cancelled => self.ends_without_answer(audit::Ending::Cancelled),
            Output::SessionClosed => self.ends_without_answer(audit::Ending::SessionClosed),
            Output::Stream | Output::Frames(_) | Output::Event(_) | Output::Answer(_) => {}
        }
        let (ending, status) = (self.ending(last), self.status(last));
        self.driver.meter.end(ending, status);
    }

    /// The client may use the id again as soon as it has the answer.
    fn forget(&mut self) -> Option<InSession> {
        let session = self.driver.session.take()?;
        self.driver.live.end(&session.id, &self.driver.id);
        Some(session)
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
        self.send_waiting().await;
        let Some(session) = self.forget() else {
            return self.response(outcome).0;
        };
        match session.head.end().await {
            Verdict::Outcome => self.response(outcome).0,
            Verdict::Nothing => Output::Cancelled,
            Verdict::Unknown => self.response(Err(outcome_unknown().into())).0,
        }
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

    fn ends_without_answer(&mut self, ending: audit::Ending) {
        if let Some(line) = &mut self.driver.audit {
            line.ended(ending);
        }
    }

    fn response(&mut self, outcome: Outcome) -> (Output, Bytes) {
        if let Some(line) = &mut self.driver.audit {
            line.answered(&outcome);
        }
        let answer = answer(&self.driver.id, outcome);
        let message = answer.message.clone();
        (Output::Answer(Box::new(answer)), message)
    }

    pub(super) fn duplicate(&self) -> ErrorObject {
        ErrorObject::invalid_request(format!(
            "id {} is still in use by a running request of this session",
            self.driver.id
        ))
    }
}

fn without_answer(ended: &Ended) -> Output {
    match ended {
        Ended::SessionClosed => Output::SessionClosed,
        Ended::Cancelled | Ended::Abandoned | Ended::Outcome(_) => Output::Cancelled,
    }
}
