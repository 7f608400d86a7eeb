//! Keys of clients.

use std::collections::HashMap;

use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::support::gateway::{Gateway, command};
use crate::support::legacy::Session;

#[test]
fn a_new_key_comes_with_its_digest_and_is_never_the_same() {
    let [one, other] = [(); 2].map(|()| {
        let made = command().args(["key", "new"]).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        String::from_utf8(made.stdout).unwrap()
    });
    assert_ne!(one, other);
    let parts: HashMap<&str, &str> = one.lines().filter_map(|line| line.split_once(':')).collect();
    let (key, digest) = (parts["key"].trim(), parts["sha256"].trim());
    // 256 bits in base64 are 43 characters.
    assert_eq!(key.strip_prefix("mcpg_").map(str::len), Some(43), "{one}");
    let expected: String = Sha256::digest(key)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(digest, expected);
}

#[tokio::test]
async fn what_key_new_prints_can_be_pasted() {
    let made = command()
        .args(["key", "new", "--name", "ci@example.com"])
        .output()
        .unwrap();
    let made = String::from_utf8(made.stdout).unwrap();
    let (top, yaml) = made.split_once("governance:").unwrap();
    assert!(yaml.contains("ci@example.com"), "{made}");
    let key = top
        .lines()
        .find_map(|line| line.strip_prefix("key:"))
        .unwrap()
        .trim();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("mcpg.yaml");
    let text = format!("gateway: {{server: {{bind_address: \"127.0.0.1:0\"}}}}\ngovernance:{yaml}");
    std::fs::write(&config, text).unwrap();
    let gateway = Gateway::from_files(&[&config]).await;
    let session = Session::open(&gateway.endpoint.with_key(key)).await;
    assert!(session.result("tools/list", json!({})).await["tools"].is_array());
    // What the program says about itself shows how to use a key.
    let output = gateway.program.output();
    assert!(output.contains("-H 'authorization: Bearer KEY' "), "{output}");
}

#[test]
fn names_that_cannot_be_configured_are_refused_when_a_key_is_made() {
    let long = "x".repeat(65);
    for name in [
        "",
        "two words",
        "a/b",
        "a:b",
        "\u{e9}",
        &long,
        &format!("mcpg_{long}")[..48],
    ] {
        let refused = command().args(["key", "new", "--name", name]).output().unwrap();
        assert_eq!(refused.status.code(), Some(2), "{name}");
        let told = String::from_utf8(refused.stderr).unwrap();
        assert!(
            told.contains("a name has 1 to 64 letters, digits and `_`, `.`, `@`, `-`"),
            "{told}"
        );
        assert!(refused.stdout.is_empty());
    }
}
