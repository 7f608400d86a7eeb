//! The `mcp.configurations` block as it is written.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

/// How what the gateway does for clients is kept, each thing for itself.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawConfigurations {
    /// The client sessions.
    pub(crate) sessions: RawSessions,
}

/// The client sessions.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawSessions {
    /// Where their records are kept.
    pub(crate) store: RawStore,
}

/// Where records are kept.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawStore {
    /// `cluster`: in the coordinator that `cluster.kind` names. `memory`: in this process. `file`: in a folder of this process, where they survive its end. With `memory` and `file` no other replica knows them. Default: cluster.
    pub(crate) kind: String,
    /// The folder of the kind `file`, for one process alone; it is made where there is none. A relative path belongs to the folder of the configuration file. Default: none.
    pub(crate) dir: Option<PathBuf>,
}

impl Default for RawStore {
    fn default() -> Self {
        Self {
            kind: "cluster".to_owned(),
            dir: None,
        }
    }
}
