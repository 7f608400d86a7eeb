#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

pub mod calls;
pub mod catalogues;
pub mod delivery;
pub mod fleet;
pub mod incarnation;
pub mod inherit;
pub mod leader;
pub mod levels;
pub mod mac;
pub mod mailbox;
pub mod node_topic;
pub mod owner;
pub mod principal;
pub mod replica;
pub mod sessions;
pub mod store;
pub mod subscriptions;
pub mod sweeper;
pub mod view;

mod random;
#[cfg(test)]
mod testing;
mod timing;
mod weakness;

#[cfg(test)]
mod simulation;
