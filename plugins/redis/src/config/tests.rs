#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;

#[test]
fn every_key_but_the_url_has_its_default() {
    let settings = Settings::from_json(&json!({"url": "redis://127.0.0.1"})).unwrap();
    assert_eq!(settings.key_prefix, "mcpg:cluster:");
    assert_eq!(settings.lease_ttl, Duration::from_secs(30));
    assert_eq!(settings.peer_ttl, Duration::from_secs(60));
    assert_eq!(settings.peer_refresh_interval, Duration::from_secs(30));
    assert_eq!(settings.lease_renew_before_expiry_percent, 80);
    assert_eq!(settings.subscribe_pattern_buffer, 256);
    assert_eq!(settings.service_name, "mcpg");
    assert!(settings.node_id.starts_with("mcpg-"), "{}", settings.node_id);
    assert_eq!(settings.tls, None);
}

#[test]
fn every_key_is_taken() {
    let settings = Settings::from_json(&json!({
        "url": "rediss://h:1/2", "key_prefix": "", "lease_ttl_ms": 1, "peer_ttl_ms": 10,
        "peer_refresh_interval_ms": 3, "lease_renew_before_expiry_percent": 0,
        "subscribe_pattern_buffer": 7, "node_id": "n", "service_name": "s",
        "tls": {"ca_cert": "ca", "client_cert": "c", "client_key": "k"},
    }))
    .unwrap();
    assert_eq!(settings.key_prefix, "");
    assert_eq!(settings.lease_ttl, Duration::from_millis(1));
    assert_eq!(settings.peer_refresh_interval, Duration::from_millis(3));
    assert_eq!(settings.lease_renew_before_expiry_percent, 1);
    assert_eq!(settings.subscribe_pattern_buffer, 7);
    assert_eq!((&*settings.node_id, &*settings.service_name), ("n", "s"));
    assert_eq!(settings.tls.unwrap().ca_cert.unwrap(), PathBuf::from("ca"));
    let settings = Settings::from_json(&json!({"url": "redis://h", "peer_ttl_ms": 10,
        "lease_renew_before_expiry_percent": 100}));
    let settings = settings.unwrap();
    assert_eq!(settings.peer_refresh_interval, Duration::from_millis(5));
    assert_eq!(settings.lease_renew_before_expiry_percent, 99);
}

#[test]
fn all_mistakes_come_at_once() {
    let mistakes = Settings::from_json(&json!({
        "url": "http://u:hunter2@h", "pool_size": 3, "lease_ttl_ms": "30", "peer_ttl_ms": 0,
        "lease_renew_before_expiry_percent": -1, "subscribe_pattern_buffer": 0, "node_id": " ",
        "tls": {"client_cert": "c", "verify": true},
    }))
    .unwrap_err();
    for wanted in [
        "cluster.url: expected a URL like redis://",
        "cluster.pool_size: unknown key",
        "cluster.lease_ttl_ms: expected a whole number",
        "cluster.peer_ttl_ms: expected milliseconds",
        "cluster.lease_renew_before_expiry_percent: expected",
        "cluster.subscribe_pattern_buffer: expected",
        "cluster.node_id: must not be empty",
        "cluster.tls.client_cert: client_cert and client_key",
        "cluster.tls.verify: unknown key",
    ] {
        let found = mistakes.lines().iter().filter(|line| line.starts_with(wanted));
        assert_eq!(found.count(), 1, "{wanted} in {mistakes}");
    }
    assert_eq!(mistakes.lines().len(), 9, "{mistakes}");
    assert!(!mistakes.to_string().contains("hunter2"));
}

#[test]
fn mistakes_that_need_two_keys_are_told_too() {
    for (block, wanted) in [
        (json!({}), "cluster.url: is required"),
        (json!([]), "cluster: expected a map"),
        (
            json!({"url": "redis://h", "tls": {}}),
            "cluster.tls: needs a rediss:// URL",
        ),
        (
            json!({"url": "redis://h", "peer_ttl_ms": 5, "peer_refresh_interval_ms": 5}),
            "cluster.peer_refresh_interval_ms: must be shorter than peer_ttl_ms",
        ),
        (
            json!({"url": "rediss://h/#insecure"}),
            "cluster.url: expected a URL like redis://host:6379 or rediss://host:6379",
        ),
    ] {
        let mistakes = Settings::from_json(&block).unwrap_err();
        assert_eq!(mistakes.lines(), [wanted]);
    }
}

#[test]
fn credentials_are_not_shown() {
    let url = "rediss://user:hunter%2B2@h:1/0?protocol=resp3";
    let settings = Settings::from_json(&json!({ "url": url })).unwrap();
    let shown = format!("{settings:?}");
    assert!(shown.contains("rediss://h:1/0"), "{shown}");
    assert!(!shown.contains("hunter") && !shown.contains("user"), "{shown}");
    assert_eq!(settings.secrets(), ["hunter%2B2", "hunter+2"]);
}
