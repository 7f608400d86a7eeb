//! What an author implements.

use std::sync::Arc;

use async_trait::async_trait;
use mcpg_cluster::{Coordinator, Result};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

/// A coordinator plugin. All functions run inside the plugin's own tokio runtime; a panic becomes an error.
#[async_trait]
pub trait Plugin: Send + 'static {
    /// The word in `cluster.kind` that chooses this plugin; its id is `dev.mcpg.cluster.` and this word.
    const KIND: &'static str;

    /// The keys of the `cluster` block besides `kind`. Use `#[serde(deny_unknown_fields)]`.
    type Config: DeserializeOwned + JsonSchema + Send + 'static;

    /// Returns every mistake that the types of the configuration do not rule out. Must not connect to anything.
    fn validate(config: &Self::Config) -> Vec<Diagnostic>;

    /// Connects and returns the coordinator. Called only with a configuration in which there is no mistake.
    async fn open(config: Self::Config, host: Host) -> Result<Arc<dyn Coordinator>>;
}

/// One mistake in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Where it is, as a JSON pointer such as `/url`.
    pub path: String,
    /// What is wrong and what is expected. Never the value of a secret.
    pub message: String,
}

impl Diagnostic {
    /// Builds a diagnostic.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
        }
    }
}

/// The host as the plugin sees it. Log with `tracing`: the events reach the host's log under the plugin's id.
#[derive(Clone, Debug)]
pub struct Host {
    plugin_id: String,
}

impl Host {
    /// Builds the host that a plugin of this kind sees; for opening it without a library, as in its own tests.
    pub fn for_kind(kind: &str) -> Self {
        Self {
            plugin_id: format!("dev.mcpg.cluster.{kind}"),
        }
    }

    /// The id under which the plugin is known.
    pub fn plugin_id(&self) -> &str {
        &self.plugin_id
    }
}
