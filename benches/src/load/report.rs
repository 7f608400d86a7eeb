//! What one load run prints.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::window::{CpuTimes, Samples, Window};
use super::{Era, Options};
use crate::statistics::percentile;

/// The figures of one load run; all times are in microseconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) era: Era,
    pub(crate) connections: u32,
    pub(crate) seconds: f64,
    /// Answers inside the window, all of them checked.
    pub(crate) calls: usize,
    pub(crate) throughput_per_sec: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    /// Connections that ended early.
    pub(crate) errors: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_error: Option<String>,
    /// CPU time of the load itself.
    pub(crate) load_cpu_us_per_call: f64,
    /// CPU time of the process named by `--watch`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) watched_cpu_us_per_call: Option<f64>,
}

impl Report {
    pub(crate) fn new(options: &Options, window: Window, cpu: &CpuTimes, outcomes: Vec<Samples>) -> Self {
        let mut latencies = Vec::new();
        let mut errors = Vec::new();
        for samples in outcomes {
            latencies.extend(samples.latencies);
            errors.extend(samples.error);
        }
        latencies.sort_unstable();
        let calls = latencies.len();
        let seconds = window.length().as_secs_f64();
        Self {
            era: options.era,
            connections: options.connections,
            seconds,
            calls,
            throughput_per_sec: calls as f64 / seconds,
            p50_us: microseconds(percentile(&latencies, 50.0)),
            p99_us: microseconds(percentile(&latencies, 99.0)),
            errors: errors.len(),
            first_error: errors.first().map(ToString::to_string),
            load_cpu_us_per_call: per_call(cpu.own, calls),
            watched_cpu_us_per_call: cpu.watched.map(|time| per_call(time, calls)),
        }
    }
}

fn microseconds(nanoseconds: Option<u64>) -> f64 {
    nanoseconds.unwrap_or_default() as f64 / 1000.0
}

fn per_call(time: Duration, calls: usize) -> f64 {
    // A run without a single answer has failed anyway; it must not print what JSON cannot hold.
    time.as_secs_f64() * 1e6 / calls.max(1) as f64
}
