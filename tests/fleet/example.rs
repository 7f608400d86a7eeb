//! The example that a newcomer runs.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::support::deadline::{PATIENCE, until_true};
use crate::support::gateway::executable;
use crate::support::ports::free_addresses;
use crate::support::processes::Program;
use crate::support::scripts::{SCRIPT_LIMIT, folder};

/// How many ports in a row the script uses.
const PORTS: u16 = 9;

fn script() -> PathBuf {
    let workspace = folder().parent().expect("tests/ lies in the workspace");
    workspace.join("examples/fleet/run.sh")
}

/// Whether nobody listens at any of these addresses.
fn free(addresses: &[SocketAddr]) -> bool {
    addresses.iter().all(|address| TcpListener::bind(address).is_ok())
}

/// A running script. It is asked to end before it is killed, so that it can end what it started.
struct Script(Program);

impl Drop for Script {
    fn drop(&mut self) {
        let end = Instant::now() + PATIENCE;
        if self.0.ended().is_none() {
            self.0.terminate();
        }
        while self.0.ended().is_none() && Instant::now() < end {
            std::thread::yield_now();
        }
    }
}

/// Starts the script on ports that nobody uses.
fn run(more: &[&str]) -> (Script, Vec<SocketAddr>) {
    let addresses = free_addresses(PORTS);
    let executable = executable();
    let programs = executable.parent().unwrap_or(Path::new("."));
    // Whoever runs the tests in the background makes everything in them deaf to SIGINT; a terminal does not.
    let mut command = Command::new("env");
    command
        .arg("--default-signal=INT")
        .arg("bash")
        .arg(script())
        .arg("--port")
        .arg(addresses[0].port().to_string())
        .arg("--programs")
        .arg(programs)
        .args(more);
    (Script(Program::start("run.sh", command)), addresses)
}

async fn nobody_is_left(addresses: &[SocketAddr]) {
    until_true("everything that the script started is gone", async || {
        free(addresses)
    })
    .await;
}

#[tokio::test]
async fn example_fleet_runs() {
    let (mut script, addresses) = run(&[]);
    let status = script.0.exit(SCRIPT_LIMIT).await;
    let output = script.0.output();
    assert!(status.success(), "{output}");
    for part in [
        "opened on replica",
        "kill -KILL replica",
        "call 7 on replica",
        "The session went on",
    ] {
        assert!(output.contains(part), "{part} is missing: {output}");
    }
    nobody_is_left(&addresses).await;
}

#[tokio::test]
async fn example_fleet_is_cleaned_up_by_ctrl_c() {
    let (mut script, addresses) = run(&["--stay"]);
    let stays = |line: &str| line.contains("Ctrl-C stops it").then_some(());
    script.0.line("that it stays", stays).await;
    script.0.interrupt();
    assert_eq!(
        script.0.exit(SCRIPT_LIMIT).await.code(),
        Some(130),
        "{}",
        script.0.output()
    );
    nobody_is_left(&addresses).await;
}

#[tokio::test]
async fn example_fleet_says_what_to_build() {
    let mut command = Command::new("bash");
    command.arg(script()).args(["--programs", "/nonexistent"]);
    let mut script = Program::start("run.sh", command);
    assert_eq!(script.exit(SCRIPT_LIMIT).await.code(), Some(1));
    let output = script.output();
    assert!(output.contains("cargo build -p mcpg"), "{output}");
}
