//! The stretch of time that counts, and what happened in it.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::failure::Failure;
use crate::process_cpu;

/// The measured stretch of time; what lies before it only warms up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    start: Instant,
    length: Duration,
}

/// CPU time used inside a window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CpuTimes {
    pub(crate) own: Duration,
    pub(crate) watched: Option<Duration>,
}

/// What one connection saw inside a window.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    /// Nanoseconds per call, in the order of the calls.
    pub(crate) latencies: Vec<u64>,
    /// What ended the connection early.
    pub(crate) error: Option<Failure>,
}

impl Window {
    pub(crate) fn after(warmup: Duration, length: Duration) -> Self {
        Self {
            start: Instant::now() + warmup,
            length,
        }
    }

    pub(crate) fn end(self) -> Instant {
        self.start + self.length
    }

    pub(crate) fn length(self) -> Duration {
        self.length
    }

    /// Waits for the window to pass and returns the CPU time used in it.
    pub(crate) async fn cpu(self, watched: Option<u32>) -> Result<CpuTimes, Failure> {
        let own = std::process::id();
        let watched_time = || watched.map(process_cpu::used_by).transpose();
        sleep_until(self.start).await;
        let (own_before, watched_before) = (process_cpu::used_by(own)?, watched_time()?);
        sleep_until(self.end()).await;
        let (own_after, watched_after) = (process_cpu::used_by(own)?, watched_time()?);
        Ok(CpuTimes {
            own: own_after.saturating_sub(own_before),
            watched: watched_after
                .zip(watched_before)
                .map(|(after, before)| after.saturating_sub(before)),
        })
    }
}

impl Samples {
    /// Keeps a call that ended inside the window, so that the count over the length is the throughput.
    pub(crate) fn record(&mut self, window: Window, sent: Instant, answered: Instant) {
        if answered >= window.start && answered < window.end() {
            let nanoseconds = answered.duration_since(sent).as_nanos();
            self.latencies
                .push(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_calls_that_end_inside_the_window_are_kept() {
        let window = Window::after(Duration::from_secs(10), Duration::from_secs(2));
        let second = Duration::from_secs(1);
        let mut samples = Samples::default();
        samples.record(window, window.start - second, window.start - second / 2);
        samples.record(window, window.start - second, window.start + second);
        samples.record(window, window.end() - second, window.end());
        assert_eq!(samples.latencies, [2_000_000_000]);
    }
}
