#![forbid(unsafe_code)]
#![doc = include_str!("README.md")]
// Half of what this server is for, the revisions up to 2025-11-25, is what the library marks as deprecated.
#![allow(deprecated)]

mod call;
mod catalogue;
mod control;
mod failure;
mod handler;
mod http;
mod listeners;
mod options;
mod prompts;
mod resources;
mod response_stream;
mod sessions;
mod state;
mod stats;
mod stdio;
mod tools;

use std::io::Write as _;

use axum::serve::ListenerExt as _;
use clap::Parser as _;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tracing_subscriber::EnvFilter;

use crate::{failure::Failure, options::Options, state::State};

#[tokio::main]
async fn main() -> Result<(), Failure> {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("error")))
        .with_writer(std::io::stderr)
        .init();
    let options = Options::parse();
    if options.stdio {
        return stdio::serve(options).await;
    }
    let mut terminate = signal(SignalKind::terminate())?;
    let listener = TcpListener::bind((options.bind, options.port)).await?;
    let address = listener.local_addr()?;
    let router = http::router(&State::new(options)?);
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "listening on http://{address}{}", http::ENDPOINT)?;
    stdout.flush()?;
    drop(stdout);
    // Without this each event of a stream waits for the acknowledgement of the one before.
    let listener = listener.tap_io(|connection| {
        // A connection that is gone already needs no setting.
        let _ = connection.set_nodelay(true);
    });
    tokio::select! {
        served = axum::serve(listener, router) => served?,
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    Ok(())
}
