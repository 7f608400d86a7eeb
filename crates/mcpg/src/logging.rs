//! The log on standard error.

use std::io::IsTerminal as _;

use mcpg_config::app::{LogFormat, Logs};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Starts writing the log. Without a configured format it is for eyes on a terminal and JSON elsewhere.
pub(crate) fn start(logs: &Logs) {
    let terminal = std::io::stderr().is_terminal();
    let format = logs.format.unwrap_or(if terminal {
        LogFormat::Human
    } else {
        LogFormat::Json
    });
    // Libraries speak from warnings on: what they tell below that is about themselves.
    let level = logs.level.as_str();
    let library = if matches!(level, "error") { "error" } else { "warn" };
    let filter = EnvFilter::new(format!(
        "{library},mcpg={level},mcpg_gateway={level},mcpg_capabilities={level},mcpg_config={level},mcpg_plugin={level},mcpg_plugin_host={level},mcpg_single_node={level},mcpg_file_store={level}"
    ));
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second subscriber in one process is only possible in tests, which then keep the first one.
    let _ = match format {
        LogFormat::Human => builder.with_ansi(terminal).with_target(false).finish().try_init(),
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_target(false)
            .finish()
            .try_init(),
    };
}
