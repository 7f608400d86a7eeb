//! The objects of a library as implementations of the contract.

mod coordinator;
mod key_value;
mod lease;
mod presence;
mod pubsub;
mod stream;
mod watch;

pub(crate) use coordinator::coordinator;
