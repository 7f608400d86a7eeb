//! A process: started, waited for, and signalled with everything that belongs to it.

use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use mcpg_metrics::table::UPSTREAM_PROCESSES_STARTED;
use parking_lot::Mutex;
use rustix::process::Signal;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};
use tokio::time::timeout;

use super::program::Program;
use crate::process_group::{Group, Groups, exited};
use crate::upstream::error::UpstreamError;

/// What a process is given to end by itself after its standard input was closed.
const HINT: Duration = Duration::from_secs(2);
/// What it is given after it was asked by a signal.
const TERM: Duration = Duration::from_secs(1);

/// A running process and its group. The process is reaped last: until then the number of the group is its own.
pub(super) struct Process {
    child: Child,
    group: Group,
    signals: Signals,
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
    pub(super) fn start(program: &Program, groups: &Arc<Groups>) -> Result<(Self, Pipes), UpstreamError> {
        Self::spawn(program, groups).map_err(|error| {
            let folder = program
                .cwd()
                .map(|cwd| format!(" in the folder {}", cwd.display()))
                .unwrap_or_default();
            UpstreamError::not_sent(format!(
                "program {} cannot be started{folder}: {error}",
                program.name()
            ))
        })
    }

    fn spawn(program: &Program, groups: &Arc<Groups>) -> io::Result<(Self, Pipes)> {
        // Before the program starts, so that its end is not missed.
        let signals = signal(SignalKind::child())?;
        let mut child = program.command().spawn()?;
        let group = Group::led_by(&child, groups)?;
        let no_pipe = || io::Error::other("it has no pipes");
        let pipes = Pipes {
            stdin: child.stdin.take().ok_or_else(no_pipe)?,
            stdout: child.stdout.take().ok_or_else(no_pipe)?,
            stderr: child.stderr.take().ok_or_else(no_pipe)?,
        };
        let process = Self {
            child,
            group,
            signals,
        };
        UPSTREAM_PROCESSES_STARTED.count(&[&program.upstream]);
        Ok((process, pipes))
    }

    /// Waits for the end of the process, by itself.
    pub(super) async fn end(&mut self) {
        // What cannot be waited for is not there.
        let _ = exited(&mut self.signals, self.group.leader()).await;
    }

    /// Waits for its end after its standard input was closed, and makes sure of it.
    pub(super) async fn finish(&mut self) -> Option<ExitStatus> {
        if timeout(HINT, self.end()).await.is_err() {
            self.group.signal(Signal::TERM);
            // What happens now is the same whether or not it took the second hint.
            let _ = timeout(TERM, self.end()).await;
        }
        self.clear().await
    }

    /// Ends whatever is left of the process and of what it started.
    pub(super) async fn clear(&mut self) -> Option<ExitStatus> {
        self.group.signal(Signal::KILL);
        // Only a process that the system cannot end is still there afterwards.
        let _ = timeout(TERM, self.end()).await;
        self.group.let_go();
        timeout(TERM, self.child.wait()).await.ok()?.ok()
    }
}

/// Why a process that was not asked to has ended.
pub(super) fn cause(program: &Program, status: Option<ExitStatus>, last: &LastWords) -> String {
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
