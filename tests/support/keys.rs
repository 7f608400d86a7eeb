//! API keys of the tests.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::gateway::Settings;

/// The key of the client `p`.
pub(crate) const P: &str = "mcpg_the-key-of-p-0123456789012345678901234567890";
/// The key of the client `q`.
pub(crate) const Q: &str = "mcpg_the-key-of-q-0123456789012345678901234567890";

/// The entry of a key in the configuration.
pub(crate) fn entry(name: &str, key: &str) -> Value {
    let digest: String = Sha256::digest(key)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    json!({"name": name, "sha256": digest})
}

/// Settings that know the keys of `p` and `q`.
pub(crate) fn p_and_q(settings: Settings) -> Settings {
    let access = json!({"api_keys": [entry("p", P), entry("q", Q)]});
    settings.governance("access", access)
}
