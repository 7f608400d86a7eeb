//! The server side: MCP servers behind the gateway.
//!
//! One [`Upstream`] per configured federation. Its supervisor ([`Upstream::supervise`]) finds out which eras the
//! server speaks and what it offers, keeps that up to date and publishes it as a [`State`]. Calls go through
//! [`Upstream::request`]; dropping that future cancels the call at the server.
//!
//! Nothing here is executed twice: what provably did not reach the server is reported as
//! [`UpstreamError::NotSent`] or [`UpstreamError::SessionGone`], everything else that broke as
//! [`UpstreamError::Lost`].

mod body;
mod call;
mod cancel;
mod client;
mod connector;
mod conversation;
mod core;
mod error;
mod events;
mod hold;
mod listen;
mod listing;
mod open;
mod params;
mod peer;
mod probe;
mod pulse;
mod questions;
mod refusal;
mod reply;
mod report;
mod resume;
mod session;
mod settings;
mod shared;
mod signals;
mod state;
mod supervisor;
mod tls;

pub(crate) use core::Upstream;
pub(crate) use error::UpstreamError;
pub(crate) use session::{ClientProfile, Session, Via};
pub(crate) use settings::Settings;
#[cfg(test)]
pub(crate) use state::Status;
pub(crate) use state::{Offer, State};

#[cfg(test)]
mod tests;
