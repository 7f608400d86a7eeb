//! Libraries and hosts of different minor versions, both ways, with real libraries.
// The macro writes unsafe code for a slot that may be missing.
#![allow(clippy::unwrap_used, non_local_definitions, unused_qualifications)]

#[allow(
    dead_code,
    reason = "the library fills the slots, the host calls only some of them"
)]
mod newer;

use std::path::{Path, PathBuf};
use std::process::Command;

use mcpg_plugin_abi::{RStr, load, load_as};
use serde_json::Value;

/// A library that cargo builds from these arguments.
fn build(name: &str, arguments: &[&str]) -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--message-format=json"])
        .args(arguments)
        .args((!cfg!(debug_assertions)).then_some("--release"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo build {arguments:?}: {errors}");
    let messages = String::from_utf8(output.stdout).unwrap();
    let artifact = messages
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .find(|message| message["reason"] == "compiler-artifact" && message["target"]["name"] == name)
        .unwrap();
    PathBuf::from(artifact["filenames"][0].as_str().unwrap())
}

fn newer_library() -> PathBuf {
    build(
        "newer_plugin",
        &["--package=mcpg-plugin-abi", "--example=newer_plugin"],
    )
}

fn older_library() -> PathBuf {
    build("mcpg_fixture_plugin", &["--package=mcpg-fixture-plugin", "--lib"])
}

/// What a host of the next minor gets from its slot; `minor` is what the manifest of the library says.
fn appended(library: &Path, minor: u32) -> Option<u64> {
    if minor >= 1 {
        let module: newer::ModRef = load_as(library).unwrap();
        return module.appended().map(|appended| appended(41));
    }
    let module = load(library).unwrap();
    assert!(module.manifest()().contains("\"abi\":\"1.0\""));
    None
}

#[test]
fn hm_1_a_newer_minor_is_used_by_an_older_host_without_its_new_slots() {
    let module = load(&newer_library()).unwrap();
    assert!(module.manifest()().contains("\"abi\":\"1.1\""));
    let told = module.validate()(RStr::from_str("{}")).unwrap();
    assert_eq!(told[0].message, "told by a newer plugin");
}

#[test]
fn hm_1_a_newer_host_uses_both_and_gives_an_older_library_the_default() {
    assert_eq!(appended(&newer_library(), 1), Some(42));
    assert_eq!(appended(&older_library(), 0), None);
}

/// Why the module type of every minor has to stay.
#[test]
fn hm_1_the_newest_module_type_alone_would_refuse_an_older_library() {
    let failure = load_as::<newer::ModRef>(&older_library())
        .map(|_| ())
        .unwrap_err();
    assert!(failure.details.contains("too many fields"), "{}", failure.details);
    assert!(failure.reason.lines().count() == 1, "{}", failure.reason);
}
