//! The official conformance suite, run against an endpoint.

use std::process::Command;

use super::mcp::Endpoint;
use super::processes::Program;
use super::scripts;

/// Runs the suite at a revision; returns what it reported.
pub(crate) async fn report(endpoint: &Endpoint, revision: &str) -> String {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let mut command = Command::new("sh");
    command
        .arg(scripts::folder().join("scripts/conformance.sh"))
        .arg(local(endpoint))
        .arg(revision)
        .arg(folder.path());
    let mut program = Program::start("conformance.sh", command);
    let status = program.exit(scripts::SCRIPT_LIMIT).await;
    assert_ne!(
        status.code(),
        Some(2),
        "the suite broke off: {}",
        program.output()
    );
    program.output()
}

/// The scenarios in which a check failed, and how many scenarios ran.
pub(crate) fn failures(report: &str) -> (Vec<&str>, Option<&str>) {
    let failed = report
        .lines()
        .filter_map(|line| Some(line.split_once(": FAILURE ")?.0));
    let total = report.lines().find_map(|line| line.strip_prefix("total of "));
    (
        failed.collect(),
        total.and_then(|rest| rest.split_whitespace().next()),
    )
}

/// The URL as the suite wants it: it tests protection against DNS rebinding only on localhost.
fn local(endpoint: &Endpoint) -> String {
    format!("http://localhost:{}{}", endpoint.address.port(), endpoint.path)
}
