//! The log: what a line looks like, and which request it belongs to.

use std::collections::BTreeSet;

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::deadline::until;
use crate::support::gateway::{Gateway, Settings, command};
use crate::support::legacy::Session;
use crate::support::modern::Client;

fn observability(level: &str, format: &str) -> Value {
    json!({"logs": {"level": level, "format": format}})
}

fn settings(level: &str, format: &str) -> Settings {
    Settings::new()
        .mock_tool("quick", "done")
        .server("access_log", true)
        .block("observability", observability(level, format))
}

/// The lines that tell of answered requests, as soon as there are so many.
async fn answered(gateway: &Gateway, count: usize) -> Vec<String> {
    until(
        "the lines are there",
        crate::support::deadline::PATIENCE,
        async || {
            let output = gateway.program.stderr();
            let lines = output.lines().filter(|line| line.contains("Answered."));
            let lines: Vec<String> = lines.map(str::to_owned).collect();
            (lines.len() >= count).then_some(lines)
        },
    )
    .await
}

/// The line with what differs from run to run replaced by its form.
fn golden(line: &str) -> String {
    let mut line: Value = serde_json::from_str(line).expect("a line is one JSON object");
    for (key, form) in [
        ("timestamp", "WHEN"),
        ("duration_ms", "MS"),
        ("request", "ID"),
        ("session", "DIGEST"),
    ] {
        if let Some(value) = line.get_mut(key) {
            assert!(!value.is_null());
            *value = json!(form);
        }
    }
    line.to_string()
}

#[tokio::test]
async fn a_line_of_the_access_log_in_json_looks_like_this() {
    let gateway = settings("info", "json").start().await;
    let client = Client::new(&gateway.endpoint);
    client.tool("quick", json!({})).await;
    let session = Session::open(&gateway.endpoint).await;
    session.request("made/up", json!({})).await;
    session.notify("notifications/initialized", json!({})).await;
    let refused = gateway
        .endpoint
        .post(&json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}));
    assert_eq!(refused.send().await.status, StatusCode::BAD_REQUEST);
    let lines = answered(&gateway, 6).await;
    let lines: Vec<String> = lines.iter().map(|line| golden(line)).collect();
    let head = r#"{"timestamp":"WHEN","level":"INFO","message":"Answered.","#;
    let of_session = r#""principal":"anonymous","session":"DIGEST","request":"ID"}"#;
    let expected = [
        format!(
            r#"{head}"method":"tools/call","era":"modern","outcome":"ok","status":200,"duration_ms":"MS","principal":"anonymous","request":"ID"}}"#
        ),
        format!(
            r#"{head}"method":"initialize","era":"legacy","outcome":"ok","status":200,"duration_ms":"MS",{of_session}"#
        ),
        // The notification that ends the handshake, and another one: requests of HTTP only.
        format!(r#"{head}"verb":"POST","status":202,"duration_ms":"MS","request":"ID"}}"#),
        format!(
            r#"{head}"method":"other","era":"legacy","outcome":"error","status":200,"duration_ms":"MS",{of_session}"#
        ),
        format!(r#"{head}"verb":"POST","status":202,"duration_ms":"MS","request":"ID"}}"#),
        format!(
            r#"{head}"method":"ping","era":"legacy","outcome":"refused","status":400,"duration_ms":"MS","request":"ID"}}"#
        ),
    ];
    assert_eq!(lines, expected);
    // Enough of a session to tell it from others, and not enough to use it.
    let output = gateway.program.output();
    assert!(output.contains(&session.id[..8]), "{output}");
    assert!(!output.contains(&session.id[..12]), "{output}");
}

#[tokio::test]
async fn every_line_of_a_request_carries_the_id_of_that_request() {
    for format in ["human", "json"] {
        let gateway = settings("debug", format).start().await;
        let session = Session::open(&gateway.endpoint).await;
        session.tool("quick", json!({})).await;
        let lines = answered(&gateway, 3).await;
        let id = |line: &str| {
            let (_, rest) = line.split_once("request").expect("the id of the request");
            let id = rest.trim_start_matches(['"', ':', '=']);
            id.split(['"', ' ']).next().map(str::to_owned)
        };
        let ids: BTreeSet<_> = lines.iter().map(|line| id(line)).collect();
        assert_eq!(
            ids.len(),
            lines.len(),
            "{format}: one each, and none twice: {lines:?}"
        );
        let output = gateway.program.stderr();
        let opened = output.lines().find(|line| line.contains("Opened a session."));
        let greeted = lines.iter().find(|line| line.contains("initialize"));
        assert_eq!(opened.map(id), greeted.map(|line| id(line)), "{format}: {output}");
        // What belongs to no request says so by not naming one.
        let serving = output
            .lines()
            .find(|line| line.contains("Serving."))
            .expect("it serves");
        assert!(!serving.contains("request"), "{serving}");
    }
}

#[tokio::test]
async fn without_an_access_log_no_request_is_a_line() {
    let gateway = Settings::new()
        .mock_tool("quick", "done")
        .block("observability", observability("info", "human"))
        .start()
        .await;
    Client::new(&gateway.endpoint).tool("quick", json!({})).await;
    let output = gateway.program.output();
    assert!(!output.contains("Answered."), "{output}");
}

#[tokio::test]
async fn the_environment_opens_no_library() {
    let folder = tempfile::tempdir().unwrap();
    let config = settings("trace", "human").write(folder.path());
    let mut command = command();
    command.arg("--config").arg(config).env("RUST_LOG", "trace");
    let gateway = Gateway::from_command(command).await;
    Client::new(&gateway.endpoint).tool("quick", json!({})).await;
    answered(&gateway, 1).await;
    let output = gateway.program.output();
    for library in ["hyper", "parse_headers", "tokio_util", "rustls"] {
        assert!(!output.contains(library), "{library}: {output}");
    }
}
