//! The client side on a pipe (the stdio transport): one client, one message per line, both eras.
//!
//! What a client does with sessions over HTTP it does here with the pipe: `initialize` opens the pipe's session, which
//! lives as long as the pipe. Modern requests stand for themselves, and since a pipe has no connection per request that
//! could be closed, they are cancelled by `notifications/cancelled` too.
//!
//! Source: basic/transports (2025-11-25), basic/transports/stdio (2026-07-28).

mod batch;
mod output;
mod pipe;
mod running;
mod serve;

pub use serve::PipeEnd;
pub(crate) use serve::{PipeSettings, serve};
