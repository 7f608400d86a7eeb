//! The calls that this replica executes for others, and those that others execute for it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mcpg_capabilities::owner::BootId;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::words::{AnswerMail, Reply, Said, SaidMail};
use crate::exchange::Answer;

/// What was said about a call and its asker has not taken in yet; above it the owner waits.
const QUEUE: usize = 64;
/// A cancel may arrive before its call, but not so long before it: no call mail lives longer.
const REMEMBERED: Duration = Duration::from_mins(30);
/// So many of them are remembered.
const MOST_REMEMBERED: usize = 10_000;

/// Both sides of the calls in sessions whose process another replica runs.
#[derive(Debug, Default)]
pub(crate) struct Elsewhere {
    next: AtomicU64,
    asked: Mutex<HashMap<String, Asked>>,
    served: Mutex<Served>,
}

/// A call that another replica executes.
#[derive(Debug)]
struct Asked {
    said: mpsc::Sender<Said>,
    /// The number that was taken last.
    last: u64,
}

#[derive(Debug, Default)]
struct Served {
    running: HashMap<String, Serving>,
    /// Calls that were cancelled and are not here, perhaps not yet.
    cancelled: HashMap<String, Instant>,
}

/// A call that is executed for another replica.
#[derive(Debug)]
struct Serving {
    cancel: CancellationToken,
    questions: HashMap<u64, oneshot::Sender<Answer>>,
}

impl Elsewhere {
    /// A name for a call.
    pub(super) fn mint(&self, boot: &BootId) -> String {
        format!("{boot}-{}", self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Expects to hear of a call.
    pub(super) fn expect(&self, call: &str) -> mpsc::Receiver<Said> {
        let (said, hearing) = mpsc::channel(QUEUE);
        self.asked.lock().insert(call.to_owned(), Asked { said, last: 0 });
        hearing
    }

    pub(super) fn expect_no_more(&self, call: &str) {
        self.asked.lock().remove(call);
    }

    /// Takes what was said about a call, all of it or nothing.
    pub(super) fn take(&self, mail: SaidMail) -> Reply {
        let mut asked = self.asked.lock();
        let Some(asked) = asked.get_mut(&mail.call) else {
            return Reply::Gone;
        };
        if mail.number <= asked.last {
            return Reply::Accepted;
        }
        let Ok(room) = asked.said.try_reserve_many(mail.items.len()) else {
            return if asked.said.is_closed() {
                Reply::Gone
            } else {
                Reply::Busy
            };
        };
        asked.last = mail.number;
        for (place, item) in room.zip(mail.items) {
            place.send(item);
        }
        Reply::Accepted
    }

    /// Begins to execute a call; `None` when it was cancelled before it came.
    pub(super) fn begin(&self, call: &str) -> Option<CancellationToken> {
        let mut served = self.served.lock();
        if served.cancelled.remove(call).is_some() {
            return None;
        }
        let cancel = CancellationToken::new();
        let serving = Serving {
            cancel: cancel.clone(),
            questions: HashMap::new(),
        };
        served.running.insert(call.to_owned(), serving);
        Some(cancel)
    }

    pub(super) fn finish(&self, call: &str) {
        self.served.lock().running.remove(call);
    }

    /// Cancels a call, also one that has not come yet.
    pub(super) fn cancel(&self, call: &str) {
        let mut served = self.served.lock();
        if let Some(serving) = served.running.get(call) {
            serving.cancel.cancel();
            return;
        }
        let now = Instant::now();
        served
            .cancelled
            .retain(|_, at| now.duration_since(*at) < REMEMBERED);
        if served.cancelled.len() < MOST_REMEMBERED {
            served.cancelled.insert(call.to_owned(), now);
        }
    }

    /// Remembers who waits for the answer to a question.
    pub(super) fn ask(&self, call: &str, question: u64, waiting: oneshot::Sender<Answer>) {
        if let Some(serving) = self.served.lock().running.get_mut(call) {
            serving.questions.insert(question, waiting);
        }
    }

    /// Hands an answer to who waits for it.
    pub(super) fn answer(&self, mail: AnswerMail) -> Reply {
        let waiting = {
            let mut served = self.served.lock();
            let serving = served.running.get_mut(&mail.call);
            serving.and_then(|serving| serving.questions.remove(&mail.question))
        };
        match (waiting, mail.into_answer()) {
            (Some(waiting), Some(answer)) => {
                // The call may have ended since.
                let _ = waiting.send(answer);
                Reply::Accepted
            }
            // Dropped without an answer: nobody will ever answer.
            (Some(_), None) => Reply::Accepted,
            (None, _) => Reply::Gone,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(number: u64, items: usize) -> SaidMail {
        let item = || Said::Notification {
            method: number.to_string(),
            params: None,
        };
        SaidMail {
            call: "call".to_owned(),
            number,
            items: (0..items).map(|_| item()).collect(),
        }
    }

    #[test]
    fn each_number_is_taken_once_and_whole() {
        let elsewhere = Elsewhere::default();
        assert_eq!(elsewhere.take(said(1, 1)), Reply::Gone);
        let mut hearing = elsewhere.expect("call");
        assert_eq!(elsewhere.take(said(1, 2)), Reply::Accepted);
        // Its receipt was lost, so it comes again.
        assert_eq!(elsewhere.take(said(1, 2)), Reply::Accepted);
        assert_eq!(elsewhere.take(said(2, QUEUE)), Reply::Busy);
        assert_eq!(hearing.len(), 2);
        while hearing.try_recv().is_ok() {}
        assert_eq!(elsewhere.take(said(2, QUEUE)), Reply::Accepted);
        assert_eq!(hearing.len(), QUEUE);
        elsewhere.expect_no_more("call");
        assert_eq!(elsewhere.take(said(3, 1)), Reply::Gone);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancel_that_overtakes_its_call_stops_it() {
        let elsewhere = Elsewhere::default();
        elsewhere.cancel("early");
        assert!(elsewhere.begin("early").is_none());
        let running = elsewhere.begin("call").expect("nobody has cancelled it");
        assert!(!running.is_cancelled());
        elsewhere.cancel("call");
        assert!(running.is_cancelled());
        elsewhere.cancel("never comes");
        tokio::time::advance(REMEMBERED).await;
        elsewhere.cancel("another");
        assert_eq!(elsewhere.served.lock().cancelled.len(), 1);
    }

    #[test]
    fn an_answer_finds_its_question_once() {
        let elsewhere = Elsewhere::default();
        let _running = elsewhere.begin("call");
        let (waiting, mut answered) = oneshot::channel();
        elsewhere.ask("call", 1, waiting);
        let answer = || {
            let result = serde_json::value::RawValue::from_string("{}".to_owned());
            AnswerMail::new("call", 1, Some(Ok(result.expect("an object is JSON"))))
        };
        assert_eq!(elsewhere.answer(answer()), Reply::Accepted);
        assert!(answered.try_recv().is_ok());
        assert_eq!(elsewhere.answer(answer()), Reply::Gone);
        elsewhere.finish("call");
        assert_eq!(elsewhere.answer(answer()), Reply::Gone);
    }
}
