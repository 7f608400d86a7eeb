//! The official conformance suite, run against an endpoint.

use std::process::Command;

use super::mcp::Endpoint;
use super::processes::Program;
use super::scripts;

const SUITE: &str = "@modelcontextprotocol/conformance/dist/index.js";

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

/// The scenarios in which a check failed or warned, and how many scenarios ran. The suite itself overlooks warnings.
pub(crate) fn complaints(report: &str) -> (Vec<&str>, Option<&str>) {
    let (mut complaining, total) = failures(report);
    let warned = report
        .lines()
        .filter_map(|line| Some(line.split_once(": WARNING ")?.0));
    complaining.extend(warned);
    (complaining, total)
}

/// The names of the scenarios in a report.
pub(crate) fn scenarios(report: &str) -> Vec<String> {
    let rows = report
        .lines()
        .skip_while(|line| !line.starts_with("scenario "))
        .skip(1)
        .take_while(|line| !line.starts_with("total of "));
    rows.filter_map(|row| row.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

/// Runs one scenario; an error is what the suite printed about a check that failed or warned.
pub(crate) async fn scenario(endpoint: &Endpoint, revision: &str, name: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let suite = scripts::prepared("MCPG_TEST_NODE_MODULES").join(SUITE);
    let mut command = Command::new(scripts::prepared("MCPG_TEST_NODE"));
    command.arg(suite).args(["server", "--url", &local(endpoint)]);
    command.args(["--scenario", name, "--spec-version", revision, "-o"]);
    command.arg(folder.path());
    let mut program = Program::start("the conformance suite", command);
    program.exit(scripts::SCRIPT_LIMIT).await;
    let output = program.output();
    let verdict = output.lines().find(|line| line.starts_with("Passed: "));
    match verdict {
        Some(line) if line.ends_with(", 0 failed, 0 warnings") => Ok(()),
        _ => Err(output),
    }
}

/// The URL as the suite wants it: it tests protection against DNS rebinding only on localhost.
fn local(endpoint: &Endpoint) -> String {
    format!("http://localhost:{}{}", endpoint.address.port(), endpoint.path)
}
