//! Durations of one thing, measured again and again.

use std::time::Duration;

use crate::statistics::percentile;

/// Every duration that was measured.
#[derive(Debug)]
pub(super) struct Samples {
    pub(super) what: &'static str,
    micros: Vec<u64>,
}

impl Samples {
    pub(super) fn new(what: &'static str) -> Self {
        Self {
            what,
            micros: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, duration: Duration) {
        self.micros
            .push(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
    }

    pub(super) fn count(&self) -> usize {
        self.micros.len()
    }

    /// In microseconds; 0 without samples.
    pub(super) fn percentile(&self, percent: f64) -> u64 {
        let mut sorted = self.micros.clone();
        sorted.sort_unstable();
        percentile(&sorted, percent).unwrap_or(0)
    }
}
