//! The contract's traits behind the objects that cross the border. Authors never see this.

mod coordinator;
#[cfg(test)]
mod cost;
mod key_value;
mod lease;
mod presence;
mod pubsub;
mod stream;
mod watch;

pub(crate) use coordinator::export;
