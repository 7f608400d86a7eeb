//! What a child says outside the protocol goes into the log, as far as the log can bear it.

use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::time::Instant;
use tracing::{debug, info};

use super::process::LastWords;
use super::program::Program;
use crate::lines::{Line, Lines};

/// The longest line of a child that is shown, in characters.
pub(super) const SHOWN: usize = 2_000;
/// So many lines of a child are shown in one window; the others are counted.
const LINES: u32 = 200;
const WINDOW: Duration = Duration::from_secs(10);
/// Lines of the standard error are cut here before they are looked at.
const LONGEST: usize = 64 * 1024;

/// Counts what is shown.
pub(super) struct Budget {
    began: Instant,
    shown: u32,
    left_out: u64,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            shown: 0,
            left_out: 0,
        }
    }

    /// Whether another line may be shown.
    pub(super) fn allows(&mut self, upstream: &str) -> bool {
        if self.began.elapsed() >= WINDOW {
            if self.left_out > 0 {
                let lines = self.left_out;
                info!(message = "An upstream wrote more than is shown.", upstream, lines);
            }
            *self = Self::new();
        }
        let allowed = self.shown < LINES;
        if allowed {
            self.shown += 1;
        } else {
            self.left_out += 1;
        }
        allowed
    }
}

/// Reads the standard error to its end.
pub(super) async fn log_errors(program: &Program, stderr: impl AsyncRead + Unpin, last: &LastWords) {
    let mut lines = Lines::new(tokio::io::BufReader::new(stderr), LONGEST);
    let mut budget = Budget::new();
    // What cannot be read any more is over.
    while let Ok(Some(line)) = lines.next().await {
        let written = match line {
            Line::Whole(line) => line,
            Line::TooLong { head, .. } => head,
        };
        let line = program.showable(&written, SHOWN);
        if line.is_empty() {
            continue;
        }
        last.put(&line);
        let upstream = program.upstream.as_str();
        if budget.allows(upstream) {
            info!(
                message = "An upstream wrote to its standard error.",
                upstream, line
            );
        } else {
            debug!(
                message = "An upstream wrote to its standard error.",
                upstream, line
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_counted_instead_of_shown() {
        let mut budget = Budget::new();
        let shown = (0..1_000).filter(|_| budget.allows("up")).count();
        assert_eq!(shown, LINES as usize);
        tokio::time::advance(WINDOW).await;
        assert!(budget.allows("up"));
        assert_eq!((budget.shown, budget.left_out), (1, 0));
    }
}
