//! The libraries of the fixture package, built once for each test program.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use mcpg_cluster::Coordinator;
use mcpg_plugin_host::{Deadlines, Plugin};
use serde_json::{Value, json};

pub(crate) struct Libraries {
    pub(crate) fixture: PathBuf,
    pub(crate) second: PathBuf,
}

pub(crate) static LIBRARIES: LazyLock<Libraries> = LazyLock::new(build);

const BUILD: [&str; 6] = [
    "build",
    "--package=mcpg-fixture-plugin",
    "--lib",
    "--examples",
    "--message-format=json",
    "--quiet",
];

fn build() -> Libraries {
    let output = Command::new(env!("CARGO"))
        .args(BUILD)
        .args((!cfg!(debug_assertions)).then_some("--release"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let text = String::from_utf8(output.stdout).unwrap();
    let failed = format!(
        "cargo {}: {}",
        BUILD.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{failed}");
    let messages: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let find = |name: &str| {
        let artifact = messages.iter().find(|message| message["target"]["name"] == name);
        let artifact = artifact.unwrap_or_else(|| panic!("no {name} from {failed}"));
        PathBuf::from(artifact["filenames"][0].as_str().unwrap())
    };
    Libraries {
        fixture: find("mcpg_fixture_plugin"),
        second: find("fixture_second"),
    }
}

/// Deadlines that a test can wait for.
pub(crate) const SHORT: Deadlines = Deadlines {
    validate: Duration::from_secs(10),
    open: Duration::from_secs(10),
    call: Duration::from_millis(300),
    probation: 1000,
};

pub(crate) fn fixture(deadlines: Deadlines) -> Plugin {
    Plugin::load(&LIBRARIES.fixture, deadlines).unwrap()
}

/// Deadlines that are meant to pass.
pub(crate) const IMPATIENT: Deadlines = Deadlines {
    validate: Duration::from_millis(300),
    open: Duration::from_millis(300),
    ..SHORT
};

/// Deadlines with a plugin that is polled on the threads of the callers from the start.
pub(crate) const TRUSTED: Deadlines = Deadlines {
    probation: 0,
    ..SHORT
};

/// The fixture with a fault.
pub(crate) async fn open_with(fault: &str) -> Arc<dyn Coordinator> {
    let config = json!({"deployment": fault, "fault": fault});
    fixture(SHORT).open(&config).await.unwrap()
}

/// A copy of the fixture in which every text was replaced by another of the same length.
pub(crate) fn altered(folder: &Path, name: &str, from: &str, to: &str) -> PathBuf {
    assert_eq!(from.len(), to.len());
    let mut bytes = std::fs::read(&LIBRARIES.fixture).unwrap();
    let places: Vec<usize> = bytes
        .windows(from.len())
        .enumerate()
        .filter_map(|(at, window)| (window == from.as_bytes()).then_some(at))
        .collect();
    assert!(!places.is_empty(), "{from} is not in the library");
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}
