//! The official clients, each in every mode that it has.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::deadline::until_true;
use crate::support::gateway::{Gateway, Settings};
use crate::support::legacy::{REVISION as LEGACY, Session};
use crate::support::mcp::names;
use crate::support::modern::REVISION as MODERN;
use crate::support::scripts;
use crate::support::upstream::Upstream;

const INSPECTOR: &str = "@modelcontextprotocol/inspector/clients/launcher/build/index.js";

/// A gateway in front of an upstream of these eras.
async fn in_front_of(era: &str) -> (Upstream, Gateway) {
    let upstream = Upstream::start_with(&["--era", era]).await;
    let gateway = Settings::in_front_of(&upstream.url()).start().await;
    (upstream, gateway)
}

/// What every client script must have seen.
async fn assert_seen(summary: &Value, revision: &str, upstream: &Upstream) {
    assert_eq!(summary["revision"], revision, "{summary}");
    assert_eq!(summary["echo"], "hi");
    assert_eq!(summary["slept"], "slept 3 steps of 30 ms");
    let progress: Vec<Vec<f64>> = serde_json::from_value(summary["progress"].clone()).unwrap();
    assert_eq!(progress, [[1.0, 3.0], [2.0, 3.0], [3.0, 3.0]]);
    assert_eq!(summary["asked"], json!(["which colour?"]));
    assert_eq!(summary["answered"], r#"action=accept, content={"answer":"blue"}"#);
    assert_eq!(
        summary["resource"],
        "This is the content of the static text resource."
    );
    let direct = Session::open(&upstream.endpoint).await;
    let expected = direct.result("tools/list", json!({})).await;
    let expected: BTreeSet<String> = names(&expected["tools"]).into_iter().collect();
    let found = summary["tools"].as_array().unwrap();
    let found: BTreeSet<String> = found
        .iter()
        .map(|name| name.as_str().unwrap().to_owned())
        .collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn python_client_legacy() {
    let (upstream, gateway) = in_front_of("legacy").await;
    let script = scripts::python("python_client.py", &[&gateway.endpoint.url(), "legacy"]);
    let summary = scripts::summary(script).await;
    assert_seen(&summary, LEGACY, &upstream).await;
    // This client ends its session, and with it the one that its calls had upstream.
    until_true("the upstream session to be closed", async || {
        let sessions = &upstream.stats().await["sessions"];
        sessions["closed"].as_u64() >= Some(1)
    })
    .await;
}

#[tokio::test]
async fn python_client_auto() {
    let (upstream, gateway) = in_front_of("both").await;
    let script = scripts::python("python_client.py", &[&gateway.endpoint.url(), "auto"]);
    assert_seen(&scripts::summary(script).await, MODERN, &upstream).await;
}

#[tokio::test]
async fn python_client_pinned_to_the_modern_revision() {
    let (upstream, gateway) = in_front_of("both").await;
    let script = scripts::python("python_client.py", &[&gateway.endpoint.url(), MODERN]);
    assert_seen(&scripts::summary(script).await, MODERN, &upstream).await;
}

#[tokio::test]
async fn typescript_client_legacy() {
    let (upstream, gateway) = in_front_of("legacy").await;
    let script = scripts::node("typescript_client.mjs", &[&gateway.endpoint.url(), "legacy"]);
    assert_seen(&scripts::summary(script).await, LEGACY, &upstream).await;
}

#[tokio::test]
async fn typescript_client_auto() {
    let (upstream, gateway) = in_front_of("both").await;
    let script = scripts::node("typescript_client.mjs", &[&gateway.endpoint.url(), "auto"]);
    assert_seen(&scripts::summary(script).await, MODERN, &upstream).await;
}

#[tokio::test]
async fn typescript_client_pinned_to_the_modern_revision() {
    let (upstream, gateway) = in_front_of("both").await;
    let script = scripts::node("typescript_client.mjs", &[&gateway.endpoint.url(), MODERN]);
    assert_seen(&scripts::summary(script).await, MODERN, &upstream).await;
}

#[tokio::test]
async fn typescript_sdk_of_the_legacy_era() {
    let (upstream, gateway) = in_front_of("legacy").await;
    let script = scripts::node("typescript_sdk.mjs", &[&gateway.endpoint.url()]);
    assert_seen(&scripts::summary(script).await, LEGACY, &upstream).await;
}

#[tokio::test]
async fn inspector_in_every_era() {
    let (_upstream, gateway) = in_front_of("both").await;
    let url = gateway.endpoint.url();
    for era in ["legacy", "auto", "modern"] {
        let common = ["--cli", &url, "--transport", "http", "--protocol-era", era];
        let list = [&common[..], &["--method", "tools/list"]].concat();
        let listed = scripts::run(scripts::package_program(INSPECTOR, &list)).await;
        assert!(listed.contains("sleep_with_progress"), "{era}: {listed}");
        let call = [
            "--method",
            "tools/call",
            "--tool-name",
            "echo",
            "--tool-arg",
            "message=hi",
        ];
        let call = [&common[..], &call].concat();
        let called = scripts::run(scripts::package_program(INSPECTOR, &call)).await;
        let result: Value = serde_json::from_str(&called).expect("the inspector prints JSON");
        assert_eq!(result["content"][0]["text"], "hi", "{era}: {called}");
        let read = ["--method", "resources/read", "--uri", "test://static-text"];
        let read = scripts::run(scripts::package_program(
            INSPECTOR,
            &[&common[..], &read].concat(),
        ))
        .await;
        assert!(
            read.contains("content of the static text resource"),
            "{era}: {read}"
        );
    }
}
