//! The plugin: what the library exports.

use std::sync::Arc;

use mcpg_plugin_sdk::cluster::{Coordinator, Error, ErrorKind, Result};
use mcpg_plugin_sdk::{Diagnostic, Host, Plugin, async_trait};

use crate::config::{self, Config, Settings};
use crate::coordinator::RedisCoordinator;

/// The plugin of the kind `redis`.
pub struct RedisPlugin;

#[async_trait]
impl Plugin for RedisPlugin {
    const KIND: &'static str = "redis";
    type Config = Config;

    fn validate(config: &Config) -> Vec<Diagnostic> {
        config::find(config)
    }

    /// # Errors
    /// `Invalid` for certificates that cannot be used, `Denied` for wrong credentials and for a server that evicts
    /// keys, `Unavailable` for a server that is not reached within five seconds.
    async fn open(config: Config, _: Host) -> Result<Arc<dyn Coordinator>> {
        let settings = Settings::new(config).map_err(|mistakes| invalid(&mistakes))?;
        Ok(Arc::new(RedisCoordinator::open(settings).await?))
    }
}

fn invalid(mistakes: &[Diagnostic]) -> Error {
    let lines: Vec<String> = mistakes
        .iter()
        .map(|mistake| format!("{}: {}", mistake.path, mistake.message))
        .collect();
    Error::new(ErrorKind::Invalid, lines.join("; "))
}
