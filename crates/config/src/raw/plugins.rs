//! The `plugins` list as it is written.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::PathBuf;

/// A plugin library that the gateway may load.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawPlugin {
    /// The unique id of the plugin in reverse DNS, as in dev.mcpg.cluster.redis. Required.
    #[schemars(regex(pattern = r"^[a-z0-9][a-z0-9_-]*(\.[a-z0-9][a-z0-9_-]*)+$"))]
    pub(crate) id: String,
    /// Where the library lies. Required.
    pub(crate) source: RawPluginSource,
    /// Keys for the plugin. The plugin of `cluster.kind` gets those of the `cluster` block instead. Default: none.
    pub(crate) config: Option<Map<String, Value>>,
    /// Keeps the plugin from being used. Default: false.
    #[serde(default)]
    pub(crate) disabled: bool,
}

/// Where a library lies.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawPluginSource {
    /// The file; a relative path belongs to the folder of the configuration file. Required.
    pub(crate) path: PathBuf,
    /// The SHA-256 of the file in hexadecimal digits; a file with another one is not loaded. Default: any file.
    #[schemars(regex(pattern = r"^[0-9a-fA-F]{64}$"))]
    pub(crate) sha256: Option<String>,
}
