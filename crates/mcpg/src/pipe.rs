//! Serves the client that started the program, over standard input and output.

use mcpg_gateway::{Gateway, PipeEnd};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::failure::Failure;
use crate::signals::Signals;

/// Serves until the client closes its end or the program is told to stop.
///
/// # Errors
/// When the client could not be served to its own end.
pub(crate) async fn serve(
    gateway: &Gateway,
    coordinator: &str,
    signals: &mut Signals,
) -> Result<(), Failure> {
    info!(message = "Serving standard input.", coordinator);
    let stop = CancellationToken::new();
    let serving = gateway.serve_pipe(tokio::io::stdin(), tokio::io::stdout(), stop.clone());
    tokio::pin!(serving);
    let end = tokio::select! {
        end = &mut serving => end,
        _ = signals.next() => {
            stop.cancel();
            tokio::select! {
                end = &mut serving => end,
                _ = signals.next() => PipeEnd::Stopped,
            }
        }
    };
    match end {
        PipeEnd::Closed | PipeEnd::Stopped => Ok(()),
        PipeEnd::SessionLost => Err(Failure::boot(
            "the session of this client is gone from the coordinator, and a pipe can have no other one",
            "let the client start the program again",
        )),
        PipeEnd::Broken(error) => Err(Failure::boot(
            &format!("standard input or output broke: {error}"),
            "check what the client does with them",
        )),
    }
}
