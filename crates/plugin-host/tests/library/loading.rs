//! Libraries that load, and files that must not.

use std::fs;

use mcpg_cluster::{Expect, Key};
use mcpg_plugin_host::{Deadlines, Manifest, Plugin, PluginError};
use serde_json::json;

use crate::libraries::{LIBRARIES, altered};

#[test]
fn the_manifest_is_read_without_running_the_plugin() {
    let manifest = Manifest::read(&LIBRARIES.fixture).unwrap();
    assert_eq!(manifest.id, "dev.mcpg.cluster.fixture");
    assert_eq!(manifest.kind, "fixture");
    assert_eq!(manifest.abi, "1.0");
    assert!(manifest.rustc.starts_with("rustc 1."), "{}", manifest.rustc);
    assert_eq!(manifest.config_schema["required"], json!(["deployment"]));
}

#[tokio::test]
async fn two_plugins_in_one_process_keep_apart() {
    let first = Plugin::load(&LIBRARIES.fixture, Deadlines::default()).unwrap();
    let second = Plugin::load(&LIBRARIES.second, Deadlines::default()).unwrap();
    let first = first
        .open(&json!({"deployment": "beside another"}))
        .await
        .unwrap();
    let second = second.open(&json!({})).await.unwrap();
    assert_eq!((first.kind(), second.kind()), ("fixture", "second"));
    let key = Key::new("scope", "name");
    let (here, there) = (&first.primitives().key_value, &second.primitives().key_value);
    here.put(&key, "first".into(), Expect::Absent, None)
        .await
        .unwrap();
    assert_eq!(there.get(&key).await.unwrap(), None);
    assert!(here.get(&key).await.unwrap().is_some());
}

#[test]
fn a_truncated_library_is_refused_wherever_it_was_cut() {
    let whole = fs::read(&LIBRARIES.fixture).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (name, length) in [
        ("empty", 0),
        ("one", 1),
        ("head", 40),
        ("headers", 200),
        ("half", whole.len() / 2),
        ("almost", whole.len() - 1),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, &whole[..length]).unwrap();
        let message = refusal(&path);
        assert!(message.contains("is not a plugin library"), "{name}: {message}");
    }
}

#[test]
fn a_file_that_is_no_library_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text.so");
    fs::write(&path, "#!/bin/sh\n").unwrap();
    let message = refusal(&path);
    assert!(message.contains("does not begin like a library"), "{message}");
}

#[test]
fn a_library_without_manifest_is_refused_in_one_line() {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let libc = maps.lines().find_map(|line| {
        line.split_whitespace()
            .last()
            .filter(|path| path.contains("/libc.so"))
    });
    let message = refusal(libc.expect("this program uses the C library").as_ref());
    assert!(
        message.contains("it has no symbol mcpg_plugin_manifest"),
        "{message}"
    );
}

#[test]
fn another_major_is_refused_with_both_versions_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = altered(folder.path(), "major.so", r#"{"abi":"1.0""#, r#"{"abi":"9.0""#);
    let message = refusal(&path);
    assert!(
        message.contains("plugin interface 9.0, this program has 1.0"),
        "{message}"
    );
}

#[tokio::test]
async fn a_newer_minor_loads() {
    let folder = tempfile::tempdir().unwrap();
    let path = altered(folder.path(), "minor.so", r#"{"abi":"1.0""#, r#"{"abi":"1.7""#);
    let plugin = Plugin::load(&path, Deadlines::default()).unwrap();
    assert_eq!(plugin.manifest().abi, "1.7");
    let coordinator = plugin.open(&json!({"deployment": "newer"})).await.unwrap();
    assert_eq!(coordinator.kind(), "fixture");
}

#[test]
fn a_library_with_a_manifest_but_no_module_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = altered(
        folder.path(),
        "module.so",
        "_1as_0lib_1header",
        "_1as_0bil_1header",
    );
    let message = refusal(&path);
    assert!(message.contains("it exports no plugin module"), "{message}");
}

fn refusal(path: &std::path::Path) -> String {
    let error: PluginError = match Plugin::load(path, Deadlines::default()) {
        Ok(_) => panic!("{} was loaded", path.display()),
        Err(error) => error,
    };
    let message = error.to_string();
    assert!(message.lines().count() == 1 && message.len() < 400, "{message}");
    message
}
