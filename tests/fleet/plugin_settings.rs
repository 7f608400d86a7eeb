//! What a coordinator's plugin finds wrong in its keys, and what the gateway finds wrong in the coordinator.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::plugins::{assert_file_refused, assert_refused, assert_serves, fixture, greeting, on_fixture};
use crate::support::gateway::{Gateway, command};
use crate::support::plugins::{entry, library};
use crate::support::processes::Program;
use crate::support::redis::Redis;

#[tokio::test]
async fn three_mistakes_in_the_cluster_block_come_at_once_with_their_places() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fleet.yaml");
    let entries = json!([entry("redis", &library("mcpg-cluster-redis"))]);
    let text = format!(
        "cluster:\n  kind: redis\n  url: \"redis://:s3cret@127.0.0.1:1\"\n  pool_size: 3\n  lease_ttl_ms: 0\n  \
         tls:\n    verify: true\nplugins: {entries}\n"
    );
    fs::write(&path, text).unwrap();
    let words = [
        "fleet.yaml:4:3: cluster.pool_size: ",
        "fleet.yaml:5:3: cluster.lease_ttl_ms: ",
        "fleet.yaml:7:5: cluster.tls.verify: ",
    ];
    let output = assert_file_refused(&path, &words).await;
    assert!(!output.contains("s3cret"), "{output}");
}

#[tokio::test]
async fn variables_stand_for_numbers_and_relative_paths_belong_to_the_file() {
    let redis = Redis::in_memory().await;
    let folder = tempfile::tempdir().unwrap();
    let entries = json!([entry("redis", &library("mcpg-cluster-redis"))]);
    let write = |tls: &str| {
        let path = folder.path().join("fleet.yaml");
        let text = format!(
            "gateway: {{server: {{bind_address: \"127.0.0.1:0\"}}}}\ncluster:\n  kind: ${{env.KIND}}\n  url: ${{env.URL}}\n  \
             peer_ttl_ms: ${{env.TTL}}\n{tls}plugins: {entries}\n"
        );
        fs::write(&path, text).unwrap();
        path
    };
    let start = |path: &Path, ttl: &str, url: String| {
        let mut command = command();
        command.arg("--config").arg(path);
        command.env("KIND", "redis").env("URL", url).env("TTL", ttl);
        command
    };
    let path = write("");
    Gateway::from_command(start(&path, "50000", redis.url())).await;
    let mut wrong = Program::start("mcpg", start(&path, "soon", redis.url()));
    assert_eq!(wrong.exit(Duration::from_secs(30)).await.code(), Some(1));
    assert!(
        wrong.output().contains("cluster.peer_ttl_ms"),
        "{}",
        wrong.output()
    );
    let path = write("  tls: {ca_cert: certs/ca.pem}\n");
    let secure = redis.url().replace("redis://", "rediss://");
    let mut wrong = Program::start("mcpg", start(&path, "50000", secure));
    assert_eq!(wrong.exit(Duration::from_secs(30)).await.code(), Some(1));
    let placed = folder.path().join("certs/ca.pem").display().to_string();
    assert!(wrong.output().contains(&placed), "{}", wrong.output());
}

#[tokio::test]
async fn what_only_the_plugin_knows_to_be_wrong_gets_its_place_too() {
    let settings = on_fixture(&fixture(), json!({"deployment": "", "size": 11, "limit": 2}));
    let words = [
        "cluster.deployment: must not be empty",
        "cluster.size: ",
        "cluster.limit: ",
    ];
    assert_refused(settings, &words).await;
}

#[tokio::test]
async fn a_backend_that_is_not_there_is_named_without_its_password() {
    let redis = Redis::in_memory().await;
    let mut cluster = redis.cluster("p:", "a");
    cluster["url"] = json!(format!("redis://:s3cret@{}", redis.address));
    redis.kill();
    let settings = redis.settings(greeting(), "p:", "a").block("cluster", cluster);
    let folder = tempfile::tempdir().unwrap();
    let words = [
        "cluster.kind redis",
        "dev.mcpg.cluster.redis",
        "make sure that its backend runs",
    ];
    let output = assert_file_refused(&settings.write(folder.path()), &words).await;
    assert!(!output.contains("s3cret"), "{output}");
}

#[tokio::test]
async fn entries_that_have_no_effect_are_warned_about() {
    let mut entries = fixture();
    entries[0]["config"] = json!({"deployment": 3});
    let other = entry("other", Path::new("/nowhere/libother.so"));
    entries.as_array_mut().unwrap().push(other);
    let gateway = on_fixture(&entries, json!({"deployment": "a"})).start().await;
    assert_serves(&gateway).await;
    let log = gateway.program.stderr();
    for word in ["plugins[0].config", "plugins[1].id", "not loaded"] {
        assert!(log.contains(word), "{word:?} is not in {log}");
    }
}

#[tokio::test]
async fn what_the_gateway_needs_and_the_backend_does_not_keep_is_refused_when_asked_for() {
    let redis = Redis::in_memory().await;
    let durable = |redis: &Redis| {
        let server = json!({"bind_address": "127.0.0.1:0"});
        let gateway = json!({"require_durable": true, "server": server});
        redis.settings(greeting().block("gateway", gateway), "p:", "a")
    };
    let words = [
        "gateway.require_durable",
        "redis",
        "a crash may lose all sessions",
    ];
    assert_refused(durable(&redis), &words).await;
    let gateway = redis.settings(greeting(), "p:", "a").start().await;
    let log = gateway.program.stderr();
    assert!(log.contains("a crash may lose all sessions"), "{log}");
    let redis = Redis::durable().await;
    assert_serves(&durable(&redis).start().await).await;
}
