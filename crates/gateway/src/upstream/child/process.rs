//! A process: started, waited for, and signalled with everything that belongs to it.

use std::process::ExitStatus;
use std::time::Duration;

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use tokio::time::timeout;
use tracing::debug;

use super::program::Program;
use crate::upstream::error::UpstreamError;

/// What a process is given to end by itself after its standard input was closed.
const HINT: Duration = Duration::from_secs(2);
/// What it is given after it was asked by a signal.
const TERM: Duration = Duration::from_secs(1);

/// A running process and its group.
pub(super) struct Process {
    child: Child,
    group: Option<Pid>,
}

/// The three streams of a process.
pub(super) struct Pipes {
    pub(super) stdin: ChildStdin,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
}

/// The last line that a process has written to its standard error, as it may be shown.
#[derive(Debug, Default)]
pub(super) struct LastWords(Mutex<Option<String>>);

impl LastWords {
    /// How much of a line is worth repeating.
    const REPEATED: usize = 300;

    pub(super) fn put(&self, line: &str) {
        let line = line.chars().take(Self::REPEATED).collect();
        *self.0.lock() = Some(line);
    }

    pub(super) fn get(&self) -> Option<String> {
        self.0.lock().clone()
    }
}

impl Process {
    pub(super) fn start(program: &Program) -> Result<(Self, Pipes), UpstreamError> {
        let mut child = program.command().spawn().map_err(|error| {
            let folder = program
                .cwd()
                .map(|cwd| format!(" in the folder {}", cwd.display()))
                .unwrap_or_default();
            UpstreamError::not_sent(format!(
                "program {} cannot be started{folder}: {error}",
                program.name()
            ))
        })?;
        let group = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(UpstreamError::not_sent(format!(
                "program {} has no pipes",
                program.name()
            )));
        };
        let pipes = Pipes {
            stdin,
            stdout,
            stderr,
        };
        Ok((Self { child, group }, pipes))
    }

    /// Waits for the end of the process, by itself.
    pub(super) async fn end(&mut self) -> Option<ExitStatus> {
        self.child.wait().await.ok()
    }

    /// Waits for its end after its standard input was closed, and makes sure of it.
    pub(super) async fn finish(&mut self) {
        if timeout(HINT, self.child.wait()).await.is_err() {
            self.signal(Signal::TERM);
            // What happens now is the same whether or not it took the second hint.
            let _ = timeout(TERM, self.child.wait()).await;
        }
        self.clear().await;
    }

    /// Ends whatever is left of the process and of what it started.
    pub(super) async fn clear(&mut self) {
        self.signal(Signal::KILL);
        // Only a process that the system cannot end is still there afterwards.
        let _ = timeout(TERM, self.child.wait()).await;
    }

    /// A group keeps its number for as long as one process is in it, also after the first one has ended.
    fn signal(&self, signal: Signal) {
        let Some(group) = self.group else { return };
        match kill_process_group(group, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => {}
            Err(error) => debug!(message = "A process group could not be signalled.", ?group, %error),
        }
    }
}

/// Why a process that was not asked to has ended.
pub(super) fn exited(program: &Program, status: Option<ExitStatus>, last: &LastWords) -> String {
    use std::os::unix::process::ExitStatusExt;
    let how = match status {
        Some(status) => match (status.code(), status.signal()) {
            (Some(code), _) => format!("exited with status {code}"),
            (None, Some(signal)) => format!("was ended by signal {signal}"),
            (None, None) => "ended".to_owned(),
        },
        None => "ended".to_owned(),
    };
    let program = program.name();
    match last.get() {
        Some(line) => format!("program {program} {how}; its last line was: {line}"),
        None => format!("program {program} {how}"),
    }
}
