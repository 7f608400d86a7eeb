#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod client;
mod config;
mod coordinator;
mod error;
mod gate;
mod key_value;
mod lease;
mod names;
mod presence;
mod pubsub;
mod scripts;
mod store;
mod subscriptions;
mod support;
mod watch;

pub use config::{ConfigMistakes, Settings, TlsFiles};
pub use coordinator::RedisCoordinator;
