//! Programs under test: started with their output in files, stopped by process id.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::deadline;

/// A running program. Dropping it kills it, and shows its output when the test has failed.
pub(crate) struct Program {
    name: String,
    child: Child,
    folder: TempDir,
}

impl Program {
    /// Starts `command` with its standard output and standard error in files.
    pub(crate) fn start(name: &str, mut command: Command) -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let stdout = File::create(folder.path().join("stdout")).unwrap();
        let stderr = File::create(folder.path().join("stderr")).unwrap();
        command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        Self {
            name: name.to_owned(),
            child,
            folder,
        }
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What the program has written to standard output so far.
    pub(crate) fn stdout(&self) -> String {
        self.read("stdout")
    }

    /// What the program has written to standard error so far.
    pub(crate) fn stderr(&self) -> String {
        self.read("stderr")
    }

    /// Both outputs, standard output first.
    pub(crate) fn output(&self) -> String {
        format!("{}{}", self.stdout(), self.stderr())
    }

    /// Waits for a line in which `find` finds something; an early end of the program is a failure.
    pub(crate) async fn line<T>(&mut self, what: &str, find: impl Fn(&str) -> Option<T>) -> T {
        let found = deadline::poll(deadline::PATIENCE, async || {
            let found = self.output().lines().find_map(&find);
            if found.is_some() {
                return Some(found);
            }
            self.ended().is_some().then_some(None)
        })
        .await
        .flatten();
        match found {
            Some(value) => value,
            None => panic!("{} never printed {what}: {}", self.name, self.output()),
        }
    }

    /// The exit status, when the program has ended.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the state of a child can be read")
    }

    /// Waits for the end of the program.
    pub(crate) async fn exit(&mut self, limit: Duration) -> ExitStatus {
        let what = format!("the end of {}", self.name);
        deadline::until(&what, limit, async || self.ended()).await
    }

    /// Asks the program to stop (SIGTERM).
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    /// Interrupts the program as Ctrl-C does (SIGINT).
    pub(crate) fn interrupt(&self) {
        self.signal("INT");
    }

    /// Asks the program to open its files again (SIGHUP).
    pub(crate) fn hang_up(&self) {
        self.signal("HUP");
    }

    /// Pauses the program (SIGSTOP): its connections stay, and new ones wait.
    pub(crate) fn pause(&self) {
        self.signal("STOP");
    }

    /// Lets a paused program go on (SIGCONT).
    pub(crate) fn resume(&self) {
        self.signal("CONT");
    }

    /// Kills the program (SIGKILL) and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        // Both calls fail only when the program has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    fn read(&self, stream: &str) -> String {
        let path: PathBuf = self.folder.path().join(stream);
        let bytes = fs::read(path).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            show(&self.name, &self.output());
        }
    }
}

/// Sends a signal to a process that a test started.
///
/// # Panics
/// When there is no such process.
pub(crate) fn signal(pid: u32, name: &str) {
    // The shell has `kill` built in; a call of the system's function would need unsafe code.
    let status = Command::new("sh")
        .args(["-c", &format!("kill -{name} {pid}")])
        .status()
        .expect("a shell is there");
    assert!(status.success(), "cannot signal {pid} with {name}");
}

/// Shows the end of a program's output beneath the failure of the test that used it.
#[expect(
    clippy::print_stderr,
    reason = "the test harness prints captured output of failed tests only"
)]
fn show(name: &str, output: &str) {
    let lines: Vec<&str> = output.lines().collect();
    let tail = &lines[lines.len().saturating_sub(60)..];
    eprintln!("--- last lines of {name} ---\n{}\n---", tail.join("\n"));
}
