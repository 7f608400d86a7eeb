//! The cases, one module for each part of the contract.
//!
//! The name of a case is the behaviour line that it proves; that line says what it is about.

pub(crate) mod acquire;
pub(crate) mod coordinator;
pub(crate) mod delete;
pub(crate) mod expiry;
pub(crate) mod get;
pub(crate) mod lease_guard;
pub(crate) mod limits;
pub(crate) mod list;
pub(crate) mod presence;
pub(crate) mod publish;
pub(crate) mod put;
pub(crate) mod races;
pub(crate) mod renew;
pub(crate) mod subscribe;
pub(crate) mod touch;
pub(crate) mod versions;
pub(crate) mod watch;
pub(crate) mod watch_changes;
pub(crate) mod watch_order;
