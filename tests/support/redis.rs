//! Redis servers of their own for the tests that need one: on a free port, in a folder of its own, gone with its owner.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::deadline::{PATIENCE, poll, within};
use super::gateway::Settings;
use super::{plugins, ports};

const INSTALL: &str =
    "redis-server cannot be started: install it with `tests/scripts/services.sh install redis`";

/// A running server. Every replica that gets its [`settings`](Self::settings) is one of the same fleet.
pub(crate) struct Redis {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    arguments: Vec<String>,
    folder: TempDir,
    process: Mutex<Child>,
}

impl Redis {
    /// A server that forgets everything when it dies.
    pub(crate) async fn in_memory() -> Self {
        Self::start(&["--save", "", "--appendonly", "no"]).await
    }

    /// A server that has written to disk what it acknowledged.
    pub(crate) async fn durable() -> Self {
        Self::start(&["--save", "", "--appendonly", "yes", "--appendfsync", "always"]).await
    }

    /// A server with these arguments.
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        let address = ports::free_address();
        let port = address.port().to_string();
        let always = ["--port", &port, "--bind", "127.0.0.1", "--daemonize", "no"];
        let arguments: Vec<String> = always
            .iter()
            .chain(arguments)
            .map(|&part| part.to_owned())
            .collect();
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let redis = Self {
            address,
            process: Mutex::new(launch(&arguments, &folder)),
            arguments,
            folder,
        };
        redis.until_up().await;
        redis
    }

    /// The settings of a replica that keeps its state here, under a prefix and a name of its own.
    pub(crate) fn settings(&self, settings: Settings, prefix: &str, node: &str) -> Settings {
        let library = plugins::library("mcpg-cluster-redis");
        settings
            .block("cluster", self.cluster(prefix, node))
            .block("plugins", json!([plugins::entry("redis", &library)]))
    }

    /// The `cluster` block of such a replica.
    pub(crate) fn cluster(&self, prefix: &str, node: &str) -> Value {
        json!({"kind": "redis", "url": self.url(), "key_prefix": prefix, "node_id": node})
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Kills the server (SIGKILL) and waits until it is gone.
    pub(crate) fn kill(&self) {
        let mut process = self.process();
        process.kill().expect("the server runs until it is killed");
        process.wait().expect("a killed child ends");
    }

    /// Starts the server again after a kill, with the same address and folder.
    pub(crate) async fn restart(&self) {
        *self.process() = launch(&self.arguments, &self.folder);
        self.until_up().await;
    }

    /// Stops the server without ending its connections (SIGSTOP).
    pub(crate) fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets a frozen server go on (SIGCONT).
    pub(crate) fn thaw(&self) {
        self.signal("CONT");
    }

    /// Sends one command, such as `FLUSHALL`, and returns the first line of the answer.
    pub(crate) async fn command(&self, line: &str) -> String {
        within("an answer of redis", async {
            self.ask(line).await.expect("redis answers")
        })
        .await
    }

    async fn ask(&self, line: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.write_all(format!("{line}\r\n").as_bytes()).await?;
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).await?;
        Ok(answer.trim_end().to_owned())
    }

    /// Waits until commands are answered, which is later than that connections are taken.
    async fn until_up(&self) {
        let up = poll(PATIENCE, async || {
            if let Some(status) = self
                .process()
                .try_wait()
                .expect("the state of a child can be read")
            {
                panic!("redis-server ended at its start: {status}");
            }
            (self.ask("PING").await.ok()? == "+PONG").then_some(())
        });
        up.await.expect("redis answers in time");
    }

    fn signal(&self, name: &str) {
        let id = self.process().id();
        let status = Command::new("sh")
            .args(["-c", &format!("kill -{name} {id}")])
            .status()
            .expect("a shell is there");
        assert!(status.success(), "cannot signal redis with {name}");
    }

    fn process(&self) -> MutexGuard<'_, Child> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a server is asked to do, line by line, from the start of this.
pub(crate) struct Monitor(BufReader<TcpStream>);

impl Monitor {
    /// Starts to listen.
    pub(crate) async fn of(redis: &Redis) -> Self {
        let mut stream = TcpStream::connect(redis.address).await.expect("redis listens");
        stream.write_all(b"MONITOR\r\n").await.expect("redis reads");
        let mut monitor = Self(BufReader::new(stream));
        assert_eq!(monitor.line().await, "+OK");
        monitor
    }

    /// Everything up to now.
    pub(crate) async fn seen(mut self, redis: &Redis) -> Vec<String> {
        redis.command("PING up-to-here").await;
        let mut seen = Vec::new();
        loop {
            let line = self.line().await;
            if line.contains("up-to-here") {
                return seen;
            }
            seen.push(line);
        }
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        within("a line of the monitor", self.0.read_line(&mut line))
            .await
            .expect("the monitor can be read");
        line.trim_end().to_owned()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let mut process = self.process();
        // Both fail only when the server has ended already. A frozen process can be killed too.
        let _ = process.kill();
        let _ = process.wait();
    }
}

fn launch(arguments: &[String], folder: &TempDir) -> Child {
    Command::new("redis-server")
        .args(arguments)
        .arg("--dir")
        .arg(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{INSTALL} ({error})"))
}
