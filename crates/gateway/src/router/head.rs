//! The head of a legacy call: the record by which other replicas find it.
//!
//! A call that is answered quickly has none. One that becomes a stream is given one first, in a task of its own, so
//! that the call goes on however long the coordinator takes.

use std::sync::Arc;
use std::time::Duration;

use mcpg_capabilities::calls::{
    CallKey, Calls, CallsError, Ended, Look, OpenCall, Opened, Opening, QuestionAnswer, QuestionId, Refused,
    Released,
};
use mcpg_capabilities::calls::{Moment, Version};
use mcpg_capabilities::mac::MacKey;
use mcpg_capabilities::replica::Replica;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tracing::debug;

use crate::observe::carried;

/// The pauses between attempts to reach the coordinator.
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(50);
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long a result waits for a head that is being written: one operation of the coordinator.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// What the heads of all calls share.
pub(super) struct Heads {
    pub(super) calls: Calls,
    pub(super) replica: Arc<Replica>,
    pub(super) mac: MacKey,
    /// Where heads are tidied up that nobody waits for.
    pub(super) tasks: TaskTracker,
}

/// The head of one call.
pub(super) struct CallHead {
    heads: Arc<Heads>,
    key: CallKey,
    started: Moment,
    stage: Stage,
}

enum Stage {
    /// The call was quick and quiet so far.
    Unwritten,
    Opening(Pending),
    Open(Box<OpenCall>),
    /// It never stood, or stands no more.
    Over,
}

/// A head that is being written by a task of its own.
struct Pending {
    steps: mpsc::Receiver<Step>,
    troubled: bool,
    /// Dropped: the task takes back what it wrote.
    _give_up: DropGuard,
}

/// What the task says.
enum Step {
    /// The coordinator cannot be reached; the task goes on trying.
    Troubled,
    Opened(Opened),
}

/// What became of a head that was to be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Met {
    /// It stands: every replica finds the call.
    Stands,
    /// The client cancelled the call before.
    Cancelled,
    /// Another call with this id runs in the session.
    Duplicate,
    /// Nobody can say any more whether the call was cancelled.
    Unknown,
    /// It does not stand yet and may not for long: what waits for it waits in vain.
    Delayed,
}

/// What may be sent to the client at the end of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The outcome.
    Outcome,
    /// Nothing: it was cancelled.
    Nothing,
    /// That nobody knows the outcome: this replica was found dead meanwhile.
    Unknown,
}

/// Answers to questions, by number, or why there are none any more.
pub(super) type Seen = Result<Vec<(u64, QuestionAnswer)>, Refused>;

impl CallHead {
    pub(super) fn new(heads: &Arc<Heads>, key: CallKey) -> Self {
        Self {
            started: heads.calls.now(),
            heads: Arc::clone(heads),
            key,
            stage: Stage::Unwritten,
        }
    }

    pub(super) fn is_unwritten(&self) -> bool {
        matches!(self.stage, Stage::Unwritten)
    }

    /// Hands over the head that stands, to be kept by a stream.
    pub(super) fn take_open(&mut self) -> Option<Box<OpenCall>> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Open(call) => Some(call),
            other => {
                self.stage = other;
                None
            }
        }
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open(_))
    }

    /// Whether the head is being written and nothing has gone wrong at that yet.
    pub(super) fn is_on_its_way(&self) -> bool {
        matches!(&self.stage, Stage::Opening(pending) if !pending.troubled)
    }

    /// How often [`keep`](Self::keep) is due.
    pub(super) fn keep_every(&self) -> Duration {
        self.heads.calls.record_ttl() / 4
    }

    /// Begins to write the head, if that was not begun yet.
    pub(super) fn start_opening(&mut self) {
        if !self.is_unwritten() {
            return;
        }
        // Room for all that the task ever says.
        let (tell, steps) = mpsc::channel(2);
        let give_up = CancellationToken::new();
        let work = OpeningWork {
            heads: Arc::clone(&self.heads),
            key: self.key.clone(),
            started: self.started,
            tell,
        };
        self.heads.tasks.spawn(carried(work.run(give_up.clone())));
        self.stage = Stage::Opening(Pending {
            steps,
            troubled: false,
            _give_up: give_up.drop_guard(),
        });
    }

    /// Waits until a head that is being written stands or never will; otherwise waits for ever.
    pub(super) async fn opened(&mut self) -> Met {
        let Stage::Opening(pending) = &mut self.stage else {
            return std::future::pending().await;
        };
        let opened = match pending.steps.recv().await {
            Some(Step::Opened(opened)) => opened,
            Some(Step::Troubled) => {
                pending.troubled = true;
                return Met::Delayed;
            }
            // The task only ends without a word when the process does.
            None => Opened::Claimed,
        };
        let (stage, met) = match opened {
            Opened::Open(call) => (Stage::Open(call), Met::Stands),
            Opened::Cancelled => (Stage::Over, Met::Cancelled),
            Opened::Duplicate => (Stage::Over, Met::Duplicate),
            Opened::TooLate | Opened::Claimed => (Stage::Over, Met::Unknown),
        };
        self.stage = stage;
        met
    }

    /// Numbers a question; `None` when that cannot be recorded, and then it must not be asked.
    pub(super) async fn ask(&mut self) -> Result<Option<(u64, String)>, Refused> {
        let Stage::Open(call) = &mut self.stage else {
            return Ok(None);
        };
        match call.ask().await {
            Ok(Ok(number)) => {
                let id = QuestionId {
                    call: self.key.clone(),
                    number,
                };
                Ok(Some((number, id.mint(&self.heads.mac))))
            }
            Ok(Err(refused)) => Err(refused),
            Err(error) => {
                debug!(message = "A question could not be recorded and is not asked.", call = ?self.key, %error);
                Ok(None)
            }
        }
    }

    /// Reads the head after a wake-up.
    pub(super) async fn look(&mut self, at_least: Option<Version>) -> Seen {
        let Stage::Open(call) = &mut self.stage else {
            return Ok(Vec::new());
        };
        let mut pause = FIRST_PAUSE;
        loop {
            match call.look(at_least).await {
                Ok(Look::Runs(answers)) => return Ok(answers),
                Ok(Look::Refused(refused)) => return Err(refused),
                Ok(Look::Stale) => {}
                Err(error) => {
                    debug!(message = "The head of a call could not be read.", call = ?self.key, %error);
                }
            }
            if pause > LONGEST_PAUSE {
                // The next look, at the latest the one that keeps the head, sees it.
                return Ok(Vec::new());
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }

    /// Keeps the head from running out.
    pub(super) async fn keep(&mut self) -> Seen {
        let (Stage::Open(call), Some(owner)) = (&mut self.stage, self.heads.replica.owner()) else {
            return Ok(Vec::new());
        };
        match call.keep_alive(&owner).await {
            Ok(Look::Runs(answers)) => Ok(answers),
            Ok(Look::Refused(refused)) => Err(refused),
            Ok(Look::Stale) => Ok(Vec::new()),
            Err(error) => {
                debug!(message = "The head of a call could not be kept.", call = ?self.key, %error);
                Ok(Vec::new())
            }
        }
    }

    /// Waits, no longer than one operation, for a head that is being written while the outcome is there already.
    pub(super) async fn settle(&mut self) -> Met {
        if !self.is_on_its_way() {
            return Met::Delayed;
        }
        let opened = tokio::time::timeout(PATIENCE, self.opened());
        opened.await.unwrap_or(Met::Delayed)
    }

    /// Ends the call and says what may be sent. A result that exists reaches its client, even when the coordinator
    /// cannot be reached: then the end is written as soon as it can be.
    pub(super) async fn end(mut self) -> Verdict {
        let Stage::Open(mut call) = std::mem::replace(&mut self.stage, Stage::Over) else {
            return Verdict::Outcome;
        };
        match call.end().await {
            Ok(ended) => {
                self.heads.tasks.spawn(carried(call.tidy()));
                verdict(ended)
            }
            Err(error) => {
                debug!(message = "The end of a call is written later.", call = ?self.key, %error);
                let ttl = self.heads.calls.record_ttl();
                self.heads
                    .tasks
                    .spawn(carried(tokio::time::timeout(ttl, end_later(call))));
                Verdict::Outcome
            }
        }
    }

    /// Gives the head up without a word to the client.
    pub(super) fn abandon(mut self) {
        if let Stage::Open(call) = std::mem::replace(&mut self.stage, Stage::Over) {
            let ttl = self.heads.calls.record_ttl();
            self.heads
                .tasks
                .spawn(carried(tokio::time::timeout(ttl, end_later(call))));
        }
    }
}

fn verdict(ended: Ended) -> Verdict {
    match ended {
        Ended::Mine => Verdict::Outcome,
        Ended::Refused(refused) => verdict_of(refused),
    }
}

/// What may be sent when the end of a call was refused.
pub(super) fn verdict_of(refused: Refused) -> Verdict {
    match refused {
        // Nobody can have answered in the place of this replica: there is no head that says so.
        Refused::Gone | Refused::OverBudget => Verdict::Outcome,
        Refused::Cancelled => Verdict::Nothing,
        Refused::Claimed => Verdict::Unknown,
    }
}

async fn end_later(mut call: Box<OpenCall>) {
    let mut pause = FIRST_PAUSE;
    while let Err(error) = call.end().await {
        if matches!(error, CallsError::Broken(_)) {
            debug!(message = "The end of a call cannot be written.", %error);
            return;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    call.tidy().await;
}

/// Writes a head, as long as it takes.
struct OpeningWork {
    heads: Arc<Heads>,
    key: CallKey,
    started: Moment,
    tell: mpsc::Sender<Step>,
}

impl OpeningWork {
    async fn run(self, give_up: CancellationToken) {
        let mut opening = None;
        let opened = give_up.run_until_cancelled(self.open(&mut opening)).await;
        match opened.map(|opened| self.tell.try_send(Step::Opened(opened))) {
            Some(Ok(())) => {}
            // The call was over before its head stood.
            Some(Err(TrySendError::Closed(unheard) | TrySendError::Full(unheard))) => {
                if let Step::Opened(Opened::Open(call)) = unheard {
                    end_later(call).await;
                }
            }
            None => {
                if let Some(opening) = opening {
                    self.take_back(opening).await;
                }
            }
        }
    }

    async fn open(&self, slot: &mut Option<Opening>) -> Opened {
        // A replica that has just lost its lease has another one soon: that is worth waiting for before events are dropped.
        let trouble_from = Instant::now() + PATIENCE;
        let mut pause = FIRST_PAUSE;
        let mut troubled = false;
        loop {
            if slot.is_none() {
                *slot = self.opening();
            }
            if slot.is_none() && Instant::now() < trouble_from {
                tokio::time::sleep(FIRST_PAUSE).await;
                continue;
            }
            if let Some(opening) = slot {
                match opening.open().await {
                    Ok(opened) => return opened,
                    Err(error) => debug!(message = "A call has no head yet.", call = ?self.key, %error),
                }
            }
            if !std::mem::replace(&mut troubled, true) {
                // There is room, or nobody listens any more.
                let _ = self.tell.try_send(Step::Troubled);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// A replica without a lease owns nothing.
    fn opening(&self) -> Option<Opening> {
        let owner = self.heads.replica.owner()?;
        Some(self.heads.calls.opening(self.key.clone(), owner, self.started))
    }

    async fn take_back(&self, mut opening: Opening) {
        let mut pause = FIRST_PAUSE;
        let ttl = self.heads.calls.record_ttl();
        let settled = async {
            loop {
                match opening.abandon().await {
                    Ok(Released::Free | Released::Cancelled | Released::Claimed) => return,
                    Err(error) => debug!(message = "A head is taken back later.", call = ?self.key, %error),
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        };
        // What cannot be taken back for so long has expired.
        let _ = tokio::time::timeout(ttl, settled).await;
    }
}
