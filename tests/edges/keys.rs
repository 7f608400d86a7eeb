//! Keys of clients.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

use crate::support::gateway::command;

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
