//! The test upstream: an MCP server of both eras whose tools count what they do.

use std::net::SocketAddr;
use std::process::Command;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::deadline::until_true;
use super::http::Call;
use super::mcp::Endpoint;
use super::processes::Program;

/// A running test upstream.
pub(crate) struct Upstream {
    /// Where its MCP endpoint is.
    pub(crate) endpoint: Endpoint,
    /// The process.
    pub(crate) program: Program,
}

/// How often a tool was called under one tag, and how those calls ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Calls that began.
    pub(crate) started: u64,
    /// Calls that produced a result.
    pub(crate) completed: u64,
    /// Calls that were cancelled, or whose session went away.
    pub(crate) cancelled: u64,
}

impl Upstream {
    /// Starts a server of both eras on a port of the system's choice.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts a server of the legacy era only.
    pub(crate) async fn legacy() -> Self {
        Self::start_with(&["--era", "legacy"]).await
    }

    /// Starts a server with these arguments.
    pub(crate) async fn start_with(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcpg-test-upstream"));
        command.args(arguments);
        let mut program = Program::start("mcpg-test-upstream", command);
        let endpoint = program.line("the URL that it serves", served).await;
        Self { endpoint, program }
    }

    /// Starts a server at an address.
    pub(crate) async fn start_at(address: SocketAddr) -> Self {
        Self::start_with(&["--port", &address.port().to_string()]).await
    }

    /// The URL of its MCP endpoint.
    pub(crate) fn url(&self) -> String {
        self.endpoint.url()
    }

    /// All counters.
    pub(crate) async fn stats(&self) -> Value {
        let answer = Call::new(Method::GET, self.endpoint.address, "/stats")
            .send()
            .await;
        assert_eq!(answer.status, StatusCode::OK, "the upstream has no counters");
        answer.json().await
    }

    /// What happened to the calls of a tool under a tag.
    pub(crate) async fn counts(&self, tool: &str, tag: &str) -> Counts {
        let stats = self.stats().await;
        let counts = &stats["tags"][tool][tag];
        let number = |key: &str| counts[key].as_u64().unwrap_or(0);
        Counts {
            started: number("started"),
            completed: number("completed"),
            cancelled: number("cancelled"),
        }
    }

    /// Waits until the counters of a tool under a tag satisfy `wanted`.
    pub(crate) async fn counts_reach(&self, tool: &str, tag: &str, wanted: fn(Counts) -> bool) {
        let what = format!("the awaited counters of {tool} under {tag}");
        until_true(&what, async || wanted(self.counts(tool, tag).await)).await;
    }

    /// The `notifications/cancelled` that arrived.
    pub(crate) async fn cancellations(&self) -> Vec<Value> {
        let stats = self.stats().await;
        let list = stats["cancellations"].as_array();
        list.cloned().unwrap_or_default()
    }

    /// Waits until as many `notifications/cancelled` have arrived, which is noted a moment after the tool was stopped.
    /// There must not be more.
    pub(crate) async fn cancellations_reach(&self, number: usize) {
        until_true("the awaited cancels", async || {
            self.cancellations().await.len() >= number
        })
        .await;
        let told = self.cancellations().await;
        assert_eq!(told.len(), number, "{told:?}");
    }

    /// Makes the server do something unusual.
    pub(crate) async fn control(&self, command: &str, arguments: Value) -> Value {
        let path = format!("/control/{command}");
        let answer = Call::new(Method::POST, self.endpoint.address, &path)
            .header("content-type", "application/json")
            .body(arguments.to_string())
            .send()
            .await;
        assert!(
            answer.status.is_success(),
            "the upstream refuses {command}: {}",
            answer.status
        );
        serde_json::from_str(&answer.text().await).unwrap_or(json!(null))
    }
}

fn served(line: &str) -> Option<Endpoint> {
    let at = line.find("http://")?;
    let url = line[at..].split_whitespace().next()?;
    Endpoint::parse(url)
}
