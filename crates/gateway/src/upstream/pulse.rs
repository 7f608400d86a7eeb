//! Notices that an upstream has died.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::core::Upstream;
use super::error::UpstreamError;
use super::hold::Parting;
use super::peer::Peer;
use super::streams::Streams;

/// One answer may get lost without meaning that the upstream is dead.
const MISSES: u32 = 2;
/// Many calls that fail at once are one reason to look, not many.
const BREATH: Duration = Duration::from_millis(25);

/// What a look at an upstream says.
enum Look {
    Alive,
    Missed(String),
    Parting(Parting),
}

impl Upstream {
    /// Looks after the upstream from time to time, and at once when something failed. Ends when it is gone.
    pub(super) async fn pulse(&self, peer: Peer<'_>, streams: &Streams) -> Parting {
        let timing = self.settings.timing;
        let mut missed = 0;
        loop {
            if missed == 0 {
                let pause = if streams.are_open() {
                    timing.look_streaming
                } else {
                    timing.look
                };
                tokio::select! {
                    () = sleep(pause) => {}
                    () = self.signals.suspicion() => sleep(BREATH).await,
                }
            }
            if self.is_busy_child() {
                // Many programs do one thing at a time; what they work on ends by its own limits.
                missed = 0;
                continue;
            }
            match self.look(peer).await {
                Look::Alive => missed = 0,
                Look::Missed(cause) if missed + 1 >= MISSES => return Parting::Gone(cause),
                Look::Missed(_) => missed += 1,
                Look::Parting(parting) => return parting,
            }
        }
    }

    fn is_busy_child(&self) -> bool {
        self.transport
            .children()
            .is_some_and(|children| children.held_is_busy())
    }

    async fn look(&self, peer: Peer<'_>) -> Look {
        let method = if peer.is_modern() {
            "server/discover"
        } else {
            "ping"
        };
        let patience = self.settings.timing.patience;
        let Ok(answer) = timeout(patience, self.ask(peer, method, None)).await else {
            return Look::Missed(format!("no answer within {} ms", patience.as_millis()));
        };
        match answer {
            Err(UpstreamError::SessionGone) => Look::Parting(Parting::Renew),
            Err(error @ UpstreamError::NotSent { .. }) => Look::Parting(Parting::Gone(error.into_cause())),
            Err(UpstreamError::Lost { cause }) => Look::Missed(cause),
            Err(UpstreamError::Refused { status, .. })
                if status.is_server_error() || matches!(status.as_u16(), 401 | 403 | 404 | 410) =>
            {
                Look::Parting(Parting::Gone(format!("HTTP status {status}")))
            }
            // Whatever else it says, it says something.
            _ => Look::Alive,
        }
    }
}
