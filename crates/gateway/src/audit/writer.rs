//! The thread of one sink: takes what gathered, writes it at once, and tries again for as long as that fails.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use mcpg_config::app::OnFailure;
use mcpg_metrics::table::{AUDIT_FAILING, AUDIT_LINES};
use mcpg_metrics::{Counter, Gauge};
use tracing::{error, info, warn};

use super::line::{Layout, Record};
use super::queue::{Queue, Work};
use super::sink::Sink;

/// About how much is written at once.
const BATCH: usize = 1024 * 1024;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How often an operator is reminded of lines that cannot be written.
const REMINDER: Duration = Duration::from_secs(60);
/// How long a sink that fails is tried after the end of the gateway.
const LAST_TRIES: Duration = Duration::from_secs(3);

/// The lines that are on their way.
pub(super) type Lines = Arc<Queue<Arc<Record>>>;

pub(super) struct Writer {
    pub(super) sink: Sink,
    pub(super) queue: Lines,
    pub(super) layout: Arc<Layout>,
    pub(super) on_failure: OnFailure,
    reminded: Option<Instant>,
    written: Counter,
    lost: Counter,
    failing: Gauge,
}

impl Writer {
    pub(super) fn new(sink: Sink, queue: Lines, layout: Arc<Layout>, on_failure: OnFailure) -> Self {
        let name = sink.name();
        let failing = AUDIT_FAILING.gauge(&[&name]);
        failing.set(0.0);
        Self {
            written: AUDIT_LINES.counter(&[&name, "written"]),
            lost: AUDIT_LINES.counter(&[&name, "lost"]),
            failing,
            sink,
            queue,
            layout,
            on_failure,
            reminded: None,
        }
    }

    /// Starts the thread. What comes back is dropped when the thread has ended.
    pub(super) fn start(self) -> io::Result<Receiver<()>> {
        let (running, ended) = mpsc::channel();
        thread::Builder::new()
            .name("mcpg-audit".to_owned())
            .spawn(move || {
                self.run();
                drop(running);
            })?;
        Ok(ended)
    }

    fn run(mut self) {
        loop {
            let Work {
                batch,
                reopen,
                closed,
            } = self.queue.work(BATCH);
            for record in &batch {
                self.layout.write(record, self.sink.pending());
            }
            let lines = batch.len() as u64;
            // The records may hold large arguments; they are not needed while the disk is slow.
            drop(batch);
            let mut attempt = self.sink.flush();
            if reopen {
                attempt = attempt.and_then(|()| self.sink.open_again());
            }
            let left = match attempt {
                Ok(()) => 0,
                Err(error) => self.try_again(error),
            };
            self.written.increment(lines - left.min(lines));
            self.tell_of_losses();
            if closed {
                return;
            }
        }
    }

    /// Tries until what is pending is written; or for a while, when the gateway has ended. Says how many lines are left.
    fn try_again(&mut self, mut error: io::Error) -> u64 {
        self.queue.set_failing(true);
        self.failing.set(1.0);
        let mut pause = FIRST_PAUSE;
        let mut closed_since = None;
        loop {
            self.remind(&error);
            let closed = self.queue.pause(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
            match self.sink.open_again().and_then(|()| self.sink.flush()) {
                Ok(()) => break,
                Err(next) => error = next,
            }
            if closed {
                pause = FIRST_PAUSE;
                if closed_since.get_or_insert_with(Instant::now).elapsed() > LAST_TRIES {
                    let (sink, lines) = (self.sink.name(), self.sink.lines_left());
                    error!(message = "Audit lines are lost: the gateway ends and they cannot be written.", sink, lines, %error);
                    self.sink.give_up();
                    self.lost.increment(lines);
                    return lines;
                }
            }
        }
        self.queue.set_failing(false);
        self.failing.set(0.0);
        self.reminded = None;
        info!(
            message = "Audit lines are written again.",
            sink = self.sink.name()
        );
        0
    }

    /// Says at first and then now and again that lines cannot be written.
    fn remind(&mut self, error: &io::Error) {
        if self.reminded.is_some_and(|last| last.elapsed() < REMINDER) {
            return;
        }
        self.reminded = Some(Instant::now());
        let sink = self.sink.name();
        match self.on_failure {
            OnFailure::FailClosed => error!(
                message = "Audit lines cannot be written: calls are refused until they can.",
                sink, %error
            ),
            OnFailure::FailOpen => warn!(
                message = "Audit lines cannot be written: they are kept for now, and lost when there are too many.",
                sink, %error
            ),
        }
        self.tell_of_losses();
    }

    fn tell_of_losses(&self) {
        let lines = self.queue.take_lost();
        if lines > 0 {
            self.lost.increment(lines);
            warn!(message = "Audit lines were lost.", sink = self.sink.name(), lines);
        }
    }
}
