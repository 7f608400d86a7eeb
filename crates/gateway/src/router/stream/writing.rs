//! What the stream task does with the head.

use std::sync::Arc;

use mcpg_capabilities::calls::{Appended, CallsError, Ended, Look, QuestionAnswer, QuestionId};
use mcpg_mcp::id::RequestId;
use mcpg_mcp::write;
use tracing::debug;

use super::step::{Done, Kind, Step};
use super::task::{Batch, Ending, Task};
use super::waiting::{Line, Unasked, Waits, What};
use crate::observe::{Closed, carried};
use crate::router::head::Verdict;

impl Task {
    /// Begins what is to be done next with the head, where nothing is being done.
    pub(super) fn begin_step(&mut self) {
        if !self.hold.is_idle() || self.trouble.retry_at.is_some() {
            return;
        }
        let step = match self.ending {
            Ending::Nothing => Some((Kind::Cancel, Step::Cancel)),
            Ending::Told if self.trouble.is_broken => Some((Kind::End, Step::End)),
            _ => self.next_step(),
        };
        if let Some((kind, step)) = step {
            self.runs = kind;
            self.hold.begin(step);
        }
    }

    /// Writes and looks take turns: neither of them may keep the other one waiting.
    fn next_step(&mut self) -> Option<(Kind, Step)> {
        if self.runs != Kind::Write {
            return self.write_step().or_else(|| self.look_step());
        }
        self.look_step().or_else(|| self.write_step())
    }

    fn look_step(&mut self) -> Option<(Kind, Step)> {
        if std::mem::take(&mut self.look_wanted) {
            let at_least = self.looks.borrow_and_update().at_least;
            return Some((Kind::Look, Step::Look(at_least)));
        }
        let owner = self.streams.heads.replica.owner();
        if let Some(owner) = owner.filter(|_| self.keep_wanted) {
            self.keep_wanted = false;
            return Some((Kind::Keep, Step::Keep(owner)));
        }
        None
    }

    fn write_step(&mut self) -> Option<(Kind, Step)> {
        if self.trouble.is_broken {
            return None;
        }
        if self.batch.is_none() && !self.waiting.is_empty() {
            self.batch = Some(self.gather());
        }
        let batch = self.batch.as_ref()?;
        let step = Step::Append {
            after: self.written,
            entries: Arc::clone(&batch.entries),
            ends: batch.ends,
        };
        Some((Kind::Write, step))
    }

    /// Takes everything that waits. Questions get their numbers.
    fn gather(&mut self) -> Batch {
        let mut number = self.hold.idle().map_or(0, |call| call.next_question());
        let mut batch = Batch {
            lines: Vec::new(),
            entries: Arc::default(),
            ends: false,
        };
        let mut entries = Vec::new();
        for waits in self.waiting.take() {
            let line = match waits {
                Waits::Line(line) => line,
                Waits::Question(question) => {
                    let line = self.ask(question, number);
                    number += 1;
                    line
                }
            };
            batch.ends |= matches!(line.what, What::Response);
            // Everything that is said is JSON.
            if let Some(entry) = line.entry() {
                entries.push(entry);
                batch.lines.push(line);
            }
        }
        batch.entries = entries.into();
        batch
    }

    fn ask(&mut self, question: Unasked, number: u64) -> Line {
        self.pending.insert(number, question.answer);
        let call = self.key.clone();
        let id = QuestionId { call, number }.mint(&self.streams.heads.mac);
        let id = RequestId::from_string(&id);
        let message = write::request(&id, &question.method, question.params.as_deref());
        Line::new(message, What::Question(number))
    }

    /// Takes what came of a step.
    pub(super) async fn done(&mut self, done: Done) {
        match done {
            Done::Appended(appended) => self.appended(appended).await,
            Done::Seen(Look::Runs(answers)) => {
                self.trouble.retry_at = None;
                self.answered(answers);
                self.leave_where_displaced();
            }
            Done::Seen(Look::Stale) => {
                self.look_wanted = true;
                self.trouble.back_off();
            }
            Done::Seen(Look::Refused(refused)) | Done::Refused(refused) => self.refused(refused).await,
            Done::Cancelled | Done::Ended(Ended::Mine | Ended::Refused(_)) => {
                self.wake_reader();
                self.let_go();
            }
            Done::Failed(error) => self.failed(&error).await,
        }
    }

    async fn failed(&mut self, error: &CallsError) {
        debug!(message = "The head of a stream was not written or read.", call = ?self.key, %error);
        match (self.runs, error) {
            (Kind::Write, CallsError::Broken(_)) => self.break_off().await,
            (Kind::Cancel | Kind::End, CallsError::Broken(_)) => self.let_go(),
            (Kind::Look, _) => {
                self.look_wanted = true;
                self.trouble.back_off();
            }
            _ => self.trouble.back_off(),
        }
    }

    /// What was appended is sent, and its readers hear of it.
    async fn appended(&mut self, appended: Appended) {
        let Some(batch) = self.batch.take() else {
            return;
        };
        self.leave_where_displaced();
        if let Some(reader) = &appended.reader {
            self.waking.wake(reader, appended.version);
        }
        let mut is_ahead = false;
        for (line, sequence) in batch.lines.into_iter().zip(self.written + 1..) {
            if matches!(line.what, What::Response) {
                continue;
            }
            is_ahead = line.is_sent;
            if !line.is_sent {
                self.socket.logged(line.message, sequence);
            }
        }
        self.written = appended.last;
        if is_ahead {
            self.socket.place(self.written);
        }
        self.trouble.is_over(!self.waiting.is_empty());
        if batch.ends {
            self.tell(Verdict::Outcome, Some(appended.last)).await;
            self.let_go();
        } else {
            self.signs();
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
        self.signs();
    }

    fn signs(&mut self) {
        let owed = self.pending.len();
        self.state.send_if_modified(|state| {
            let is_new = state.owed != owed || owed > 0;
            state.owed = owed;
            state.signs += 1;
            is_new
        });
    }

    /// Closes the connections of a client that has come back elsewhere: its first one, which is here, or a later one.
    fn leave_where_displaced(&mut self) {
        let Some(call) = self.hold.idle() else {
            return;
        };
        let (reader, version) = (call.reader().cloned(), call.version());
        if reader.is_none() || reader == self.reader {
            return;
        }
        self.socket.close(Closed::Displaced);
        if let Some(former) = std::mem::replace(&mut self.reader, reader) {
            self.waking.wake_once(former, version);
        }
    }

    /// Lets whoever reads the stream elsewhere see how it ended.
    pub(super) fn wake_reader(&mut self) {
        if let Some(call) = self.hold.idle()
            && let Some(reader) = call.reader()
        {
            self.waking.wake(reader, call.version());
        }
    }

    /// Lets go of a head that is over.
    pub(super) fn let_go(&mut self) {
        self.socket.close(Closed::Ended);
        if let Some(call) = self.hold.take() {
            self.streams.heads.tasks.spawn(carried(call.tidy()));
        }
    }
}
