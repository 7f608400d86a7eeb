//! Servers that are reached over HTTP.

mod body;
mod cancel;
mod client;
mod connector;
mod events;
mod exchange;
mod listen;
mod open;
mod refusal;
mod reply;
mod resume;
mod session_events;
pub(super) mod tls;

pub(super) use client::HttpClient;
pub(super) use session_events::SessionEvents;
