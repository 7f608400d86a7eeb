//! The life of one child, from its start to the last trace of it.

use std::sync::Arc;
use std::time::Duration;

use tokio::process::ChildStdout;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep_until, timeout};
use tracing::debug;

use super::calls::Child;
use super::process::{LastWords, Pipes, Process, cause};
use super::writer::Write;
use super::{log, reader, writer};
use crate::upstream::session::For;

/// What was written before the end of a process is read for so long; a process that it has started may hold on to the
/// other end of the pipe for ever.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// How the life of a process came to its end.
enum Last {
    Exited,
    /// It has closed its standard output, so nothing will ever be heard of it.
    Silent,
    Stopped,
}

/// The tasks that move bytes.
struct Movers {
    reader: JoinHandle<()>,
    errors: JoinHandle<()>,
    writer: JoinHandle<()>,
}

impl Movers {
    fn start(
        child: &Arc<Child>,
        pipes: Pipes,
        queue: mpsc::Receiver<Write>,
        last_words: &Arc<LastWords>,
    ) -> Self {
        let Pipes {
            stdin,
            stdout,
            stderr,
        } = pipes;
        let (program, last_words) = (Arc::clone(&child.program), Arc::clone(last_words));
        Self {
            reader: tokio::spawn(read(Arc::clone(child), stdout)),
            errors: tokio::spawn(async move { log::log_errors(&program, stderr, &last_words).await }),
            writer: tokio::spawn(writer::write(stdin, queue)),
        }
    }

    /// Reads what a process has said before it ended: answers that count, and why it ended.
    async fn settle(&mut self) {
        let both = async {
            for mover in [&mut self.reader, &mut self.errors] {
                // One that has come to its end already must not be asked again.
                if !mover.is_finished() {
                    // An error is a panic, which has been reported.
                    let _ = mover.await;
                }
            }
        };
        let _ = timeout(LAST_WORDS, both).await;
    }

    async fn finish(mut self) {
        self.settle().await;
        self.reader.abort();
        self.errors.abort();
        self.writer.abort();
    }
}

async fn read(child: Arc<Child>, stdout: ChildStdout) {
    reader::read(child, stdout).await;
}

/// Looks after a process until nothing is left of it. A child of one client ends when it has had nothing to do for
/// `idle`.
pub(super) async fn live(
    child: Arc<Child>,
    mut process: Process,
    pipes: Pipes,
    queue: mpsc::Receiver<Write>,
    idle: Duration,
) {
    let last_words = Arc::<LastWords>::default();
    let mut movers = Movers::start(&child, pipes, queue, &last_words);
    let last = tokio::select! {
        () = process.end() => Last::Exited,
        _ = &mut movers.reader => match timeout(LAST_WORDS, process.end()).await {
            Ok(()) => Last::Exited,
            Err(_) => Last::Silent,
        },
        () = child.stop.cancelled() => {
            child.routes.close("its process was stopped");
            Last::Stopped
        }
        () = idleness(&child, idle) => Last::Stopped,
    };
    // The end of the queue closes the standard input, as soon as what is in it has been written.
    *child.writes.lock() = None;
    match last {
        Last::Exited => {
            movers.settle().await;
            let status = process.clear().await;
            child.routes.close(&cause(&child.program, status, &last_words));
        }
        Last::Silent => {
            let program = child.program.name();
            child
                .routes
                .close(&format!("program {program} has closed its standard output"));
            process.finish().await;
        }
        Last::Stopped => {
            process.finish().await;
        }
    }
    movers.finish().await;
    child.routes.end_all();
    child.ended.cancel();
    debug!(
        message = "A child process has ended.",
        upstream = child.upstream(),
        cause = child.routes.cause()
    );
}

/// Waits until a child of one client has had nothing to do for so long, and lets nothing begin on it any more.
async fn idleness(child: &Child, idle: Duration) {
    if child.whom == For::Everybody {
        return std::future::pending().await;
    }
    loop {
        match child.routes.idle_since() {
            Some(since) if since.elapsed() >= idle => {
                if child
                    .routes
                    .close_if_idle(since, "its process had nothing to do and was stopped")
                {
                    return;
                }
            }
            Some(since) => sleep_until(since + idle).await,
            // Whatever runs now, idleness cannot be over before this.
            None => tokio::time::sleep(idle).await,
        }
    }
}
