//! The server side: MCP servers behind the gateway.
//!
//! One [`Upstream`] per configured federation. Its supervisor ([`Upstream::supervise`]) finds out which eras the
//! server speaks and what it offers, keeps that up to date and publishes it as a [`State`]. Calls go through
//! [`Upstream::request`]; dropping that future cancels the call at the server.
//!
//! A server is reached over HTTP (`http`) or is a program that the gateway runs (`child`); everything else is the same
//! for both, and `transport` is where they part.
//!
//! Nothing here is executed twice: what provably did not reach the server is reported as
//! [`UpstreamError::NotSent`] or [`UpstreamError::SessionGone`], everything else that broke as
//! [`UpstreamError::Lost`].

mod call;
mod child;
mod conversation;
mod core;
mod error;
mod hold;
mod http;
mod listing;
mod open;
mod params;
mod peer;
mod probe;
mod pulse;
mod questions;
mod report;
mod sending;
mod session;
mod session_stream;
mod settings;
mod shared;
mod signals;
mod state;
mod streams;
mod supervisor;
mod transport;
mod updates;

pub(crate) use core::Upstream;
pub(crate) use error::UpstreamError;
pub(crate) use session::{ClientProfile, Home, Session, Via};
pub(crate) use session_stream::{Heard, Opened, SessionStream, Unrelated, pong};
pub(crate) use settings::Settings;
pub(crate) use signals::Updated;
#[cfg(test)]
pub(crate) use state::Status;
pub(crate) use state::{Offer, State};

#[cfg(test)]
mod tests;
