//! `mcpg config init`: a configuration that is valid, runs as it is, and overwrites nothing by accident.

use std::fs;
use std::process::Output;

use serde_json::json;

use crate::support::config_check::ConfigCheck;
use crate::support::gateway::{Gateway, command};
use crate::support::legacy::Session;
use crate::support::mcp::text_of;

fn init(arguments: &[&str]) -> Output {
    let mut command = command();
    command.args(["config", "init"]).args(arguments);
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn the_starter_passes_the_check_and_serves_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mcpg.yaml");
    let name = path.to_str().unwrap();
    let made = init(&[name]);
    assert!(made.status.success(), "{made:?}");
    let expected =
        format!("wrote {name}\ncheck it: mcpg-config-check {name}\nrun it:   mcpg --config {name}\n");
    assert_eq!(text(&made.stdout), expected);
    ConfigCheck::of("")
        .run(&[name])
        .assert_valid(&format!("✓ {name}: valid (1 bindings)"));

    let mut command = command();
    command.arg("--config").arg(&path);
    // Another gateway may use the port of the starter on this machine.
    command.env("MCPG_GATEWAY__SERVER__BIND_ADDRESS", "127.0.0.1:0");
    let gateway = Gateway::from_command(command).await;
    let session = Session::open(&gateway.endpoint).await;
    let answer = session.tool("echo", json!({"message": "hello"})).await;
    assert_eq!(text_of(&answer), "You said: hello");
}

#[test]
fn without_a_file_it_goes_to_standard_output() {
    let made = init(&[]);
    assert!(made.status.success() && made.stderr.is_empty(), "{made:?}");
    let check = ConfigCheck::of("").input(text(&made.stdout));
    check.run(&["-"]).assert_valid("✓ -: valid (1 bindings)");
}

#[test]
fn a_file_that_exists_is_overwritten_only_by_force() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mcpg.yaml");
    let name = path.to_str().unwrap();
    fs::write(&path, "precious").unwrap();
    let refused = init(&[name]);
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(
        text(&refused.stderr),
        format!("mcpg: {name} exists already\n      name another file, or overwrite it with --force\n")
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    assert!(init(&[name, "--force"]).status.success());
    assert!(fs::read_to_string(&path).unwrap().contains("bind_address"));
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let refused = init(&["/nonexistent/mcpg.yaml"]);
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(
        text(&refused.stderr),
        "mcpg: /nonexistent/mcpg.yaml cannot be written: No such file or directory (os error 2)\n      \
         name a file in a folder that exists and is writable\n"
    );
    assert_eq!(
        init(&["--force"]).status.code(),
        Some(2),
        "there is nothing to force"
    );
}
