//! The client side: one HTTP endpoint that serves both eras.

mod access;
mod answer;
mod batch;
mod body;
mod drain;
mod get;
mod guard;
mod legacy;
mod listener;
mod modern;
mod post;
mod respond;
mod service;

pub(crate) use drain::Drain;
pub(crate) use listener::{Listener, Listening};
pub(crate) use service::{Frontend, FrontendSettings};
