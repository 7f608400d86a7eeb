//! The same server as a child process: the protocol on standard input and output, everything else on HTTP.

use std::{fs, path::Path, sync::Arc};

use rmcp::ServiceExt as _;
use tokio::net::TcpListener;

use crate::{control, failure::Failure, handler::Handler, options::Options, state::State};

/// Name of the only session that there is.
pub(crate) const SESSION: &str = "stdio";

/// What only a program of its own may do.
const MISBEHAVIOUR: [(&str, &str); 3] = [
    ("crash", "Ends the process in mid-call with `status`."),
    (
        "print",
        "Writes `text` to standard output, where only messages belong.",
    ),
    ("print_error", "Writes `text` to standard error."),
];

/// Serves until standard input ends.
pub(crate) async fn serve(options: Options) -> Result<(), Failure> {
    let listener = TcpListener::bind((options.bind, 0)).await?;
    let is_stubborn = options.stubborn;
    // Whoever has installed a handler is not ended by the signal.
    let _deaf = is_stubborn
        .then(|| tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()))
        .transpose()?;
    if let Some(folder) = &options.report {
        report(folder, &listener)?;
    }
    let state = State::new(options)?;
    for (tool, description) in MISBEHAVIOUR {
        state.catalogue.add_tool(tool, description);
    }
    state.listeners.add_session(SESSION);
    let control = control::router(&state);
    tokio::spawn(async move { axum::serve(listener, control).await });
    let handler = Handler {
        state: Arc::clone(&state),
    };
    let running = handler.serve(rmcp::transport::stdio()).await?;
    running.waiting().await?;
    if is_stubborn {
        std::future::pending::<()>().await;
    }
    Ok(())
}

fn report(folder: &Path, listener: &TcpListener) -> Result<(), Failure> {
    let name = format!("{}.address", std::process::id());
    let address = listener.local_addr()?.to_string();
    // Renamed into place, so that nobody reads half of it.
    let unfinished = folder.join(format!("{name}.new"));
    fs::write(&unfinished, address)?;
    fs::rename(unfinished, folder.join(name))?;
    Ok(())
}
