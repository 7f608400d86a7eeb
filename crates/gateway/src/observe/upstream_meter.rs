//! Counts what goes to one upstream.

use std::time::Instant;

use mcpg_metrics::table::{
    UPSTREAM_OUTCOMES, UPSTREAM_REQUEST_DURATION, UPSTREAM_REQUESTS, UPSTREAM_RESTARTS,
    UPSTREAM_SESSIONS_OPENED, UPSTREAM_UP,
};
use mcpg_metrics::{Counter, Gauge, Histogram};

/// The handles of one upstream, whose name is in all of them.
pub(crate) struct UpstreamMeter {
    outcomes: Vec<Counter>,
    duration: Histogram,
    up_legacy: Gauge,
    up_modern: Gauge,
    restarts: Counter,
    sessions_opened: Counter,
}

/// A request on its way; counted when it is dropped.
pub(crate) struct UpstreamRequest<'a> {
    meter: &'a UpstreamMeter,
    begun: Instant,
    outcome: UpstreamOutcome,
}

/// How a request to an upstream ends; the places are those of `UPSTREAM_OUTCOMES`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UpstreamOutcome {
    Ok = 0,
    Error = 1,
    NotSent = 2,
    Lost = 3,
    SessionGone = 4,
    Invalid = 5,
    Cancelled = 6,
}

impl UpstreamMeter {
    /// Takes the handles from the recorder of this process.
    pub(crate) fn new(upstream: &str) -> Self {
        let outcomes = UPSTREAM_OUTCOMES.iter();
        let meter = Self {
            outcomes: outcomes
                .map(|outcome| UPSTREAM_REQUESTS.counter(&[upstream, outcome]))
                .collect(),
            duration: UPSTREAM_REQUEST_DURATION.histogram(&[upstream]),
            up_legacy: UPSTREAM_UP.gauge(&[upstream, "legacy"]),
            up_modern: UPSTREAM_UP.gauge(&[upstream, "modern"]),
            restarts: UPSTREAM_RESTARTS.counter(&[upstream]),
            sessions_opened: UPSTREAM_SESSIONS_OPENED.counter(&[upstream]),
        };
        meter.is_up(false, false);
        meter
    }

    /// Whether the upstream can be used in either era.
    pub(crate) fn is_up(&self, legacy: bool, modern: bool) {
        self.up_legacy.set(f64::from(u8::from(legacy)));
        self.up_modern.set(f64::from(u8::from(modern)));
    }

    /// The upstream can be used again.
    pub(crate) fn came_back(&self) {
        self.restarts.increment(1);
    }

    /// A session was opened.
    pub(crate) fn opened_session(&self) {
        self.sessions_opened.increment(1);
    }

    /// A request is about to be sent. Dropped before its end, it was cut off.
    pub(crate) fn begin(&self) -> UpstreamRequest<'_> {
        UpstreamRequest {
            meter: self,
            begun: Instant::now(),
            outcome: UpstreamOutcome::Cancelled,
        }
    }
}

impl UpstreamRequest<'_> {
    /// It ends like this.
    pub(crate) fn end(mut self, outcome: UpstreamOutcome) {
        self.outcome = outcome;
    }
}

impl Drop for UpstreamRequest<'_> {
    fn drop(&mut self) {
        self.meter.outcomes[self.outcome as usize].increment(1);
        self.meter.duration.record(self.begun.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_the_table() {
        for (outcome, word) in [
            (UpstreamOutcome::Ok, "ok"),
            (UpstreamOutcome::Error, "error"),
            (UpstreamOutcome::NotSent, "not_sent"),
            (UpstreamOutcome::Lost, "lost"),
            (UpstreamOutcome::SessionGone, "session_gone"),
            (UpstreamOutcome::Invalid, "invalid"),
            (UpstreamOutcome::Cancelled, "cancelled"),
        ] {
            assert_eq!(UPSTREAM_OUTCOMES[outcome as usize], word);
        }
    }
}
