//! Writes the stream of one call, first to its head and then to its client.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use mcpg_capabilities::calls::{CallKey, Entry, OpenCall};
use mcpg_capabilities::delivery::Reader;
use mcpg_capabilities::mailbox::Mailbox;
use mcpg_capabilities::sessions::{SessionError, SessionId, Sessions};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until};

use super::handle::{Last, Looking, Said, State, Stream};
use super::socket::{Events, Socket};
use super::step::{Hold, Kind};
use super::trouble::Trouble;
use super::waiting::{Line, Waiting};
use super::waking::Waking;
use crate::exchange::Answer;
use crate::frames::{Frames, frames};
use crate::observe::{Closed, carried};
use crate::router::drive::EVENT_QUEUE;
use crate::router::followers::Followers;
use crate::router::head::Heads;

/// What the streams of all calls share.
pub(in crate::router) struct Streams {
    pub(in crate::router) heads: Arc<Heads>,
    pub(in crate::router) sessions: Arc<Sessions>,
    pub(in crate::router) mailbox: Mailbox,
    pub(in crate::router) followers: Arc<Followers>,
}

/// A call whose head stands.
pub(in crate::router) struct StreamParts {
    pub(in crate::router) call: Box<OpenCall>,
    pub(in crate::router) session: SessionId,
    /// Whether the client understands an event without data.
    pub(in crate::router) places: bool,
}

impl Streams {
    /// Begins the stream of a call: what the driver says goes in, and what the client's connection gets comes out.
    pub(in crate::router) fn begin(self: &Arc<Self>, parts: StreamParts) -> (Stream, Frames) {
        let StreamParts {
            call,
            session,
            places,
        } = parts;
        let (sender, frames) = frames();
        let events = Events::new(&self.heads.mac, &session, call.key(), call.birth());
        let (said, inbox) = mpsc::channel(EVENT_QUEUE);
        let (looking, looks) = watch::channel(Looking::default());
        let (last, word) = oneshot::channel();
        let (tell, state) = watch::channel(State::default());
        let every = self.heads.calls.record_ttl() / 5;
        let mut keeping = interval_at(Instant::now() + every, every);
        keeping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let task = Task {
            key: call.key().clone(),
            waking: Waking::new(self, call.key()),
            reader: None,
            streams: Arc::clone(self),
            socket: Socket::new(sender, events, places),
            hold: Hold::Idle(call),
            session,
            inbox,
            looks,
            last: Some(word),
            state: tell,
            batch: None,
            waiting: Waiting::default(),
            written: 0,
            pending: HashMap::new(),
            ending: Ending::Runs,
            pause_client: None,
            trouble: Trouble::default(),
            runs: Kind::Write,
            look_wanted: false,
            keep_wanted: false,
            given_up: None,
            keeping,
            admitting: None,
        };
        self.heads.tasks.spawn(carried(task.run()));
        let stream = Stream {
            said,
            looking,
            last,
            state,
        };
        (stream, frames)
    }
}

/// What is being appended, until it is known to stand.
pub(super) struct Batch {
    pub(super) lines: Vec<Line>,
    pub(super) entries: Arc<[Entry]>,
    pub(super) ends: bool,
}

/// How far the call is.
pub(super) enum Ending {
    Runs,
    /// Its response waits for the head; the driver says what is to be sent when it knows the verdict.
    Response(oneshot::Receiver<Option<Bytes>>),
    /// The client was told, but the head was not yet.
    Told,
    /// There will be no response.
    Nothing,
}

/// The task of one stream.
pub(super) struct Task {
    pub(super) streams: Arc<Streams>,
    pub(super) key: CallKey,
    pub(super) session: SessionId,
    pub(super) socket: Socket,
    pub(super) hold: Hold,
    pub(super) inbox: mpsc::Receiver<Said>,
    pub(super) looks: watch::Receiver<Looking>,
    pub(super) last: Option<oneshot::Receiver<Last>>,
    pub(super) state: watch::Sender<State>,
    pub(super) batch: Option<Batch>,
    pub(super) waiting: Waiting,
    /// The number of the last event that stands in the head.
    pub(super) written: u64,
    /// The questions that stand in the head, or are about to, by their numbers.
    pub(super) pending: HashMap<u64, oneshot::Sender<Answer>>,
    pub(super) ending: Ending,
    /// After how long the client is to come back, once everything before that was sent.
    pub(super) pause_client: Option<u64>,
    pub(super) waking: Waking,
    /// Who reads the stream instead of the client's first connection.
    pub(super) reader: Option<Reader>,
    pub(super) trouble: Trouble,
    /// What is done with the head, or was the last time.
    pub(super) runs: Kind,
    pub(super) look_wanted: bool,
    pub(super) keep_wanted: bool,
    /// When the head is left to expire.
    pub(super) given_up: Option<Instant>,
    keeping: Interval,
    admitting: Option<Pin<Box<dyn Future<Output = bool> + Send>>>,
}

impl Task {
    async fn run(mut self) {
        loop {
            self.begin_step();
            if self.hold.is_over() {
                break;
            }
            let listens = self.last.is_some();
            tokio::select! {
                biased;
                done = self.hold.done() => self.done(done).await,
                last = word(&mut self.last) => self.take_last(last).await,
                Some(said) = self.inbox.recv(), if listens && self.waiting.has_room() => self.take(said),
                Ok(()) = self.looks.changed(), if listens => self.look_wanted = true,
                _ = self.keeping.tick() => self.keep(),
                is_gone = admitted(&mut self.admitting) => self.admitted(is_gone),
                () = self.waking.run() => {}
                () = self.socket.closed() => self.socket.close(Closed::ClientGone),
                () = at(self.trouble.long_from()) => self.release().await,
                () = at(self.trouble.retry_at) => self.trouble.retry_at = None,
                () = at(self.given_up) => break,
            }
            self.pause_where_all_is_sent();
        }
        self.waking.finish();
    }

    /// Takes what was said: it waits for the head.
    pub(super) fn take(&mut self, said: Said) {
        match said {
            Said::Line(line) => self.hear(line),
            Said::Question(question) => {
                self.waiting.push_question(question);
                self.trouble.waits();
            }
            Said::Pause(retry_ms) => self.pause_client = Some(retry_ms),
        }
    }

    pub(super) fn hear(&mut self, mut line: Line) {
        if self.trouble.is_long {
            line.is_sent = true;
            self.socket.unlogged(line.message.clone());
            if self.trouble.is_broken {
                return;
            }
        }
        let is_writing = self.batch.is_some();
        self.waiting.push(line, is_writing);
        self.trouble.waits();
    }

    /// Keeps the head and the session from running out while the call runs.
    fn keep(&mut self) {
        self.keep_wanted = true;
        if self.admitting.is_none() {
            let (sessions, id) = (Arc::clone(&self.streams.sessions), self.session.clone());
            self.admitting = Some(Box::pin(async move {
                matches!(sessions.admit_again(id).await, Err(SessionError::Unknown))
            }));
        }
    }

    fn admitted(&mut self, is_gone: bool) {
        self.admitting = None;
        if is_gone {
            self.state.send_modify(|state| state.session_closed = true);
        }
    }

    fn pause_where_all_is_sent(&mut self) {
        if self.batch.is_none()
            && self.waiting.is_empty()
            && let Some(retry_ms) = self.pause_client.take()
        {
            self.socket.pause(self.written, retry_ms);
        }
    }
}

async fn word(last: &mut Option<oneshot::Receiver<Last>>) -> Last {
    match last {
        // Without a word the driver is gone.
        Some(receiver) => receiver.await.unwrap_or(Last::Nothing),
        None => std::future::pending().await,
    }
}

async fn admitted(admitting: &mut Option<Pin<Box<dyn Future<Output = bool> + Send>>>) -> bool {
    match admitting {
        Some(admitting) => admitting.await,
        None => std::future::pending().await,
    }
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
