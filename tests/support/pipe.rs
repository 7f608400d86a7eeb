//! A gateway that is reached over its standard input and output.

use std::process::{ExitStatus, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

use super::deadline::within;
use super::gateway::{Settings, command};

/// A gateway at the other end of a pipe. Dropping it kills it.
pub(crate) struct Pipe {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    log: JoinHandle<String>,
    _folder: TempDir,
}

/// How the program ended, and what it wrote besides what was read.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// What was left on standard output.
    pub(crate) rest: Vec<String>,
    pub(crate) log: String,
}

impl Pipe {
    /// Starts a gateway with `--stdio`.
    pub(crate) fn start(settings: &Settings) -> Self {
        Self::start_with(settings, &["--stdio"])
    }

    /// Starts a gateway with these arguments besides its configuration.
    pub(crate) fn start_with(settings: &Settings, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let mut command = Command::from(command());
        command
            .arg("--config")
            .arg(settings.write(folder.path()))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().expect("the gateway starts");
        let mut errors = child.stderr.take().expect("it is piped");
        let log = tokio::spawn(async move {
            let mut log = String::new();
            let _ = errors.read_to_string(&mut log).await;
            log
        });
        Self {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().expect("it is piped")).lines(),
            child,
            log,
            _folder: folder,
        }
    }

    /// The process id of the gateway.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id().expect("the gateway runs")
    }

    /// Sends a message in one line.
    pub(crate) async fn send(&mut self, message: &Value) {
        self.send_text(&message.to_string()).await;
    }

    /// Sends a line, whatever it says.
    pub(crate) async fn send_text(&mut self, line: &str) {
        let input = self.input.as_mut().expect("the pipe is open");
        let line = format!("{line}\n");
        within("a line to be taken", input.write_all(line.as_bytes()))
            .await
            .unwrap();
    }

    /// The next message; every line must be one.
    pub(crate) async fn next(&mut self) -> Value {
        let line = within("a message", self.output.next_line()).await.unwrap();
        let line = line.expect("the gateway still speaks");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("no message ({error}): {line}"))
    }

    /// Sends a request and returns the next message, which must be its response.
    pub(crate) async fn request(&mut self, id: Value, method: &str, params: Value) -> Value {
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
            .await;
        let response = self.next().await;
        assert_eq!(response["id"], id, "{response}");
        response
    }

    /// Opens the session of the pipe.
    pub(crate) async fn initialize(&mut self, revision: &str, capabilities: Value) -> Value {
        let greeting = super::legacy::initialize(revision, &capabilities);
        self.send(&greeting).await;
        let response = self.next().await;
        assert!(response["result"].is_object(), "{response}");
        self.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))
            .await;
        response["result"].clone()
    }

    /// Closes the gateway's standard input and waits for its end.
    pub(crate) async fn close(mut self) -> Ended {
        self.input = None;
        self.ended().await
    }

    /// Waits for the end of the gateway.
    pub(crate) async fn ended(mut self) -> Ended {
        let mut rest = Vec::new();
        while let Some(line) = within("the end of the output", self.output.next_line())
            .await
            .unwrap()
        {
            rest.push(line);
        }
        let status = within("the end of the gateway", self.child.wait()).await.unwrap();
        let log = within("the end of the log", self.log).await.unwrap();
        Ended { status, rest, log }
    }
}
