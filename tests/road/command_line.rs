//! The command line: help, and mistakes that end the program at once with cause and remedy.

use std::fs;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use crate::support::gateway::{Gateway, Settings, command};
use crate::support::legacy::Session;
use crate::support::mcp::{names, text_of};
use crate::support::ports::taken_port;
use crate::support::processes::Program;

/// A second is what is promised; the rest is for a machine that is busy with other tests.
const AT_ONCE: Duration = Duration::from_secs(5);

/// What the program said, and how it ended.
struct Ended {
    status: ExitStatus,
    stdout: String,
    output: String,
}

async fn run(arguments: &[&str]) -> Ended {
    let mut command = command();
    command.args(arguments);
    let mut program = Program::start("mcpg", command);
    let status = program.exit(AT_ONCE).await;
    Ended {
        status,
        stdout: program.stdout(),
        output: program.output(),
    }
}

/// Runs the program with arguments that are wrong; every part must be named in what it says.
async fn assert_refused(arguments: &[&str], parts: &[&str]) {
    let ended = run(arguments).await;
    let output = &ended.output;
    assert!(!ended.status.success(), "accepted: {output}");
    for part in parts {
        assert!(output.contains(part), "{part} is not named: {output}");
    }
    for trace in ["panicked", "RUST_BACKTRACE", "stack backtrace"] {
        assert!(!output.contains(trace), "{output}");
    }
    let words = output.split_whitespace().count();
    assert!((4..400).contains(&words), "{words} words: {output}");
}

/// A configuration file with this text.
fn file(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mcpg.yaml");
    fs::write(&path, text).unwrap();
    (folder, path)
}

async fn assert_config_refused(text: &str, parts: &[&str]) {
    let (_folder, path) = file(text);
    assert_refused(&["--config", path.to_str().unwrap()], parts).await;
}

#[tokio::test]
async fn help_names_the_config_option() {
    let ended = run(&["--help"]).await;
    assert!(ended.status.success());
    for said in [
        "A gateway for the Model Context Protocol",
        "--config",
        "--stdio",
        "cluster",
        "config",
        "key",
    ] {
        assert!(ended.stdout.contains(said), "{said} is missing: {}", ended.stdout);
    }
}

#[tokio::test]
async fn version_is_the_package_version() {
    let ended = run(&["--version"]).await;
    assert!(ended.status.success());
    assert_eq!(ended.stdout.trim(), concat!("mcpg ", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn an_unknown_flag_is_refused() {
    assert_refused(&["--confg", "a.yaml"], &["--confg", "--config"]).await;
}

#[tokio::test]
async fn a_missing_file_is_named() {
    assert_refused(
        &["--config", "/nonexistent/mcpg.yaml"],
        &["/nonexistent/mcpg.yaml"],
    )
    .await;
}

#[tokio::test]
async fn a_start_without_any_configuration_says_what_to_give() {
    assert_refused(&[], &["--config"]).await;
}

#[tokio::test]
async fn text_that_is_no_yaml_is_refused_with_its_position() {
    assert_config_refused("gateway:\n  server: [\n", &["mcpg.yaml"]).await;
}

#[tokio::test]
async fn every_mistake_is_listed_with_its_path() {
    assert_config_refused(
        "gateway:\n  server:\n    bind_adress: 127.0.0.1:0\n    max_sessions: many\n",
        &[
            "gateway.server.bind_adress",
            "bind_address",
            "gateway.server.max_sessions",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let listener = taken_port();
    let address = listener.local_addr().unwrap().to_string();
    assert_config_refused(
        &format!("gateway: {{server: {{bind_address: \"{address}\"}}}}\n"),
        &[&address, "bind_address"],
    )
    .await;
}

#[tokio::test]
async fn a_cluster_kind_that_is_not_there_is_named() {
    for kind in ["redis", "nonsense"] {
        let id = format!("dev.mcpg.cluster.{kind}");
        assert_config_refused(
            &format!("cluster: {{kind: {kind}}}\n"),
            &[kind, &id, "plugins", "single_node"],
        )
        .await;
    }
}

#[tokio::test]
async fn an_address_that_others_reach_needs_a_word_of_permission() {
    assert_config_refused(
        "gateway: {server: {bind_address: \"0.0.0.0:0\"}}\n",
        &["0.0.0.0", "allow_anonymous"],
    )
    .await;
}

#[tokio::test]
async fn a_variable_that_is_not_set_is_named_with_its_key() {
    assert_config_refused(
        "mcp: {federations: [{name: a, upstream: {url: \"${env.MCPG_TEST_UNSET}\"}}]}\n",
        &["MCPG_TEST_UNSET", "mcp.federations[0].upstream.url"],
    )
    .await;
}

#[tokio::test]
async fn later_layers_win_and_the_environment_wins_over_them() {
    let base = Settings::new().mock_tool("hello", "from the base");
    let folder = tempfile::tempdir().unwrap();
    let base = base.write(folder.path());
    let layer = folder.path().join("layer.yaml");
    let tools = json!([{"name": "bye", "backend": {"kind": "mock", "content": "from the layer"}}]);
    let text = json!({"mcp": {"capabilities": {"tools": tools}}}).to_string();
    fs::write(&layer, text).unwrap();
    let gateway = Gateway::from_files(&[&base, &layer]).await;
    let session = Session::open(&gateway.endpoint).await;
    let list = session.result("tools/list", json!({})).await;
    assert_eq!(names(&list["tools"]), ["bye"], "lists are replaced");
    assert_eq!(text_of(&session.tool("bye", json!({})).await), "from the layer");

    let mut command = command();
    command
        .arg("--config")
        .arg(&base)
        .env("MCPG_GATEWAY__SERVER__MAX_SESSIONS", "0");
    let mut program = Program::start("mcpg", command);
    assert!(!program.exit(AT_ONCE).await.success());
    let output = program.output();
    assert!(output.contains("MCPG_GATEWAY__SERVER__MAX_SESSIONS"), "{output}");
}

#[tokio::test]
async fn the_variable_mcpg_config_names_files_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = Settings::new().mock_tool("hello", "hi").write(folder.path());
    let mut command = command();
    command.env("MCPG_CONFIG", path);
    let gateway = Gateway::from_command(command).await;
    let session = Session::open(&gateway.endpoint).await;
    assert_eq!(text_of(&session.tool("hello", json!({})).await), "hi");
}
