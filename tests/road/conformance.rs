//! The official conformance suite, and an official server behind the gateway.

use std::net::SocketAddr;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::gateway::{Gateway, Settings};
use crate::support::ports::free_address;
use crate::support::processes::Program;
use crate::support::scripts;
use crate::support::suite::{self, complaints, failures};
use crate::support::upstream::Upstream;

const EVERYTHING: &str = "@modelcontextprotocol/server-everything/dist/index.js";

/// Runs the suite against a gateway in front of an upstream of these eras; returns what it reported.
async fn report(era: &str, revision: &str) -> String {
    let upstream = Upstream::start_with(&["--era", era]).await;
    let gateway = Settings::in_front_of(&upstream.url()).start().await;
    suite::report(&gateway.endpoint, revision).await
}

#[tokio::test]
async fn the_official_suite_passes_at_2025_11_25_in_front_of_either_era() {
    for era in ["legacy", "both"] {
        let report = report(era, "2025-11-25").await;
        assert_eq!(complaints(&report), (Vec::new(), Some("33")), "{era}: {report}");
    }
}

#[tokio::test]
async fn the_official_suite_passes_at_2026_07_28_but_for_tasks() {
    let report = report("both", "2026-07-28").await;
    let (mut failed, total) = failures(&report);
    // Tasks are an extension that this gateway does not offer; nothing scored is among them.
    failed.retain(|scenario| !scenario.starts_with("tasks-"));
    assert_eq!((failed, total), (Vec::new(), Some("50")), "{report}");
}

/// Starts the official everything server, which must be told its port.
async fn everything() -> (SocketAddr, Program) {
    let address = free_address();
    let mut command = Command::new(scripts::prepared("MCPG_TEST_NODE"));
    command
        .arg(scripts::prepared("MCPG_TEST_NODE_MODULES").join(EVERYTHING))
        .arg("streamableHttp")
        .env("PORT", address.port().to_string());
    let mut program = Program::start("server-everything", command);
    program
        .line("that it listens", |line| line.contains("listening").then_some(()))
        .await;
    (address, program)
}

async fn in_front_of_everything() -> (Program, Gateway) {
    let (address, program) = everything().await;
    let url = format!("http://localhost:{}/mcp", address.port());
    (program, Settings::in_front_of(&url).start().await)
}

async fn call(gateway: &Gateway, mode: &str) -> Value {
    let script = scripts::python(
        "call_tool.py",
        &[&gateway.endpoint.url(), mode, "echo", r#"{"message": "hello"}"#],
    );
    scripts::summary(script).await
}

#[tokio::test]
async fn the_official_everything_server_is_usable_through_the_gateway() {
    let (_everything, gateway) = in_front_of_everything().await;
    for (mode, revision) in [("legacy", "2025-11-25"), ("2026-07-28", "2026-07-28")] {
        let summary = call(&gateway, mode).await;
        assert_eq!(summary["revision"], revision);
        assert_eq!(summary["text"], "Echo: hello");
        let tools = summary["tools"].as_array().unwrap();
        assert!(tools.len() > 10, "{tools:?}");
        assert!(tools.contains(&json!("echo")));
    }
}
