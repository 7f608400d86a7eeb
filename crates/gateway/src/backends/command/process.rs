//! One run of a program, from its start until nothing of it is left.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::output::{Output, Read};
use super::programs::Running;
use crate::process_group::{Group, exited};

/// How long a program that is to end may take for it.
pub(super) const GRACE: Duration = Duration::from_secs(2);
/// How long outputs are read on when the program is gone: somebody who left its group may hold them open.
const LEFTOVER: Duration = Duration::from_secs(1);

/// A program with everything that it is started with.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) program: PathBuf,
    pub(super) args: Vec<OsString>,
    pub(super) env: BTreeMap<OsString, OsString>,
    pub(super) cwd: Option<PathBuf>,
    pub(super) stdin: Option<String>,
    pub(super) timeout: Duration,
    pub(super) max_output_bytes: usize,
}

/// What is left of a program.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) ended: Ended,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

/// How a run ended.
#[derive(Debug)]
pub(super) enum Ended {
    Exited(ExitStatus),
    TimedOut,
    /// Nobody waits for it any more, or the gateway stops.
    Cancelled,
    /// More was written than is allowed, to the output of this name.
    TooLong(&'static str),
    Lost(io::Error),
}

struct Program {
    child: Child,
    group: Group,
    children: Signals,
    stdout: Output<ChildStdout>,
    stderr: Output<ChildStderr>,
}

/// Runs a program. Dropping the future ends the program: it is asked to, and killed if it does not.
///
/// # Errors
/// The program cannot be started.
pub(super) async fn run(
    prepared: Prepared,
    place: OwnedSemaphorePermit,
    all: &Running,
) -> io::Result<Finished> {
    let (program, stdin) = Program::start(&prepared, all)?;
    let cancel = all.stop.child_token();
    let _cancel_when_dropped = cancel.clone().drop_guard();
    // A task of its own: it goes on until nothing of the program is left, also when nobody waits for it any more.
    let finished = all.tasks.spawn(async move {
        let _place = place;
        program.run(prepared, stdin, cancel).await
    });
    finished.await.map_err(io::Error::other)
}

/// Says how a program ended that did not succeed.
pub(super) fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("the program ended with exit code {code}"),
        (None, Some(signal)) => format!("the program was ended by signal {signal}"),
        (None, None) => "the program failed".to_owned(),
    }
}

impl Program {
    fn start(prepared: &Prepared, all: &Running) -> io::Result<(Self, Option<ChildStdin>)> {
        // Before the program starts, so that its end is not missed.
        let children = signal(SignalKind::child())?;
        let mut command = Command::new(&prepared.program);
        command
            .args(&prepared.args)
            .env_clear()
            .envs(&prepared.env)
            .process_group(0)
            .kill_on_drop(true)
            .stdin(match prepared.stdin {
                Some(_) => Stdio::piped(),
                None => Stdio::null(),
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(cwd) = &prepared.cwd {
            command.current_dir(cwd);
        }
        let mut child = command.spawn()?;
        let group = Group::led_by(&child, &all.groups)?;
        let stdin = child.stdin.take();
        let limit = prepared.max_output_bytes;
        Ok((
            Self {
                stdout: Output::new(child.stdout.take(), limit),
                stderr: Output::new(child.stderr.take(), limit),
                child,
                group,
                children,
            },
            stdin,
        ))
    }

    async fn run(
        mut self,
        prepared: Prepared,
        stdin: Option<ChildStdin>,
        cancel: CancellationToken,
    ) -> Finished {
        let ended = tokio::select! {
            biased;
            () = cancel.cancelled() => Some(Ended::Cancelled),
            ended = self.follow(stdin, prepared.stdin) => ended,
            () = sleep(prepared.timeout) => Some(Ended::TimedOut),
        };
        let ended = match ended {
            Some(ended) => {
                self.end().await;
                let _ = self.reap().await;
                ended
            }
            None => self.finish().await,
        };
        Finished {
            ended,
            stdout: self.stdout.collected,
            stderr: self.stderr.collected,
        }
    }

    /// Feeds the program and reads what it writes until it exits. `Some` is a reason to end it.
    async fn follow(&mut self, stdin: Option<ChildStdin>, input: Option<String>) -> Option<Ended> {
        let feed = async {
            if let (Some(mut stdin), Some(input)) = (stdin, input) {
                // A program need not read its input.
                let _ = stdin.write_all(input.as_bytes()).await;
            }
            std::future::pending::<()>().await;
        };
        let leader = self.group.leader();
        let stdout = async {
            match self.stdout.read().await {
                Read::TooLong => "standard output",
                Read::Complete => std::future::pending().await,
            }
        };
        let stderr = async {
            match self.stderr.read().await {
                Read::TooLong => "standard error",
                Read::Complete => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            output = stdout => Some(Ended::TooLong(output)),
            output = stderr => Some(Ended::TooLong(output)),
            exited = exited(&mut self.children, leader) => exited.err().map(Ended::Lost),
            () = feed => None,
        }
    }

    /// The program has exited: what it left running goes too, and what was written is read to the end.
    async fn finish(&mut self) -> Ended {
        self.group.signal(Signal::KILL);
        let outputs = async { (self.stdout.read().await, self.stderr.read().await) };
        let read = timeout(LEFTOVER, outputs).await;
        match (self.reap().await, read) {
            (_, Ok((Read::TooLong, _))) => Ended::TooLong("standard output"),
            (_, Ok((_, Read::TooLong))) => Ended::TooLong("standard error"),
            (Ok(status), _) => Ended::Exited(status),
            (Err(error), _) => Ended::Lost(error),
        }
    }

    /// Asks the program to end, and ends it and all that it started.
    async fn end(&mut self) {
        self.group.signal(Signal::TERM);
        let _ = timeout(GRACE, exited(&mut self.children, self.group.leader())).await;
        self.group.signal(Signal::KILL);
    }

    async fn reap(&mut self) -> io::Result<ExitStatus> {
        self.group.let_go();
        self.child.wait().await
    }
}
