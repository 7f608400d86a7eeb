//! The Redis coordinator against real servers that these tests start and stop.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

mod configured;
mod conformance;
mod isolation;
mod library;
mod order;
mod outage;
mod presence;
mod schema;
mod server;
mod tls;
