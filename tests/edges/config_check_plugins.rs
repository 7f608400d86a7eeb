//! `mcpg-config-check --plugins`: the declared libraries have their say, and nothing is connected to.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::Path;

use serde_json::json;

use crate::support::config_check::{Checked, ConfigCheck};
use crate::support::plugins::{entry, library};

const REDIS: &str = "mcpg-cluster-redis";
const FIXTURE: &str = "mcpg-fixture-plugin";

/// The entry of a plugin as a line of YAML at the end of the file.
fn plugins(kind: &str, library: &Path) -> String {
    format!("plugins: {}\n", json!([entry(kind, library)]))
}

/// Checks a `cluster` block for the real redis library, with a server that must not hear of it in `${env.URL}`.
fn check_redis(block: &str) -> Checked {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    server.set_nonblocking(true).unwrap();
    let url = format!("redis://:s3cret@{}", server.local_addr().unwrap());
    let text = format!(
        "cluster:\n  kind: redis\n{block}{}",
        plugins("redis", &library(REDIS))
    );
    let checked = ConfigCheck::of(&text)
        .variable("URL", &url)
        .variable("TTL", "50000")
        .run(&["--plugins", "config.yaml"]);
    let connected = server.accept().map_err(|error| error.kind());
    assert_eq!(
        connected.err(),
        Some(ErrorKind::WouldBlock),
        "the check has connected"
    );
    assert!(!checked.stderr.contains("s3cret"), "{}", checked.stderr);
    checked
}

#[test]
fn a_block_that_the_plugin_accepts_is_valid_and_nothing_is_connected_to() {
    check_redis("  url: ${env.URL}\n  peer_ttl_ms: ${env.TTL}\n")
        .assert_valid("✓ config.yaml: valid (0 bindings, cluster: redis)");
}

#[test]
fn a_misspelt_key_gets_its_place_and_a_suggestion() {
    check_redis("  url: ${env.URL}\n  lease_ttl_sm: 5\n  tls:\n    ca_file: ca.pem\n").assert_invalid("\
✗ config.yaml: invalid

config.yaml:4:3: cluster.lease_ttl_sm: unknown key
  found:   `lease_ttl_sm`
  allowed: `url`, `key_prefix`, `lease_ttl_ms`, `peer_ttl_ms`, `peer_refresh_interval_ms`, `lease_renew_before_expiry_percent`, `subscribe_pattern_buffer`, `node_id`, `service_name`, `tls`
  hint:    did you mean `lease_ttl_ms`?

config.yaml:5:3: cluster.tls: needs a rediss:// URL
  found:   a map
  allowed: a map with `ca_cert`, `client_cert`, `client_key`

config.yaml:6:5: cluster.tls.ca_file: unknown key
  found:   `ca_file`
  allowed: `ca_cert`, `client_cert`, `client_key`
");
}

#[test]
fn a_wrong_type_a_missing_key_and_a_number_out_of_range_are_told_at_once() {
    check_redis("  lease_ttl_ms: soon\n  peer_ttl_ms: 0\n").assert_invalid(
        "\
✗ config.yaml: invalid

config.yaml:1:1: cluster.url: \"url\" is a required property
  found:   nothing
  allowed: a text

config.yaml:3:3: cluster.lease_ttl_ms: value is not of type \"integer\"
  found:   a value that is not shown here
  allowed: a whole number, 1..=86400000

config.yaml:4:3: cluster.peer_ttl_ms: value is less than the minimum of 1
  found:   a value that is not shown here
  allowed: a whole number, 1..=86400000
",
    );
}

#[test]
fn what_only_the_plugin_knows_is_told_too() {
    check_redis("  url: ${env.URL}\n  tls: {client_cert: a.pem}\n").assert_invalid(
        "\
✗ config.yaml: invalid

config.yaml:4:3: cluster.tls: needs a rediss:// URL
  found:   a map
  allowed: a map with `ca_cert`, `client_cert`, `client_key`

config.yaml:4:3: cluster.tls: client_cert and client_key belong together
  found:   a map
  allowed: a map with `ca_cert`, `client_cert`, `client_key`
",
    );
}

#[test]
fn without_the_option_no_library_is_looked_for() {
    let text = format!(
        "cluster: {{kind: redis, no: key}}\n{}",
        plugins("redis", Path::new("no.so"))
    );
    ConfigCheck::of(&text)
        .run(&["--env", "config.yaml"])
        .assert_valid("✓ config.yaml: valid (0 bindings, cluster: redis)");
}

#[test]
fn the_option_implies_env() {
    let text = format!(
        "cluster: {{kind: redis, url: '${{env.URL}}'}}\n{}",
        plugins("redis", &library(REDIS))
    );
    let checked = ConfigCheck::of(&text).run(&["--plugins", "config.yaml"]);
    let words = "config.yaml:1:29: cluster.url: the environment variable URL is not set";
    assert_eq!(checked.code, 1);
    assert!(checked.stderr.contains(words), "{}", checked.stderr);
}

#[test]
fn a_library_that_is_not_there_is_named_with_what_builds_it() {
    let text = format!(
        "cluster: {{kind: redis}}\n{}",
        plugins("redis", Path::new("lib/libmcpg_cluster_redis.so"))
    );
    ConfigCheck::of(&text)
        .run(&["--plugins", "config.yaml"])
        .assert_invalid(
            "\
✗ config.yaml: invalid

config.yaml:2:52: plugins[0].source.path: there is no file lib/libmcpg_cluster_redis.so
  hint:    build it with `cargo build --release -p mcpg-cluster-redis`, or correct the path
",
        );
}

#[test]
fn another_file_than_the_pinned_one_is_not_opened() {
    let mut entry = entry("redis", &library(REDIS));
    entry["source"]["sha256"] = json!("00".repeat(32));
    let text = format!("cluster: {{kind: redis}}\nplugins:\n- {entry}\n");
    let checked = ConfigCheck::of(&text).run(&["--plugins", "config.yaml"]);
    assert_eq!(checked.code, 1);
    let words = [
        "plugins[0].source.sha256: ",
        "is another file than the pinned one: its SHA-256 is ",
        "put the pinned file there, or correct the pin if this file is meant",
    ];
    for words in words {
        assert!(checked.stderr.contains(words), "{words}: {}", checked.stderr);
    }
}

#[test]
fn a_library_that_holds_another_plugin_or_none_is_refused() {
    let fixture = library(FIXTURE);
    let text = format!("cluster: {{kind: redis}}\n{}", plugins("redis", &fixture));
    ConfigCheck::of(&text)
        .run(&["--plugins", "config.yaml"])
        .assert_invalid(&format!(
            "✗ config.yaml: invalid\n\nconfig.yaml:2:12: plugins[0].id: the library {} holds the plugin \
             `dev.mcpg.cluster.fixture`\n  hint:    correct the id or source.path\n",
            fixture.display()
        ));
    let text = format!(
        "cluster: {{kind: redis}}\n{}",
        plugins("redis", Path::new("text.so"))
    );
    ConfigCheck::of(&text)
        .file("text.so", "no library")
        .run(&["--plugins", "config.yaml"])
        .assert_invalid(
            "\
✗ config.yaml: invalid

config.yaml:2:52: plugins[0].source.path: text.so is not a plugin library: it does not begin like a library
  hint:    build the library of this version again, or correct the path
",
        );
}

#[test]
fn an_entry_that_is_not_used_is_opened_too_unless_it_is_disabled() {
    let entries = |disabled: bool| {
        let mut unused = entry("other", Path::new("other.so"));
        unused["disabled"] = json!(disabled);
        json!([entry("fixture", &library(FIXTURE)), unused])
    };
    let text = |disabled| {
        format!(
            "cluster: {{kind: fixture, deployment: a}}\nplugins: {}\n",
            entries(disabled)
        )
    };
    ConfigCheck::of(&text(true))
        .run(&["--plugins", "config.yaml"])
        .assert_valid("✓ config.yaml: valid (0 bindings, cluster: fixture)");
    let checked = ConfigCheck::of(&text(false)).run(&["--plugins", "config.yaml"]);
    assert_eq!(checked.code, 1);
    for words in [
        "plugins[1].source.path: there is no file other.so",
        "warning: ",
        "not loaded",
    ] {
        assert!(checked.stderr.contains(words), "{words}: {}", checked.stderr);
    }
}

#[test]
fn what_the_plugin_itself_says_stands_at_its_keys() {
    let text = format!(
        "cluster:\n  kind: fixture\n  deployment: ''\n  size: 11\n  limt: 2\n  limit: none\n{}",
        plugins("fixture", &library(FIXTURE))
    );
    ConfigCheck::of(&text)
        .run(&["--plugins", "config.yaml"])
        .assert_invalid(
            "\
✗ config.yaml: invalid

config.yaml:5:3: cluster.limt: unknown key
  found:   `limt`
  allowed: `deployment`, `size`, `limit`, `min_ttl_ms`, `fault`, `trigger`, `journal`
  hint:    did you mean `limit`?

config.yaml:6:3: cluster.limit: value is not of type \"integer\"
  found:   a value that is not shown here
  allowed: a whole number, at least 0
",
        );
    let text = text.replace("  limt: 2\n  limit: none\n", "");
    ConfigCheck::of(&text)
        .run(&["--plugins", "config.yaml"])
        .assert_invalid(
            "\
✗ config.yaml: invalid

config.yaml:1:1: cluster.limit: must not be less than size
  found:   nothing
  allowed: a whole number, at least 0

config.yaml:3:3: cluster.deployment: must not be empty
  found:   a value that is not shown here
  allowed: a text

config.yaml:4:3: cluster.size: must be from 1 to 10
  found:   a value that is not shown here
  allowed: a whole number, at least 0
",
        );
}

#[test]
fn a_plugin_that_panics_is_one_mistake() {
    let text = format!(
        "cluster: {{kind: fixture, deployment: a, fault: validate_panics}}\n{}",
        plugins("fixture", &library(FIXTURE))
    );
    let checked = ConfigCheck::of(&text).run(&["--plugins", "config.yaml"]);
    assert_eq!((checked.code, checked.stdout.as_str()), (1, ""));
    let words = "config.yaml:1:1: cluster: plugin dev.mcpg.cluster.fixture failed in `validate`: unavailable: the plugin \
                 panicked (call: validate, panic: asked to panic in validate)\n  hint:    report this to the author of \
                 the plugin\n";
    assert!(checked.stderr.ends_with(words), "{}", checked.stderr);
}

#[test]
fn programs_get_the_same_places() {
    let text = format!(
        "cluster:\n  kind: fixture\n  deployment: a\n  sise: 2\n{}",
        plugins("fixture", &library(FIXTURE))
    );
    let checked = ConfigCheck::of(&text).run(&["--plugins", "--format", "json", "config.yaml"]);
    let said: serde_json::Value = serde_json::from_str(&checked.stdout).unwrap();
    let mistake = &said["mistakes"][0];
    assert_eq!(
        (checked.code, &mistake["line"], &mistake["column"]),
        (1, &json!(4), &json!(3))
    );
    assert_eq!(
        (&mistake["code"], &mistake["path"]),
        (&json!("unknown_key"), &json!("cluster.sise"))
    );
    assert_eq!(mistake["hint"], "did you mean `size`?");
}

#[test]
fn a_mistake_in_a_layer_names_that_layer() {
    let text = format!(
        "cluster:\n  kind: fixture\n  deployment: a\n{}",
        plugins("fixture", &library(FIXTURE))
    );
    ConfigCheck::of(&text)
        .file("over.yaml", "cluster: {size: 11, limit: 11}\n")
        .run(&["--plugins", "config.yaml", "over.yaml"])
        .assert_invalid(
            "\
✗ config.yaml + over.yaml: invalid

over.yaml:1:11: cluster.size: must be from 1 to 10
  found:   a value that is not shown here
  allowed: a whole number, at least 0
",
        );
}

#[test]
fn a_plugin_that_never_answers_does_not_hold_up_the_end() {
    let text = format!(
        "cluster: {{kind: fixture, deployment: a, fault: validate_blocks}}\n{}",
        plugins("fixture", &library(FIXTURE))
    );
    ConfigCheck::of(&text)
        .run(&["--plugins", "config.yaml"])
        .assert_invalid(
            "\
✗ config.yaml: invalid

config.yaml:1:1: cluster: plugin dev.mcpg.cluster.fixture did not finish `validate` within 5s
  hint:    report this to the author of the plugin
",
        );
}
