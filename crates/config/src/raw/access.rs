//! The `governance.access` block as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

/// Admission of clients.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawAccess {
    /// Serves clients without an identity: on an address that is not loopback, and beside `api_keys`. Default: false.
    pub(crate) allow_anonymous: bool,
    /// The API keys that clients identify themselves with, as `Authorization: Bearer KEY`. Once there is one, every request needs one, on loopback too, unless `allow_anonymous` is true. Default: none.
    pub(crate) api_keys: Vec<RawApiKey>,
}

/// An API key. `mcpg key new --name NAME` makes one and prints this entry.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawApiKey {
    /// Who the holder is: what belongs to a client is kept under this name, so a key can be replaced without its sessions being lost. Unique. Required.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_.@-]{1,64}$"))]
    pub(crate) name: String,
    /// The SHA-256 of the key in 64 hexadecimal digits, never the key itself. Unique. Required.
    #[schemars(extend("examples" = ["0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"]))]
    pub(crate) sha256: String,
}

/// Without the digest: somebody may have written the key in its place.
impl std::fmt::Debug for RawApiKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("RawApiKey")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
