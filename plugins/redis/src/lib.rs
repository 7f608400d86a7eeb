#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod client;
mod comparison;
mod config;
mod coordinator;
mod error;
mod gate;
mod key_value;
mod lease;
mod names;
mod plugin;
mod presence;
mod pubsub;
mod scripts;
mod store;
mod subscriptions;
mod support;
mod watch;

pub use config::{Config, TlsFiles};
pub use plugin::RedisPlugin;

mcpg_plugin_sdk::export_plugin!(RedisPlugin, include_str!("../schema.json"));
