//! The log events of a plugin in the host's log.

use mcpg_plugin_abi::{AbiHost, HostTrait, HostTrait_TO, RStr, TD_Opaque, level};
use tracing::level_filters::LevelFilter;
use tracing::{debug, error, info, trace, warn};

/// What a plugin of this id is given when it is opened.
pub(crate) fn host(id: &str) -> AbiHost {
    let max_level = match LevelFilter::current() {
        LevelFilter::OFF => 0,
        LevelFilter::ERROR => level::ERROR,
        LevelFilter::WARN => level::WARN,
        LevelFilter::INFO => level::INFO,
        LevelFilter::DEBUG => level::DEBUG,
        _ => level::TRACE,
    };
    AbiHost {
        max_level,
        services: HostTrait_TO::from_value(Log { id: id.to_owned() }, TD_Opaque),
    }
}

struct Log {
    id: String,
}

impl HostTrait for Log {
    fn log(&self, level: u8, target: RStr<'_>, message: RStr<'_>, fields: RStr<'_>) {
        let (plugin, module) = (self.id.as_str(), target.as_str());
        let (message, fields) = (message.as_str(), fields.as_str());
        match level {
            level::ERROR => error!(target: "mcpg_plugin", message, plugin, module, fields),
            level::WARN => warn!(target: "mcpg_plugin", message, plugin, module, fields),
            level::INFO => info!(target: "mcpg_plugin", message, plugin, module, fields),
            level::DEBUG => debug!(target: "mcpg_plugin", message, plugin, module, fields),
            _ => trace!(target: "mcpg_plugin", message, plugin, module, fields),
        }
    }
}
