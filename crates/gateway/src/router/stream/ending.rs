//! How the stream of a call ends, and what is sent when the head cannot be written.

use mcpg_capabilities::calls::Refused;
use mcpg_mcp::id::RequestId;
use mcpg_mcp::write;
use tokio::time::Instant;

use super::handle::{Last, Said};
use super::task::{Ending, Task};
use super::waiting::{Line, What};
use crate::observe::Closed;
use crate::router::drive::stream_overflow;
use crate::router::head::{Verdict, verdict_of};

impl Task {
    /// Takes the driver's last word.
    pub(super) async fn take_last(&mut self, last: Last) {
        self.last = None;
        self.given_up = Some(Instant::now() + self.streams.heads.calls.record_ttl());
        let Last::Response {
            before,
            response,
            told,
        } = last
        else {
            self.ending = Ending::Nothing;
            self.socket.close(Closed::Ended);
            self.pending.clear();
            self.batch = None;
            self.waiting.take();
            return;
        };
        let mut late = Vec::new();
        while let Ok(said) = self.inbox.try_recv() {
            late.push(said);
        }
        for said in late.into_iter().chain(before) {
            // Nobody waits for an answer any more.
            if let Said::Line(line) = said {
                self.hear(line);
            }
        }
        self.waiting.drop_questions();
        self.pending.clear();
        self.waiting.push(Line::new(response, What::Response), false);
        self.trouble.waits();
        self.ending = Ending::Response(told);
        if self.trouble.is_long {
            self.release().await;
        }
    }

    /// Sends what has waited for too long without ids, the response last.
    pub(super) async fn release(&mut self) {
        self.trouble.is_long = true;
        let batch = self.batch.iter_mut().flat_map(|batch| &mut batch.lines);
        let mut is_over = false;
        for line in batch.chain(self.waiting.unsent()).filter(|line| !line.is_sent) {
            match line.what {
                // Nobody could take the answer.
                What::Question(_) => continue,
                What::Response => is_over = true,
                What::Progress | What::Notification => self.socket.unlogged(line.message.clone()),
            }
            line.is_sent = true;
        }
        if is_over {
            self.tell(Verdict::Outcome, None).await;
        }
    }

    /// The head will never take what is to be written: the stream goes on without it.
    pub(super) async fn break_off(&mut self) {
        self.release().await;
        self.trouble.is_broken = true;
        self.batch = None;
        self.waiting.take();
    }

    /// The head takes nothing more of what is said: the stream ends with an error. A response that exists goes to the
    /// client's connection all the same.
    async fn overflow(&mut self) {
        if self.last.is_some() {
            // The driver ends the call then.
            self.state
                .send_modify(|state| state.refused = Some(Refused::OverBudget));
        } else if let Ending::Response(_) = self.ending {
            self.release().await;
            let error =
                RequestId::from_json(self.key.id()).map(|id| write::error(Some(&id), &stream_overflow()));
            if let Ok(error) = error {
                self.waiting.take();
                self.waiting.push(Line::new(error, What::Response), false);
            }
        } else {
            // Not even the error: whoever reads the stream finds that it is over.
            self.trouble.is_broken = true;
        }
        self.batch = None;
        if self.last.is_some() || self.trouble.is_broken {
            self.waiting.take();
            self.pending.clear();
        }
    }

    /// The call is no longer this replica's.
    pub(super) async fn refused(&mut self, refused: Refused) {
        if refused == Refused::OverBudget {
            return self.overflow().await;
        }
        self.wake_reader();
        if let Some(last) = self.last.take() {
            self.state.send_modify(|state| state.refused = Some(refused));
            let last = last.await.unwrap_or(Last::Nothing);
            self.take_last(last).await;
        }
        let verdict = verdict_of(refused);
        if verdict == Verdict::Outcome {
            self.release().await;
        }
        self.tell(verdict, None).await;
        self.let_go();
    }

    /// Lets the driver say what is sent last, sends it, and closes the client's connection.
    pub(super) async fn tell(&mut self, verdict: Verdict, sequence: Option<u64>) {
        let Ending::Response(told) = std::mem::replace(&mut self.ending, Ending::Told) else {
            return;
        };
        self.state.send_modify(|state| state.verdict = Some(verdict));
        if let Ok(Some(message)) = told.await {
            match sequence {
                Some(sequence) => self.socket.logged(message, sequence),
                None => self.socket.unlogged(message),
            }
        }
        self.socket.close(Closed::Ended);
    }
}
