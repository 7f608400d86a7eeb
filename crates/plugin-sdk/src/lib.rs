#![doc = include_str!("../README.md")]

mod bridge;
mod convert;
#[doc(hidden)]
pub mod export;
mod guard;
mod log;
mod plugin;
mod runtime;
mod schema;
mod slots;

pub use async_trait::async_trait;
pub use bytes;
pub use mcpg_cluster as cluster;
pub use schemars;
pub use serde;
pub use serde_json;

pub use plugin::{Diagnostic, Host, Plugin};
pub use schema::{check_schema_files, config_schema};
