//! The official clients over standard input and output.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::gateway::{Settings, executable};
use crate::support::legacy::REVISION as LEGACY;
use crate::support::modern::REVISION as MODERN;
use crate::support::official_clients::assert_seen;
use crate::support::scripts;
use crate::support::upstream::Upstream;

/// An upstream, and the command that starts a gateway in front of it.
async fn in_front_of(era: &str) -> (Upstream, String, TempDir) {
    let upstream = Upstream::start_with(&["--era", era]).await;
    let folder = tempfile::tempdir().unwrap();
    let config = Settings::in_front_of(&upstream.url()).write(folder.path());
    let command = json!([executable(), "--stdio", "--config", config]).to_string();
    (upstream, command, folder)
}

/// The TypeScript clients run a response's handler at once and a notification's one turn later, so a progress
/// notification that is read together with the response has lost its handler. Over a pipe both may come in one piece,
/// whatever the server does: the last step may be missing, no other.
fn with_the_last_step(mut summary: Value) -> Value {
    let steps = json!([[1, 3], [2, 3], [3, 3]]);
    let progress = summary["progress"].as_array().unwrap();
    assert!(
        progress.len() >= 2 && steps.as_array().unwrap().starts_with(progress),
        "{summary}"
    );
    summary["progress"] = steps;
    summary
}

#[tokio::test]
async fn python_client_over_a_pipe() {
    for (era, mode, revision) in [
        ("legacy", "legacy", LEGACY),
        ("both", "auto", MODERN),
        ("both", MODERN, MODERN),
    ] {
        let (upstream, command, _folder) = in_front_of(era).await;
        let script = scripts::python("python_client.py", &[&command, mode]);
        assert_seen(&scripts::summary(script).await, revision, &upstream).await;
    }
}

#[tokio::test]
async fn typescript_client_over_a_pipe() {
    for (era, mode, revision) in [
        ("legacy", "legacy", LEGACY),
        ("both", "auto", MODERN),
        ("both", MODERN, MODERN),
    ] {
        let (upstream, command, _folder) = in_front_of(era).await;
        let script = scripts::node("typescript_client.mjs", &[&command, mode]);
        let summary = with_the_last_step(scripts::summary(script).await);
        assert_seen(&summary, revision, &upstream).await;
    }
}

#[tokio::test]
async fn typescript_sdk_over_a_pipe() {
    let (upstream, command, _folder) = in_front_of("legacy").await;
    let script = scripts::node("typescript_sdk.mjs", &[&command]);
    let summary = with_the_last_step(scripts::summary(script).await);
    assert_seen(&summary, LEGACY, &upstream).await;
}
