//! Redis servers of their own for these tests, each on a free port and in a folder of its own.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use mcpg_cluster_redis::RedisPlugin;
use mcpg_plugin_sdk::cluster::{Coordinator, Nonce, Result};
use mcpg_plugin_sdk::{Host, Plugin};
use serde_json::{Value, json};
use tempfile::TempDir;

const INSTALL: &str =
    "redis-server cannot be started: install it with `tests/scripts/services.sh install redis`";

/// A running server; it is stopped when this is dropped.
pub(crate) struct Server {
    pub(crate) port: u16,
    arguments: Vec<String>,
    folder: TempDir,
    process: Mutex<Child>,
}

impl Server {
    /// Starts a server without persistence.
    pub(crate) fn start() -> Self {
        Self::start_with(&["--save", "", "--appendonly", "no"])
    }

    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        // Between finding a free port and using it, another process may take it.
        for _ in 0..10 {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            drop(listener);
            let plain = ["--port", &port.to_string()].map(str::to_owned);
            let arguments = plain
                .into_iter()
                .chain(arguments.iter().map(|&part| part.to_owned()));
            if let Some(server) = Self::spawn(port, arguments.collect()) {
                return server;
            }
        }
        panic!("no redis server came up in ten attempts");
    }

    /// Starts a server that only speaks TLS.
    pub(crate) fn start_with_tls(files: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let number = port.to_string();
        let plain = ["--port", "0", "--tls-port", &number, "--save", ""];
        let arguments = plain.iter().chain(files).map(|&part| part.to_owned());
        Self::spawn(port, arguments.collect()).unwrap()
    }

    fn spawn(port: u16, arguments: Vec<String>) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut process = launch(&arguments, &folder);
        if !answers(port, &mut process) {
            return None;
        }
        Some(Self {
            port,
            arguments,
            folder,
            process: Mutex::new(process),
        })
    }

    /// Kills the server without warning.
    pub(crate) fn kill(&self) {
        let mut process = self.process.lock().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// Starts the server again after a kill, with the same port and folder.
    pub(crate) fn restart(&self) {
        let mut process = self.process.lock().unwrap();
        *process = launch(&self.arguments, &self.folder);
        assert!(answers(self.port, &mut process), "redis did not come up again");
    }

    /// Stops the process from running without ending its connections, or lets it go on.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.process.lock().unwrap().id().to_string();
        // The shell's own: not every machine has a program for this.
        let script = r#"kill -s "$0" "$1""#;
        let status = Command::new("sh").args(["-c", script, name, &id]).status();
        assert!(status.unwrap().success());
    }

    /// Runs one command, by hand.
    pub(crate) fn command(&self, parts: &[&str]) -> redis::Value {
        let client = redis::Client::open(self.url("")).unwrap();
        let mut connection = client.get_connection().unwrap();
        let mut command = redis::cmd(parts[0]);
        command.arg(&parts[1..]);
        command.query(&mut connection).unwrap()
    }

    pub(crate) fn url(&self, credentials: &str) -> String {
        format!("redis://{credentials}127.0.0.1:{}", self.port)
    }

    pub(crate) fn settings(&self, prefix: &str) -> Value {
        json!({ "url": self.url(""), "key_prefix": prefix })
    }

    pub(crate) async fn open(&self, prefix: &str) -> Result<Arc<dyn Coordinator>> {
        open_with(&self.settings(prefix)).await
    }

    pub(crate) fn fresh_prefix() -> String {
        format!("test:{}:", Nonce::random().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let process = self
            .process
            .get_mut()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let _ = process.kill();
        let _ = process.wait();
    }
}

/// Opens a coordinator with the keys of a `cluster` block.
pub(crate) async fn open_with(settings: &Value) -> Result<Arc<dyn Coordinator>> {
    let config = serde_json::from_value(settings.clone()).unwrap();
    RedisPlugin::open(config, Host::for_kind("redis")).await
}

/// The server of all tests that run at the same time and leave it alone; the last one of them stops it.
pub(crate) fn shared() -> Arc<Server> {
    static RUNNING: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    let mut running = RUNNING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    running.upgrade().unwrap_or_else(|| {
        let server = Arc::new(Server::start());
        *running = Arc::downgrade(&server);
        server
    })
}

fn launch(arguments: &[String], folder: &TempDir) -> Child {
    Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--daemonize", "no", "--dir"])
        .arg(folder.path())
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{INSTALL} ({error})"))
}

/// Waits until the server takes connections; false when it ends before.
fn answers(port: u16, process: &mut Child) -> bool {
    let deadline = Instant::now() + Duration::from_secs(30);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        if process.try_wait().unwrap().is_some() {
            return false;
        }
        assert!(Instant::now() < deadline, "redis did not open its port");
        std::thread::yield_now();
    }
    true
}
