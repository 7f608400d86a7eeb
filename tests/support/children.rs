//! The test upstream as a child of the gateway: which processes there are, and what they did.

use std::net::SocketAddr;
use std::path::Path;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::deadline::until_true;
use super::gateway::Settings;
use super::http::Call;
use super::scripts;

/// What all children of a test report to.
pub(crate) struct Children {
    folder: TempDir,
    arguments: Vec<String>,
}

impl Children {
    /// Children of both eras.
    pub(crate) fn new() -> Self {
        Self::with(&[])
    }

    /// Children of the legacy era only.
    pub(crate) fn legacy() -> Self {
        Self::with(&["--era", "legacy"])
    }

    /// Children that are started with these arguments.
    pub(crate) fn with(arguments: &[&str]) -> Self {
        Self {
            folder: tempfile::tempdir().expect("the temporary folder is writable"),
            arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
        }
    }

    /// The `upstream` block that runs them.
    pub(crate) fn upstream(&self) -> Value {
        let mut arguments = vec![
            "--stdio".to_owned(),
            "--report".to_owned(),
            self.folder.path().to_string_lossy().into_owned(),
        ];
        arguments.extend(self.arguments.iter().cloned());
        json!({"command": env!("CARGO_BIN_EXE_mcpg-test-upstream"), "args": arguments})
    }

    /// A gateway in front of them.
    pub(crate) fn settings(&self) -> Settings {
        self.settings_with(json!({}))
    }

    /// A gateway in front of them, with more keys of the federation.
    pub(crate) fn settings_with(&self, more: Value) -> Settings {
        Settings::new().child("one", self.upstream(), more)
    }

    /// The process ids of all children that were ever started.
    pub(crate) fn all(&self) -> Vec<u32> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut pids: Vec<u32> = entries
            .filter_map(|entry| {
                let name = entry.unwrap().file_name();
                name.to_str()?.strip_suffix(".address")?.parse().ok()
            })
            .collect();
        pids.sort_unstable();
        pids
    }

    /// The process ids of those that run.
    pub(crate) fn running(&self) -> Vec<u32> {
        self.all().into_iter().filter(|pid| is_running(*pid)).collect()
    }

    /// Waits until so many run.
    pub(crate) async fn running_are(&self, wanted: usize) {
        let what = format!("{wanted} children");
        until_true(&what, async || self.running().len() == wanted).await;
    }

    /// How often a tool was begun under a tag, in all children that ever were.
    pub(crate) fn begun(&self, tool: &str, tag: &str) -> usize {
        let line = format!("{tool} {tag}");
        let calls = self.all().into_iter().map(|pid| {
            let path = self.folder.path().join(format!("{pid}.calls"));
            let journal = std::fs::read_to_string(path).unwrap_or_default();
            journal.lines().filter(|begun| *begun == line).count()
        });
        calls.sum()
    }

    /// Waits until a tool has begun under a tag.
    pub(crate) async fn has_begun(&self, tool: &str, tag: &str) {
        let what = format!("a call of {tool} under {tag}");
        until_true(&what, async || self.begun(tool, tag) > 0).await;
    }

    /// What the counters of a running child say.
    pub(crate) async fn stats(&self, pid: u32) -> Value {
        let answer = Call::new(Method::GET, self.address(pid), "/stats").send().await;
        assert_eq!(answer.status, StatusCode::OK, "the child has no counters");
        answer.json().await
    }

    /// How many calls of a tool under a tag were cancelled, in all children that run.
    pub(crate) async fn cancelled(&self, tool: &str, tag: &str) -> u64 {
        let mut cancelled = 0;
        for pid in self.running() {
            let stats = self.stats(pid).await;
            cancelled += stats["tags"][tool][tag]["cancelled"].as_u64().unwrap_or(0);
        }
        cancelled
    }

    /// Makes a child do something unusual.
    pub(crate) async fn control(&self, pid: u32, command: &str, arguments: Value) {
        let path = format!("/control/{command}");
        let answer = Call::new(Method::POST, self.address(pid), &path)
            .header("content-type", "application/json")
            .body(arguments.to_string())
            .send()
            .await;
        assert!(answer.status.is_success(), "{command}: {}", answer.status);
    }

    fn address(&self, pid: u32) -> SocketAddr {
        let path = self.folder.path().join(format!("{pid}.address"));
        std::fs::read_to_string(path).unwrap().parse().unwrap()
    }
}

/// The `upstream` block that runs the official everything server.
pub(crate) fn everything() -> Value {
    const SERVER: &str = "@modelcontextprotocol/server-everything/dist/index.js";
    let script = scripts::prepared("MCPG_TEST_NODE_MODULES").join(SERVER);
    json!({"command": scripts::prepared("MCPG_TEST_NODE"), "args": [script, "stdio"]})
}

impl Drop for Children {
    /// Children of a gateway that was killed end by themselves; a failed test may leave one that does not.
    fn drop(&mut self) {
        for pid in self.running() {
            signal(pid, "KILL");
        }
    }
}

/// Whether a process runs; one that has ended and was not waited for does not.
pub(crate) fn is_running(pid: u32) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"));
    stat.is_ok_and(|stat| {
        let state = stat.rsplit(") ").next().and_then(|rest| rest.chars().next());
        state.is_some_and(|state| state != 'Z')
    })
}

/// Sends a signal to a process that may have ended meanwhile.
pub(crate) fn signal(pid: u32, name: &str) {
    // The shell has `kill` built in; a call of the system's function would need unsafe code.
    let _ = std::process::Command::new("sh")
        .args(["-c", &format!("kill -{name} {pid} 2>/dev/null")])
        .status();
}
