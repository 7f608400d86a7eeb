//! What the scripts for the official clients do, and what each of them must have seen.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::legacy::Session;
use super::mcp::names;
use super::scripts;
use super::upstream::Upstream;

const INSPECTOR: &str = "@modelcontextprotocol/inspector/clients/launcher/build/index.js";

/// What every client script must have seen.
pub(crate) async fn assert_seen(summary: &Value, revision: &str, upstream: &Upstream) {
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

/// Lists, calls and reads with the inspector, in every era that it knows.
pub(crate) async fn inspect_in_every_era(url: &str) {
    for era in ["legacy", "auto", "modern"] {
        let common = ["--cli", url, "--transport", "http", "--protocol-era", era];
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
