#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod gate;
mod key_value;
mod lease;
mod mailbox;
mod memory;
mod presence;
mod pubsub;
mod single_node;
mod sweeper;
mod watch;

pub use single_node::SingleNode;
