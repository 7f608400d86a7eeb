//! Serves a pipe from its first line to its end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use mcpg_mcp::envelope::{self, Incoming};
use mcpg_mcp::error::ErrorObject;
use mcpg_mcp::write;
use tokio::io::{AsyncRead, AsyncWrite, BufReader};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::output::Output;
use super::pipe::Pipe;
use crate::lines::{Line, Lines};
use crate::router::Router;

/// How deeply JSON may be nested, as over HTTP.
const MAX_DEPTH: usize = 128;
/// How long what was said last may take to be read.
const FLUSH: Duration = Duration::from_secs(2);

/// What serves a pipe.
pub(crate) struct PipeSettings {
    pub(crate) router: Arc<Router>,
    /// The longest message of the client in bytes.
    pub(crate) max_line: usize,
    /// How often the session is kept from running out while the client says nothing.
    pub(crate) keep_every: Duration,
    /// How long calls may go on after the end.
    pub(crate) patience: Duration,
}

/// Why a pipe is served no longer.
#[derive(Debug)]
pub enum PipeEnd {
    /// The client closed it.
    Closed,
    /// The gateway stops.
    Stopped,
    /// The session of the pipe is gone, and a pipe can have no other one.
    SessionLost,
    /// It cannot be read or written.
    Broken(io::Error),
}

/// The session of the pipe is gone.
#[derive(Debug)]
pub(super) struct Lost;

/// Serves the client at the other end until either side ends it; then running calls may finish.
pub(crate) async fn serve<R, W>(
    settings: PipeSettings,
    input: R,
    output: W,
    stop: CancellationToken,
) -> PipeEnd
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let (said, writing) = Output::to(output);
    let mut pipe = Pipe::new(settings.router, said);
    let mut lines = Lines::new(BufReader::new(input), settings.max_line);
    let end = read(
        &mut pipe,
        &mut lines,
        settings.keep_every,
        &stop,
        settings.max_line,
    )
    .await;
    let running = pipe.running.clone();
    if timeout(settings.patience, running.ended()).await.is_err() {
        let limit_ms = settings.patience.as_millis();
        warn!(
            message = "Some calls did not finish in time and were cut off.",
            limit_ms
        );
    }
    pipe.close().await;
    drop(pipe);
    match timeout(FLUSH, writing).await {
        Ok(Ok(Err(error))) if matches!(end, PipeEnd::Closed) => PipeEnd::Broken(error),
        _ => end,
    }
}

async fn read<R: AsyncRead + Unpin>(
    pipe: &mut Pipe,
    lines: &mut Lines<BufReader<R>>,
    keep_every: Duration,
    stop: &CancellationToken,
    max_line: usize,
) -> PipeEnd {
    let mut keeping = interval(keep_every);
    keeping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let taken = tokio::select! {
            biased;
            () = stop.cancelled() => return PipeEnd::Stopped,
            // Nobody reads what is said: the client is gone.
            () = pipe.output.closed() => return PipeEnd::Closed,
            line = lines.next() => match line {
                Ok(Some(Line::Whole(line))) => {
                    let scope = pipe.router.scopes.begin(&http::HeaderMap::new());
                    scope.cover(take(pipe, &line)).await
                }
                Ok(Some(Line::TooLong { .. })) => {
                    let why = format!("the message is larger than {max_line} bytes (gateway.server.max_request_body_mb)");
                    pipe.output.say(write::error(None, &ErrorObject::invalid_request(why))).await;
                    Ok(())
                }
                Ok(None) => return PipeEnd::Closed,
                Err(error) => return PipeEnd::Broken(error),
            },
            _ = keeping.tick() => pipe.keep().await,
        };
        if let Err(Lost) = taken {
            return PipeEnd::SessionLost;
        }
    }
}

/// Takes one line; an empty one says nothing.
async fn take(pipe: &mut Pipe, line: &[u8]) -> Result<(), Lost> {
    if line.trim_ascii().is_empty() {
        return Ok(());
    }
    if let Err(error) = envelope::max_depth(line, MAX_DEPTH) {
        pipe.output.say(write::error(None, &error)).await;
        return Ok(());
    }
    match envelope::parse(line) {
        Ok(Incoming::Single(message)) => pipe.take(message).await,
        Ok(Incoming::Batch(messages)) => pipe.batch(messages).await,
        Err(invalid) => {
            let answer = write::error(invalid.id.as_ref(), &invalid.error);
            pipe.output.say(answer).await;
            Ok(())
        }
    }
}
