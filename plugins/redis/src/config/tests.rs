#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use mcpg_plugin_sdk::serde_json::{self, Value, json};

use super::*;

fn settings(block: Value) -> Settings {
    let config: Config = serde_json::from_value(block).unwrap();
    Settings::new(config).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

fn mistakes(block: Value) -> Vec<(String, String)> {
    let config: Config = serde_json::from_value(block).unwrap();
    let mistakes = Settings::new(config).err().unwrap();
    let pair = |mistake: Diagnostic| (mistake.path, mistake.message);
    mistakes.into_iter().map(pair).collect()
}

#[test]
fn every_key_but_the_url_has_its_default() {
    let settings = settings(json!({"url": "redis://127.0.0.1"}));
    assert_eq!(settings.key_prefix, "mcpg:cluster:");
    assert_eq!(settings.lease_ttl, Duration::from_secs(30));
    assert_eq!(settings.peer_ttl, Duration::from_secs(60));
    assert_eq!(settings.peer_refresh_interval, Duration::from_secs(30));
    assert_eq!(settings.lease_renew_before_expiry_percent, 80);
    assert_eq!(settings.subscribe_pattern_buffer, 256);
    assert!(settings.node_id.starts_with("mcpg-"), "{}", settings.node_id);
    assert_eq!(settings.tls, None);
}

#[test]
fn every_key_is_taken() {
    let all = settings(json!({
        "url": "rediss://h:1/2", "key_prefix": "", "lease_ttl_ms": 1, "peer_ttl_ms": 10,
        "peer_refresh_interval_ms": 3, "lease_renew_before_expiry_percent": 0,
        "subscribe_pattern_buffer": 7, "node_id": "n", "service_name": "s",
        "tls": {"ca_cert": "ca", "client_cert": "c", "client_key": "k"},
    }));
    assert_eq!(all.key_prefix, "");
    assert_eq!(all.lease_ttl, Duration::from_millis(1));
    assert_eq!(all.peer_refresh_interval, Duration::from_millis(3));
    assert_eq!(all.lease_renew_before_expiry_percent, 1);
    assert_eq!(all.subscribe_pattern_buffer, 7);
    assert_eq!(all.node_id, "n");
    assert_eq!(all.tls.unwrap().ca_cert.unwrap(), PathBuf::from("ca"));
    let some = settings(json!({"url": "redis://h", "peer_ttl_ms": 10, "service_name": "s",
        "lease_renew_before_expiry_percent": 100}));
    assert_eq!(some.peer_refresh_interval, Duration::from_millis(5));
    assert_eq!(some.lease_renew_before_expiry_percent, 99);
    assert!(some.node_id.starts_with("s-"), "{}", some.node_id);
}

#[test]
fn all_mistakes_come_at_once_and_without_credentials() {
    let found = mistakes(json!({
        "url": "http://u:hunter2@h", "lease_ttl_ms": 0, "peer_ttl_ms": 86_400_001,
        "subscribe_pattern_buffer": 0, "node_id": " ", "tls": {"client_cert": ""},
    }));
    let paths: Vec<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "/url",
            "/lease_ttl_ms",
            "/peer_ttl_ms",
            "/subscribe_pattern_buffer",
            "/node_id",
            "/tls",
            "/tls/client_cert"
        ]
    );
    assert!(!format!("{found:?}").contains("hunter2"));
}

#[test]
fn mistakes_that_need_two_keys_are_told_too() {
    for (block, path, message) in [
        (
            json!({"url": "redis://h", "tls": {}}),
            "/tls",
            "needs a rediss:// URL",
        ),
        (
            json!({"url": "redis://h", "peer_ttl_ms": 5, "peer_refresh_interval_ms": 5}),
            "/peer_refresh_interval_ms",
            "must be less than peer_ttl_ms",
        ),
        (
            json!({"url": "rediss://h/#insecure"}),
            "/url",
            "expected a URL like redis://host:6379 or rediss://host:6379",
        ),
    ] {
        assert_eq!(mistakes(block), [(path.to_owned(), message.to_owned())]);
    }
}

#[test]
fn credentials_are_not_shown() {
    let settings = settings(json!({ "url": "rediss://user:hunter%2B2@h:1/0?protocol=resp3" }));
    let shown = format!("{settings:?}");
    assert!(shown.contains("rediss://h:1/0"), "{shown}");
    assert!(!shown.contains("hunter") && !shown.contains("user"), "{shown}");
    assert_eq!(settings.secrets(), ["hunter%2B2", "hunter+2"]);
}
