//! Coordinators that are libraries, in the real program: what boots, and what is refused with which words.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::gateway::{Gateway, Settings, command};
use crate::support::legacy::Session;
use crate::support::mcp::text_of;
use crate::support::plugins::{entry, library};
use crate::support::processes::Program;
use crate::support::redis::Redis;

const FIXTURE: &str = "mcpg-fixture-plugin";

pub(super) fn greeting() -> Settings {
    Settings::new().mock_tool("greet", "hello")
}

/// A gateway on the fixture, with these entries of `plugins` and these keys of the `cluster` block.
pub(super) fn on_fixture(entries: &Value, mut cluster: Value) -> Settings {
    cluster["kind"] = json!("fixture");
    greeting()
        .block("cluster", cluster)
        .block("plugins", entries.clone())
}

pub(super) fn fixture() -> Value {
    json!([entry("fixture", &library(FIXTURE))])
}

pub(super) async fn assert_serves(gateway: &Gateway) {
    let session = Session::open(&gateway.endpoint).await;
    assert_eq!(text_of(&session.tool("greet", json!({})).await), "hello");
    assert!(session.delete().await.is_success());
}

/// Makes sure that the gateway ends with code 1, and that what it says holds all of these words.
pub(super) async fn assert_refused(settings: Settings, words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    assert_file_refused(&settings.write(folder.path()), words).await;
}

pub(super) async fn assert_file_refused(path: &Path, words: &[&str]) -> String {
    let mut command = command();
    command.arg("--config").arg(path);
    let mut program = Program::start("mcpg", command);
    let status = program.exit(Duration::from_secs(30)).await;
    let output = program.stderr();
    assert_eq!(status.code(), Some(1), "{status}: {output}");
    for word in words {
        assert!(output.contains(word), "{word:?} is not in {output}");
    }
    output
}

#[tokio::test]
async fn sb_6_the_kind_redis_boots_and_serves() {
    let redis = Redis::in_memory().await;
    let gateway = redis.settings(greeting(), "fleet:", "a").start().await;
    assert_serves(&gateway).await;
    assert_ne!(redis.command("DBSIZE").await, ":0", "sessions are kept in redis");
}

#[tokio::test]
async fn sb_6_the_kinds_single_node_and_of_any_plugin_boot_and_serve() {
    let single_node = greeting().block("cluster", json!({"kind": "single_node", "url": 3}));
    for settings in [
        greeting(),
        single_node,
        on_fixture(&fixture(), json!({"deployment": "a"})),
    ] {
        assert_serves(&settings.start().await).await;
    }
}

#[tokio::test]
async fn sb_6_a_kind_without_entry_names_the_id_the_file_and_what_to_add() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fleet.yaml");
    fs::write(&path, "cluster:\n  kind: redis\n  url: redis://127.0.0.1:1\n").unwrap();
    let words = [
        "fleet.yaml:2:9: cluster.kind",
        "dev.mcpg.cluster.redis",
        "plugins: [{id: dev.mcpg.cluster.redis, source: {path: libmcpg_cluster_redis.so}}]",
    ];
    assert_file_refused(&path, &words).await;
}

#[tokio::test]
async fn sb_6_a_disabled_entry_is_refused_with_its_place() {
    let mut entries = fixture();
    entries[0]["disabled"] = json!(true);
    let settings = on_fixture(&entries, json!({"deployment": "a"}));
    assert_refused(settings, &["plugins[0].disabled", "kind: fixture"]).await;
}

#[tokio::test]
async fn a_library_that_was_not_built_is_named_with_the_command_that_builds_it() {
    let entries = json!([entry("redis", Path::new("lib/libmcpg_cluster_redis.so"))]);
    let settings = greeting()
        .block("cluster", json!({"kind": "redis", "url": "redis://127.0.0.1:1"}))
        .block("plugins", entries);
    let words = [
        "plugins[0].source.path",
        "lib/libmcpg_cluster_redis.so",
        "cargo build --release -p mcpg-cluster-redis",
    ];
    assert_refused(settings, &words).await;
}

#[tokio::test]
async fn a_relative_library_is_looked_for_beside_the_file_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("lib")).unwrap();
    std::os::unix::fs::symlink(library(FIXTURE), folder.path().join("lib/own.so")).unwrap();
    let entries = json!([entry("fixture", Path::new("lib/own.so"))]);
    let path = on_fixture(&entries, json!({"deployment": "a"})).write(folder.path());
    assert_serves(&Gateway::from_files(&[&path]).await).await;
}

#[tokio::test]
async fn a_library_with_another_hash_than_its_pin_is_not_loaded() {
    let mut entries = fixture();
    entries[0]["source"]["sha256"] = json!("00".repeat(32));
    let settings = on_fixture(&entries, json!({"deployment": "a"}));
    let folder = tempfile::tempdir().unwrap();
    let path = settings.write(folder.path());
    let output = assert_file_refused(&path, &["plugins[0].source.sha256", "SHA-256 is "]).await;
    let (_, found) = output.split_once("SHA-256 is ").unwrap();
    entries[0]["source"]["sha256"] = json!(found[..64].to_uppercase());
    let pinned = on_fixture(&entries, json!({"deployment": "a"}));
    assert_serves(&pinned.start().await).await;
}

#[tokio::test]
async fn a_library_of_another_plugin_is_named_by_what_it_holds() {
    let entries = json!([entry("redis", &library(FIXTURE))]);
    let settings = greeting()
        .block("cluster", json!({"kind": "redis", "url": "redis://127.0.0.1:1"}))
        .block("plugins", entries);
    assert_refused(settings, &["plugins[0].id", "dev.mcpg.cluster.fixture"]).await;
}

#[tokio::test]
async fn hm_1_files_that_are_no_plugins_never_crash_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let whole = fs::read(library(FIXTURE)).unwrap();
    let cut = whole.len() / 2;
    for (name, bytes, word) in [
        (
            "text.so",
            b"#!/bin/sh\nexit 0\n".as_slice(),
            "does not begin like a library",
        ),
        ("empty.so", b"", "is not a plugin library"),
        ("cut.so", &whole[..cut], "truncated"),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let entries = json!([entry("fixture", &path)]);
        let settings = on_fixture(&entries, json!({"deployment": "a"}));
        assert_refused(settings, &["plugins[0].source.path", name, word]).await;
    }
}

#[tokio::test]
async fn hm_1_another_major_is_refused_with_both_versions_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = fs::read(library(FIXTURE)).unwrap();
    let (from, to) = (br#"{"abi":"1."#, br#"{"abi":"9."#);
    let place = bytes.windows(from.len()).position(|part| part == from).unwrap();
    bytes[place..place + to.len()].copy_from_slice(to);
    let path = folder.path().join("major.so");
    fs::write(&path, bytes).unwrap();
    let entries = json!([entry("fixture", &path)]);
    let settings = on_fixture(&entries, json!({"deployment": "a"}));
    let output = assert_file_refused(&settings.write(folder.path()), &[]).await;
    let line = output
        .lines()
        .find(|line| line.contains("major.so was built for"));
    let line = line.unwrap_or_else(|| panic!("{output}"));
    assert!(line.contains("interface 9.") && line.contains("has 1."), "{line}");
}
