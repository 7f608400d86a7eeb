#![doc = include_str!("../README.md")]

mod adapt;
mod bounded;
mod config;
mod convert;
mod elf;
mod error;
mod find;
mod log;
mod manifest;
mod plugin;
mod poller;
mod threads;

pub use bounded::Deadlines;
pub use config::Diagnostic;
pub use error::PluginError;
pub use find::find;
pub use manifest::Manifest;
pub use plugin::Plugin;
