//! The listener for operators, and what it calls ready.

use schemars::JsonSchema;
use serde::Deserialize;

use super::BindAddress;

/// The `gateway.admin` block.
#[derive(Debug, Clone)]
pub struct Admin {
    /// Where it listens; `None` is nowhere.
    pub bind_address: Option<BindAddress>,
}

/// When an outage of the coordinator turns `/ready` red.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum ReadinessMode {
    /// Never: other replicas reach it no better, and what needs no coordinator is served.
    #[default]
    Standard,
    /// When it lasts.
    Strict,
}

impl ReadinessMode {
    /// The word in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Strict => "strict",
        }
    }
}
