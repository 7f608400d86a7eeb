//! Client programs in other languages, with the interpreters that `tests/run` prepared.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::processes::Program;

/// How long an official client may take for its whole script.
pub(crate) const SCRIPT_LIMIT: Duration = Duration::from_secs(90);

/// The folder of this package.
pub(crate) fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A path that `tests/run` prepared.
///
/// # Panics
/// When the tests were started without it.
pub(crate) fn prepared(variable: &str) -> PathBuf {
    match std::env::var_os(variable) {
        Some(path) => PathBuf::from(path),
        None => panic!("{variable} is not set; start the tests with: tests/run"),
    }
}

/// A program in another language, ready to run.
pub(crate) struct Script {
    name: String,
    command: Command,
    /// Where the script lies, when it needs a folder of its own.
    _folder: Option<TempDir>,
}

/// A Python script in `tests/clients`.
pub(crate) fn python(script: &str, arguments: &[&str]) -> Script {
    let mut command = Command::new(prepared("MCPG_TEST_PYTHON"));
    command
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(clients().join(script))
        .args(arguments);
    Script::new(script, command, None)
}

/// A script for node in `tests/clients`.
///
/// Node looks for packages beside the script, and the packages lie in a cache: the script is
/// copied to a folder that has both.
pub(crate) fn node(script: &str, arguments: &[&str]) -> Script {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    for entry in fs::read_dir(clients()).expect("the scripts are there") {
        let path = entry.expect("an entry can be read").path();
        if path.extension().is_some_and(|extension| extension == "mjs") {
            let name = path.file_name().expect("a listed file has a name");
            fs::copy(&path, folder.path().join(name)).expect("a script can be copied");
        }
    }
    let modules = prepared("MCPG_TEST_NODE_MODULES");
    symlink(modules, folder.path().join("node_modules")).expect("links are possible");
    let mut command = Command::new(prepared("MCPG_TEST_NODE"));
    command.arg(folder.path().join(script)).args(arguments);
    Script::new(script, command, Some(folder))
}

/// A program that an npm package brings along.
pub(crate) fn package_program(module: &str, arguments: &[&str]) -> Script {
    let mut command = Command::new(prepared("MCPG_TEST_NODE"));
    command
        .arg(prepared("MCPG_TEST_NODE_MODULES").join(module))
        .args(arguments);
    Script::new(module, command, None)
}

/// Runs a script to its end and returns what it printed; a non-zero exit is a failure.
pub(crate) async fn run(script: Script) -> String {
    let mut program = Program::start(&script.name, script.command);
    let status = program.exit(SCRIPT_LIMIT).await;
    let output = program.output();
    assert!(status.success(), "{} failed: {output}", script.name);
    program.stdout()
}

/// Runs a script and returns the JSON summary that it prints as its last line.
pub(crate) async fn summary(script: Script) -> Value {
    let output = run(script).await;
    let last = output.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|error| panic!("no summary ({error}): {output}"))
}

impl Script {
    fn new(name: &str, command: Command, folder: Option<TempDir>) -> Self {
        Self {
            name: name.to_owned(),
            command,
            _folder: folder,
        }
    }
}

fn clients() -> PathBuf {
    folder().join("clients")
}
